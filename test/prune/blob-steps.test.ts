import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { putLink } from '../../lambdas/store/hold.ts';
import { blobKey, referenceKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { type Digest, digestOf, image, layer, neverPushed } from '../support/images.ts';
import { type Call, CrashError, type Hooks, intercept, once } from '../support/intercept.ts';
import { dataKey, layerKey, revisionKey } from '../support/registry-writer.ts';
import { World, type WorldOptions } from '../support/world.ts';

const bytes = layer('nobody needs it');
const digest = digestOf(bytes);
const offline = { mode: 'offline' };

/** A blob that was uploaded and never used, indexed and long at rest. */
async function withUpload(options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.registry.upload('app', bytes);
  await world.registry.push('app', image('kept'), 'v1');
  await world.reindex();
  await world.later();
  return world;
}

/** The same, unlinked and condemned, with the quarantine over. */
async function condemned(options: WorldOptions = {}): Promise<World> {
  const world = await withUpload(options);
  await world.prune();
  expect(await stateOf(world)).toMatchObject({ state: 'condemned' });
  await world.later();
  return world;
}

async function stateOf(world: World, blob: Digest = digest) {
  const item = await world.metadata.blobItem(blob);
  return item && { state: item.state, queued: item.queue !== undefined, dueAt: item.dueAt };
}

async function has(world: World, ...keys: string[]): Promise<boolean[]> {
  const there = await world.keys();
  return keys.map((key) => there.has(key));
}

const onTable = (world: World, hooks: Hooks): Partial<PruneDependencies> => ({
  table: intercept(world.table, hooks),
});

const onBucket = (world: World, hooks: Hooks): Partial<PruneDependencies> => ({
  objects: (guard) => intercept(world.dependencies.objects(guard), hooks),
});

const isTake = ({ operation, arguments: [key, change] }: Call): boolean =>
  operation === 'update' &&
  Reflect.get(Object(key), 'pk') === `BLOB#${digest}` &&
  Reflect.get(Object(Reflect.get(Object(change), 'set')), 'state') === 'deleting';

const isDelete =
  (key: string) =>
  ({ operation, arguments: [keys] }: Call): boolean =>
    operation === 'deleteMany' && Array.isArray(keys) && keys.includes(key);

describe('step 1, references', () => {
  it('lets go of a blob that a manifest needs', async () => {
    const world = new World();
    const kept = image('kept', { layers: [bytes] });
    await world.registry.push('app', kept, 'v1');
    await world.reindex();
    await world.later();
    await world.prune();
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: false });
    expect(await stateOf(world, kept.digest)).toMatchObject({ state: 'live', queued: false });
  });

  it('removes the link of the repository that does not need it, and no other', async () => {
    const world = new World();
    await world.registry.push('app', image('kept', { layers: [bytes] }), 'v1');
    world.registry.mount('other', digest);
    await world.reindex();
    await world.later();
    const report = await world.prune();
    expect(report.links.deleted).toBe(1);
    expect(await has(world, layerKey('app', digest), layerKey('other', digest))).toEqual([true, false]);
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: false });
  });
});

describe('step 2, stale links', () => {
  it('stay for the grace period after the last upload', async () => {
    const world = await withUpload();
    await world.registry.upload('app', bytes);
    await world.reindex();
    await world.table.update(blobKey(digest), { set: { dueAt: 1 } });
    await world.prune();
    expect(await has(world, layerKey('app', digest))).toEqual([true]);
    expect(await stateOf(world)).toEqual({ state: 'live', queued: true, dueAt: world.clock.now() + DAY });
  });

  it('stay for the grace period of their own, though the blob has not been touched yet', async () => {
    const world = await withUpload();
    // The indexer has put the edge of a new upload and is about to touch the blob.
    await putLink(world.metadata, 'app', digest, world.clock.now());
    await world.prune();
    expect(await has(world, layerKey('app', digest))).toEqual([true]);
    expect(await stateOf(world)).toEqual({ state: 'live', queued: true, dueAt: world.clock.now() + DAY });
  });

  it('are written back when the upload came while they were removed', async () => {
    const world = await withUpload();
    const link = layerKey('app', digest);
    // The upload's event is handled before the link is deleted: the edge is not the one that was read.
    const report = await world.prune(
      {},
      onBucket(world, {
        before: once(isDelete(link), async () => {
          await world.registry.upload('app', bytes);
          await apply(world.index, { kind: 'layer', name: 'app', digest });
        }),
      }),
    );
    expect(await has(world, link, dataKey(digest))).toEqual([true, true]);
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: true });
    expect(report).toMatchObject({ links: { deleted: 0 }, blobs: { condemned: 0 } });
  });

  it('are written back when a manifest was indexed before they went, its links still found', async () => {
    const world = await withUpload();
    const link = layerKey('app', digest);
    const pushed = image('pushed', { layers: [bytes] });
    const report = await world.prune(
      {},
      onBucket(world, {
        before: once(isDelete(link), async () => {
          // The client found the layer by HEAD and uploads the config alone.
          for (const blob of pushed.blobs)
            if (digestOf(blob) !== digest) await world.registry.upload('app', blob);
          await world.registry.putManifest('app', pushed, 'v2');
          await apply(world.index, { kind: 'revision', name: 'app', digest: pushed.digest });
        }),
      }),
    );
    expect(await has(world, link, dataKey(digest))).toEqual([true, true]);
    expect(await world.metadata.link(digest, 'app')).not.toHaveProperty('removedAt');
    expect(report).toMatchObject({ links: { deleted: 0 }, blobs: { condemned: 0 } });
  });

  it('stay when the upload came right after they were removed', async () => {
    const world = await withUpload();
    const link = layerKey('app', digest);
    await world.prune(
      {},
      onBucket(world, {
        after: once(isDelete(link), async () => {
          await world.registry.upload('app', bytes);
          await apply(world.index, { kind: 'layer', name: 'app', digest });
        }),
      }),
    );
    expect(await has(world, link)).toEqual([true]);
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: true });
  });

  it('stay away when the indexer sees that they are gone before the run has marked their edge', async () => {
    const world = await withUpload();
    const link = layerKey('app', digest);
    const report = await world.prune(
      {},
      onBucket(world, {
        after: once(isDelete(link), async () => {
          await apply(world.index, { kind: 'layer', name: 'app', digest });
        }),
      }),
    );
    expect(await has(world, link)).toEqual([false]);
    expect(report.links.deleted).toBe(1);
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    expect(await has(world, dataKey(digest))).toEqual([false]);
  });

  it('are written back by the manifest whose push was accepted while they were removed', async () => {
    const world = await withUpload();
    const link = layerKey('app', digest);
    const late = image('late', { layers: [bytes] });
    await world.prune(
      {},
      onBucket(world, {
        before: once(isDelete(link), async () => void (await world.registry.push('app', late, 'late'))),
      }),
    );
    expect(await has(world, link)).toEqual([false]);
    await apply(world.index, { kind: 'revision', name: 'app', digest: late.digest });
    await apply(world.index, { kind: 'tag', name: 'app', tag: 'late' });
    expect(await has(world, link)).toEqual([true]);
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    expect(await has(world, link, dataKey(digest))).toEqual([true, true]);
  });

  it('that S3 refuses to delete keep the blob queued, and the run partial', async () => {
    const world = await withUpload();
    world.registry.mount('other', digest);
    await world.registry.push('other', image('needs it', { layers: [bytes] }), 'v1');
    await world.reindex();
    await world.later();
    world.bucket.refusedDeletes.set(layerKey('app', digest), 'SlowDown');
    expect(await world.prune()).toMatchObject({ status: 'partial', links: { deleted: 0 } });
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: true });
    world.bucket.refusedDeletes.clear();
    await world.beat();
    expect(await world.prune()).toMatchObject({ status: 'completed', links: { deleted: 1 } });
    expect(await has(world, layerKey('app', digest), layerKey('other', digest))).toEqual([false, true]);
  });

  it('that S3 keeps refusing do not keep an offline run from ending', async () => {
    const world = await withUpload();
    world.bucket.refusedDeletes.set(layerKey('app', digest), 'AccessDenied');
    expect(await world.prune(offline)).toMatchObject({ status: 'partial', blobs: { deleted: 0 } });
    expect(await has(world, layerKey('app', digest), dataKey(digest))).toEqual([true, true]);
  });
});

describe('step 3, condemned', () => {
  it('keeps the bytes for the quarantine', async () => {
    const world = await withUpload();
    const at = world.clock.now();
    const report = await world.prune();
    expect(report).toMatchObject({
      blobs: { condemned: 1, condemnedBytes: bytes.byteLength, deleted: 0 },
      spaceReclaimed: 0,
    });
    expect(await stateOf(world)).toEqual({ state: 'condemned', queued: true, dueAt: at + DAY });
    await world.later(DAY - HOUR);
    await world.prune();
    expect(await has(world, dataKey(digest))).toEqual([true]);
    await world.later(2 * HOUR);
    expect(await world.prune()).toMatchObject({ spaceReclaimed: bytes.byteLength });
    expect(await has(world, dataKey(digest))).toEqual([false]);
  });

  it('counts from when it was condemned, whatever the queue says', async () => {
    const world = await withUpload();
    await world.prune();
    const at = world.clock.now();
    await world.table.update(blobKey(digest), { set: { dueAt: 1 } });
    await world.prune();
    expect(await stateOf(world)).toEqual({ state: 'condemned', queued: true, dueAt: at + DAY });
    expect(await has(world, dataKey(digest))).toEqual([true]);
  });

  it('ends when the blob is uploaded again', async () => {
    const world = await condemned();
    await world.registry.upload('app', bytes);
    await apply(world.index, { kind: 'layer', name: 'app', digest });
    expect(await stateOf(world)).toMatchObject({ state: 'live' });
    expect(await world.prune()).toMatchObject({ spaceReclaimed: 0 });
    expect(await has(world, dataKey(digest), layerKey('app', digest))).toEqual([true, true]);
  });

  it('is where an online run stops on a bucket without versions', async () => {
    const world = await condemned({ versioned: false });
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'completed', spaceReclaimed: 0, blobs: { deleted: 0 } });
    expect(report.refusals.map(({ code }) => code)).toEqual(['unversioned-bucket']);
    expect(await has(world, dataKey(digest))).toEqual([true]);
    expect(await world.prune(offline)).toMatchObject({ spaceReclaimed: bytes.byteLength });
  });
});

describe('step 5, the last look', () => {
  it('finds a link in a repository that once had one', async () => {
    const world = await condemned();
    const report = await world.prune(
      {},
      onTable(world, { after: once(isTake, () => world.registry.mount('app', digest)) }),
    );
    expect(report).toMatchObject({ spaceReclaimed: 0, blobs: { deleted: 0, rescued: 1 } });
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: true });
    expect(await world.metadata.link(digest, 'app')).not.toHaveProperty('removedAt');
    expect(await has(world, dataKey(digest))).toEqual([true]);
  });

  it('finds a reference that was put meanwhile', async () => {
    const world = await condemned();
    const edge = { ...referenceKey(digest, 'app', neverPushed('manifest')), since: 1 };
    await world.prune({}, onTable(world, { after: once(isTake, () => world.table.write([{ put: edge }])) }));
    expect(await stateOf(world)).toMatchObject({ state: 'live' });
    expect(await has(world, dataKey(digest))).toEqual([true]);
  });

  it("finds a manifest's own link in a repository that once had it", async () => {
    const world = new World();
    const manifest = image('pushed again');
    await world.registry.push('app', manifest);
    await world.reindex();
    for (let round = 0; round < 2; round++) {
      await world.later();
      await world.prune();
    }
    expect(await stateOf(world, manifest.digest)).toMatchObject({ state: 'condemned' });
    // Its bytes are found, so they are not written; its event has not come yet.
    await world.registry.push('app', manifest, 'v1');
    await world.later();
    await world.prune();
    expect(await has(world, dataKey(manifest.digest), revisionKey('app', manifest.digest))).toEqual([
      true,
      true,
    ]);
    expect(await stateOf(world, manifest.digest)).toMatchObject({ state: 'live' });
  });
});

describe('step 7, deleting', () => {
  it('does not delete hidden data a second time, nor count it', async () => {
    const world = await condemned();
    await world.bucket.deleteMany([dataKey(digest)]);
    const before = await world.bucket.versions(dataKey(digest));
    const report = await world.prune();
    expect(report).toMatchObject({ spaceReclaimed: 0, blobs: { deleted: 0 }, status: 'completed' });
    expect(await world.bucket.versions(dataKey(digest))).toEqual(before);
    expect(await stateOf(world)).toMatchObject({ state: 'deleted', queued: false });
  });

  it('neither counts nor forgets a key that S3 refuses', async () => {
    const world = await condemned();
    world.bucket.refusedDeletes.set(dataKey(digest), 'InternalError');
    expect(await world.prune()).toMatchObject({
      status: 'partial',
      spaceReclaimed: 0,
      imagesDeleted: [],
      blobs: { deleted: 0, failed: 1 },
    });
    expect(await stateOf(world)).toMatchObject({ state: 'deleting', queued: true });
    world.bucket.refusedDeletes.clear();
    await world.beat();
    expect(await world.prune()).toMatchObject({
      status: 'completed',
      spaceReclaimed: bytes.byteLength,
      imagesDeleted: [{ deleted: digest }],
    });
  });

  it('remembers the delete marker by which the data comes back', async () => {
    const world = await condemned();
    await world.prune();
    const [latest] = await world.bucket.versions(dataKey(digest));
    expect(await world.metadata.blobItem(digest)).toMatchObject({
      state: 'deleted',
      deleteMarker: latest?.versionId,
    });
  });
});

describe('step 8, the tombstone', () => {
  const rescue = (world: World): Partial<PruneDependencies> =>
    onBucket(world, {
      after: once(isDelete(dataKey(digest)), async () => {
        world.registry.mount('app', digest);
        const outcome = await apply(world.index, { kind: 'layer', name: 'app', digest });
        expect(outcome.status).toBe('retry');
      }),
    });

  it('is not set on a blob that was marked for rescue meanwhile: its data is visible again', async () => {
    const world = await condemned();
    const report = await world.prune({}, rescue(world));
    expect(report).toMatchObject({ spaceReclaimed: 0, imagesDeleted: [], blobs: { deleted: 0, rescued: 1 } });
    expect(await has(world, dataKey(digest), layerKey('app', digest))).toEqual([true, true]);
    expect(await stateOf(world)).toMatchObject({ state: 'live', queued: true });
  });

  it('is set where the data cannot be brought back, which a manifest that needs it makes loud', async () => {
    const world = await condemned({ versioned: false, settings: { allowUnversioned: true } });
    const late = image('late', { layers: [bytes] });
    const report = await world.prune(
      {},
      onBucket(world, {
        after: once(isDelete(dataKey(digest)), async () => {
          await world.registry.putManifest('app', late, 'late');
          await apply(world.index, { kind: 'revision', name: 'app', digest: late.digest });
        }),
      }),
    );
    expect(report.status).toBe('partial');
    expect(report.refusals).toContainEqual(expect.objectContaining({ code: 'lost', digest }));
    expect(await stateOf(world)).toMatchObject({ state: 'deleted' });
  });

  it('counts the bytes that a run deleted which did not live to count them', async () => {
    const world = await condemned();
    let dead = false;
    const after: Hooks['after'] = (call) => {
      dead ||= isDelete(dataKey(digest))(call);
      if (dead) throw new CrashError('gone');
    };
    await expect(world.prune({}, onBucket(world, { after }))).rejects.toThrow(CrashError);
    expect(await has(world, dataKey(digest))).toEqual([false]);
    await world.later();
    expect(await world.prune()).toMatchObject({
      spaceReclaimed: bytes.byteLength,
      imagesDeleted: [{ deleted: digest }],
    });
    await world.later();
    expect(await world.prune()).toMatchObject({ spaceReclaimed: 0, imagesDeleted: [] });
  });

  it('is healed by an upload whose event comes after', async () => {
    const world = await condemned();
    await world.prune();
    world.registry.mount('app', digest);
    expect(await apply(world.index, { kind: 'layer', name: 'app', digest })).toEqual({ status: 'applied' });
    expect(await has(world, dataKey(digest))).toEqual([true]);
    expect(await stateOf(world)).toMatchObject({ state: 'live' });
  });

  it('is reported lost by an upload whose event comes after, on a bucket without versions', async () => {
    const world = await condemned({ versioned: false, settings: { allowUnversioned: true } });
    await world.prune();
    world.registry.mount('app', digest);
    const outcome = await apply(world.index, { kind: 'layer', name: 'app', digest });
    expect(outcome).toEqual({ status: 'lost', digests: [digest] });
  });
});
