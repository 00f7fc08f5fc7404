/** Rebuilds in units over a world in memory, and what is compared of their tables. */
import type { Next, RebuildContext } from '../../lambdas/rebuild/next.ts';
import { runRebuild } from '../../lambdas/rebuild/run.ts';
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { historyKey } from './registry-writer.ts';
import { inForce } from './table-view.ts';
import type { World } from './world.ts';

export const WORK = 'registry-prune/reindex/';

/**
 * @param inventories the bucket that inventories are in.
 * @param objects instead of the world's own bucket.
 */
export const rebuildContext = (
  world: World,
  inventories: ObjectStore = new MemoryBucket(),
  objects: ObjectStore = world.bucket,
): RebuildContext => ({
  context: { ...world.index, bucket: new RegistryBucket(objects, world.layout) },
  bucketName: 'registry',
  workPrefix: WORK,
  storeOf: () => inventories,
  newId: world.newId,
});

export type Finished = Extract<Next, { finished: true }>;

export const rebuild = (world: World): Promise<Finished> => runRebuild(rebuildContext(world), {});

/** What the table says of the registry. */
export async function viewOf(world: World): Promise<Map<string, unknown>> {
  const keys = await world.keys();
  return inForce(await world.items(), (name, tag, digest) => keys.has(historyKey(name, tag, digest)));
}
