/** A registry that was pushed, pruned of everything, and waits to be undone. */
import { expect } from 'vitest';
import { apiView } from './api-view.ts';
import { HOUR } from './clock.ts';
import { type Digest, digestOf, image, layer, type Manifest } from './images.ts';
import { dataKey } from './registry-writer.ts';
import { World } from './world.ts';

export const ALL = { mode: 'offline', filters: { dangling: ['false'] } };

/** A registry that is indexed, and then pruned of everything, offline. */
export async function pruned(push: (world: World) => Promise<void>, body: object = ALL) {
  const world = new World();
  await push(world);
  await world.later();
  await world.reindex();
  const before = await apiView(world.bucket);
  const report = await world.prune({ ...body });
  expect(report.status).toBe('completed');
  await world.later(HOUR);
  return { world, before, runId: report.runId, report };
}

export const one = image('one', { layers: [layer('one'), layer('shared')] });
export const two = image('two', { layers: [layer('two'), layer('shared')] });

export async function pushTagged({ registry }: World): Promise<void> {
  await registry.push('app', one, 'v1');
  await registry.push('app', two, 'v2');
}

/** Every version of a blob's data goes, as by a lifecycle rule or a person. */
export async function lose(world: World, digest: Digest): Promise<void> {
  const key = dataKey(digest);
  for (const { versionId } of await world.bucket.versions(key))
    await world.bucket.deleteVersion(key, versionId);
}

export const digestsOf = ({ digest, blobs }: Manifest): Digest[] => [digest, ...blobs.map(digestOf)];
export const nothing = { restored: 0, present: 0, skipped: 0 };
