/** Makes a plan: the run itself, rehearsed over a copy of table and bucket that is thrown away. */
import { finishRun, type PruneDependencies, runSlice, startRun } from '../prune/engine.ts';
import type { Report } from '../prune/report.ts';
import type { PruneRequest } from '../prune/request.ts';
import { originKey, SHARDS } from '../store/items.ts';
import {
  PLAN_KIND,
  PLAN_VERSION,
  type Plan,
  type PlanBody,
  type RegistryIdentity,
  sealPlan,
} from './document.ts';
import { PlanRecorder } from './recorder.ts';

/** What came of it. Without a plan the report says why not. */
export interface Planned {
  readonly plan?: Plan;
  /** Of the rehearsal. */
  readonly report: Report;
}

/**
 * Everything that a run would delete now, and everything that would be garbage for lack of that once it has rested.
 * What was touched lately is not in it. Nothing is changed anywhere, not even the lock.
 *
 * @param deadline milliseconds since the epoch; what was not looked at until then is not in the plan.
 * @throws what S3 and DynamoDB throw.
 * @example const { plan } = await makePlan(dependencies, request, Date.now() + 900_000);
 */
export async function makePlan(
  dependencies: PruneDependencies,
  request: PruneRequest,
  deadline: number,
): Promise<Planned> {
  const recorder = new PlanRecorder();
  const active = await startRun(dependencies, request, deadline, { rehearsal: recorder });
  await runSlice(active, SHARDS, deadline);
  const report = await finishRun(active);
  if (report.status === 'refused') return { report };
  const { grace, quarantine } = dependencies.settings;
  const offline = request.mode === 'offline';
  const lists = recorder.lists;
  const body: PlanBody = {
    ...{ kind: PLAN_KIND, schemaVersion: PLAN_VERSION, id: report.runId, createdAt: report.startedAt },
    ...{ status: report.status, registry: await identityOf(dependencies) },
    request: {
      filters: Object.fromEntries(
        Object.entries(request.filters.toJSON()).map(([name, values]) => [name, [...values]]),
      ),
      repositories: [...request.repositories],
      mode: request.mode,
    },
    times: offline ? { grace: 0, quarantine: 0 } : { grace, quarantine },
    ...summaryOf(lists),
    kept: report.refusals.map((refusal) => ({ ...refusal })),
    ...lists,
  };
  return { plan: sealPlan(body), report };
}

/** The registry that plans are made of and applied to, and the table that counts for them. */
export async function identityOf({
  bucketName,
  layout,
  table,
}: Pick<PruneDependencies, 'bucketName' | 'layout' | 'table'>): Promise<RegistryIdentity> {
  const origin = await table.get(originKey);
  return { bucket: bucketName, prefix: layout.prefix, index: String(origin?.['id'] ?? '') };
}

type Row = PlanBody['repositories'][number];
type Counts = { -readonly [name in keyof Row]: Row[name] };

/** In all, each blob once; and by repository. */
function summaryOf({ manifests, links, blobs, uploads, multipartUploads }: PlanRecorder['lists']) {
  const rows = new Map<string, Counts>();
  const rowOf = (repository: string): Counts => {
    const empty = { repository, manifests: 0, tags: 0, links: 0, blobs: 0, bytes: 0, sharedBytes: 0 };
    const row = rows.get(repository) ?? empty;
    rows.set(repository, row);
    return row;
  };
  for (const { repository, tags } of manifests) {
    const row = rowOf(repository);
    row.manifests++;
    row.tags += tags.length;
  }
  for (const { repository } of links) rowOf(repository).links++;
  for (const { repositories, size } of blobs) {
    for (const repository of repositories) {
      const row = rowOf(repository);
      if (repositories.length > 1) {
        row.sharedBytes += size;
        continue;
      }
      row.blobs++;
      row.bytes += size;
    }
  }
  const parts = [...uploads, ...multipartUploads];
  return {
    totals: {
      manifests: manifests.length,
      tags: manifests.reduce((sum, { tags }) => sum + tags.length, 0),
      links: links.length,
      blobs: blobs.length,
      bytes: sumOf(blobs),
      uploads: parts.length,
      uploadBytes: sumOf(parts),
    },
    repositories: [...rows.values()].sort(
      (a, b) => b.bytes - a.bytes || (a.repository < b.repository ? -1 : 1),
    ),
  };
}

const sumOf = (rows: readonly { readonly size: number }[]): number =>
  rows.reduce((sum, { size }) => sum + size, 0);
