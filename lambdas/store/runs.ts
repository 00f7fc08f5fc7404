/** The items of runs: what each did, and whether it can be undone. */
import * as v from 'valibot';
import { runsPk, UnknownItemError } from './items.ts';
import type { Item, Key, Table } from './table.ts';

/** No such run: it never was, was a dry run, or is older than the year for which runs are remembered. */
export class UnknownRunError extends Error {
  override readonly name = 'UnknownRunError';
}

const count = v.number();

const runSchema = v.object({
  status: v.string(),
  mode: v.string(),
  trigger: v.string(),
  /** ISO 8601. */
  startedAt: v.string(),
  /** Whether the bucket kept versions. Absent on runs of versions that had no undo. */
  recoverable: v.exactOptional(v.boolean()),
  /** ISO 8601: until when the bucket keeps what the run deleted. */
  recoverableUntil: v.exactOptional(v.string()),
  /** ISO 8601: when it was last undone, as far as anything was left to undo. */
  restoredAt: v.exactOptional(v.string()),
  // Those of the report, once the run has ended.
  spaceReclaimed: v.exactOptional(count),
  durationMs: v.exactOptional(count),
  manifests: v.exactOptional(v.looseObject({ deleted: count })),
  blobs: v.exactOptional(v.looseObject({ deleted: count, condemned: count })),
  links: v.exactOptional(v.looseObject({ deleted: count })),
  uploads: v.exactOptional(v.looseObject({ deleted: count, bytes: count })),
  refusals: v.exactOptional(count),
  journal: v.exactOptional(v.string()),
});

export type RunItem = v.InferOutput<typeof runSchema> & { readonly runId: string };

export const runKey = (runId: string): Key => ({ pk: runsPk, sk: runId });

function toRun(item: Item): RunItem {
  const result = v.safeParse(runSchema, item);
  if (result.success) return { ...result.output, runId: item.sk };
  const [issue] = result.issues;
  throw new UnknownItemError(item, `${v.getDotPath(issue) ?? 'item'}: ${issue.message}`);
}

/** @throws UnknownRunError */
export async function requireRun(table: Table, runId: string): Promise<RunItem> {
  const item = await table.get(runKey(runId));
  if (item === undefined) {
    throw new UnknownRunError(`no run ${JSON.stringify(runId)} is known: \`registry-prune runs\` lists them`);
  }
  return toRun(item);
}

/**
 * The latest runs, newest first.
 *
 * @param limit how many at most.
 */
export async function latestRuns(table: Table, limit: number): Promise<RunItem[]> {
  // Ids sort by time, and a table reads forwards only: a year of runs is a few pages.
  let latest: Item[] = [];
  let after: Key | undefined;
  do {
    const page = await table.query(runsPk, after === undefined ? {} : { after });
    latest = [...latest, ...page.items].slice(-limit);
    after = page.next;
  } while (after !== undefined);
  return latest.reverse().map(toRun);
}
