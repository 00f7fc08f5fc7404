/** What must hold when a soak has come to rest. Each finding is a line; none is what is wanted. */
import pMap from 'p-map';
import { listVersions, snapshotBucket } from '../support/bucket.ts';
import { sha256 } from '../support/client.ts';
import type { Artifact } from '../support/images.ts';
import { reach, registryRoot } from '../support/reach.ts';
import { snapshotTable } from '../support/table.ts';
import type { Model } from './model.ts';
import { REPOSITORIES } from './workload.ts';
import type { SoakWorld } from './world.ts';

type Checked = Pick<SoakWorld, 'endpoint' | 'bucket' | 'tables' | 'table' | 'client'>;

const CONCURRENCY = 8;

export interface Findings {
  /** What a pull of what is owed could not fetch, or fetched with other bytes. */
  readonly incomplete: readonly string[];
  /** Tags that are there and not owed, or the other way round. */
  readonly tags: readonly string[];
  readonly garbage: readonly string[];
  readonly deleting: readonly string[];
  /** Uploads that are over and of which versions are left. */
  readonly leftovers: readonly string[];
}

export async function check(world: Checked, model: Model): Promise<Findings> {
  const { endpoint, bucket } = world;
  const snapshot = await snapshotBucket(endpoint, bucket);
  const items = await snapshotTable(world.tables, world.table);
  return {
    incomplete: await incomplete(world, model),
    tags: await wrongTags(world, model),
    garbage: [...(await reach({ endpoint, bucket, snapshot })).garbageKeys].sort(),
    deleting: [...items].filter(([, item]) => item['state'] === 'deleting').map(([key]) => key),
    leftovers: await leftovers(world),
  };
}

/** Pulls all that is owed, as a client with an empty cache. */
async function incomplete({ client }: Checked, model: Model): Promise<string[]> {
  const owed = [
    ...model.tagged.map(({ repo, tag, artifact }) => ({ repo, reference: tag, artifact })),
    ...model.referring.map(({ repo, artifact }) => ({ repo, reference: artifact.digest, artifact })),
  ];
  const findings: string[] = [];
  const attempt = async (what: string, fetch: () => Promise<unknown>): Promise<void> => {
    try {
      await fetch();
    } catch (error) {
      findings.push(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  };
  const pull = async (repo: string, reference: string, artifact: Artifact): Promise<void> => {
    const what = `${repo}:${reference}`;
    await attempt(what, async () => {
      const { digest } = await client.getManifest(repo, reference);
      if (digest !== artifact.digest) throw new Error(`${digest}, not ${artifact.digest}`);
    });
    for (const bytes of artifact.blobs) {
      await attempt(`${what} ${sha256(bytes)}`, () => client.getBlob(repo, sha256(bytes)));
    }
    for (const child of artifact.children) await pull(repo, child.digest, child);
  };
  await pMap(owed, ({ repo, reference, artifact }) => pull(repo, reference, artifact), {
    concurrency: CONCURRENCY,
  });
  return findings.sort();
}

async function wrongTags({ client }: Checked, model: Model): Promise<string[]> {
  const listed = new Set<string>();
  for (const repo of REPOSITORIES) {
    for (const tag of await client.listTags(repo)) listed.add(`${repo}:${tag}`);
  }
  const owed = new Set(model.tagged.map(({ repo, tag }) => `${repo}:${tag}`));
  return [...listed.symmetricDifference(owed)].sort();
}

/** An upload that is begun and left has a current object; one that is finished has only versions under markers. */
async function leftovers({ endpoint, bucket }: Checked): Promise<string[]> {
  const open = new Set<string>();
  const all = new Set<string>();
  for (const { key, isLatest, isMarker } of await listVersions(
    endpoint,
    bucket,
    `${registryRoot()}repositories/`,
  )) {
    const [upload] = /^.+\/_uploads\/[^/]+(?=\/)/.exec(key) ?? [];
    if (upload === undefined) continue;
    all.add(upload);
    if (isLatest && !isMarker) open.add(upload);
  }
  return [...all.difference(open)].sort();
}
