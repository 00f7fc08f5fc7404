import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import { UPLOAD_AGE } from '../../lambdas/index/apply-upload.ts';
import type { Outcome } from '../../lambdas/index/context.ts';
import { uploadKey } from '../../lambdas/store/items.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { image, utf8 } from '../support/images.ts';
import { ROOT } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const uuid = '0a1b2c3d-0000-4000-8000-000000000000';
const other = 'ffffffff-0000-4000-8000-000000000000';

/** An event of any of its keys. */
const event = (world: World, of = uuid): Promise<Outcome> =>
  apply(world.index, { kind: 'upload', name: 'app', uuid: of, path: 'data' });
const item = (world: World, of = uuid): Promise<Item | undefined> => world.table.get(uploadKey('app', of));
const due = async (world: World) => ((await item(world))?.['dueAt'] as number) - world.clock.now();

async function ended(world: World, of = uuid): Promise<void> {
  world.registry.startUpload('app', of, utf8('bytes'));
  world.clock.advance(MINUTE);
  await world.registry.endUpload('app', of);
}

describe('an event of an upload', () => {
  it('in flight queues it for the day on which it would be abandoned, whatever versions it has', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('bytes'));
    await event(world);
    expect(await due(world)).toBe(UPLOAD_AGE);
    world.clock.advance(HOUR);
    await world.registry.continueUpload('app', uuid, 9);
    await event(world);
    expect(await due(world)).toBe(UPLOAD_AGE);
    world.clock.advance(HOUR);
    await event(world);
    expect(await due(world)).toBe(UPLOAD_AGE - HOUR);
  });

  it('of which only markers and versions are left queues it at once, however often', async () => {
    const world = new World();
    await ended(world);
    await event(world);
    const first = await item(world);
    expect(first).toMatchObject({
      startedAt: world.clock.now(),
      dueAt: world.clock.now(),
      queue: 'upload#0',
    });
    world.clock.advance(HOUR);
    await Promise.all([event(world), event(world)]);
    expect(await item(world)).toEqual({ ...first, version: 3 });
  });

  it('of which nothing is left removes it', async () => {
    const world = new World({ versioned: false });
    world.registry.startUpload('app', uuid, utf8('bytes'));
    await event(world);
    expect(await item(world)).toBeDefined();
    await world.registry.endUpload('app', uuid);
    await event(world);
    await event(world);
    expect(await item(world)).toBeUndefined();
  });

  it('costs one listing, and a bucket without versions is asked for none', async () => {
    for (const [versioned, listing] of [
      [false, 'ListObjectsV2'],
      [true, 'ListObjectVersions'],
    ] as const) {
      const world = new World({ versioned });
      const { index } = world;
      await ended(world);
      world.bucket.requests.clear();
      for (let n = 0; n < 5; n++) {
        await apply(index, { kind: 'upload', name: 'app', uuid, path: 'data' });
      }
      expect(Object.fromEntries(world.bucket.requests)).toEqual({ GetBucketVersioning: 1, [listing]: 5 });
    }
  });

  it('asks again whether there are versions when it could not be told', async () => {
    const world = new World();
    const { index } = world;
    await ended(world);
    const asked = index.bucket.objects.versioning;
    let fail = true;
    index.bucket.objects.versioning = async () => {
      if (fail) throw new Error('not now');
      return asked.call(world.bucket);
    };
    const look = () => apply(index, { kind: 'upload', name: 'app', uuid, path: 'data' });
    await expect(look()).rejects.toThrow('not now');
    fail = false;
    expect(await look()).toMatchObject({ status: 'applied' });
  });
});

describe('a rebuild', () => {
  it('finds what finished uploads of the past have left, once', async () => {
    const world = new World();
    await world.registry.push('app', image('app'), 'v1');
    await ended(world);
    world.registry.startUpload('app', other, utf8('in flight'));
    await world.registry.continueUpload('app', other, 9);
    const first = await world.reindex();
    expect(first).toMatchObject({ found: { uploads: 2 }, added: { uploads: 2 }, unrecognised: 0 });
    expect(await item(world)).toMatchObject({ dueAt: world.clock.now() });
    expect(await item(world, other)).toMatchObject({ dueAt: world.clock.now() + UPLOAD_AGE });
    const before = await world.items();
    world.clock.advance(HOUR);
    const second = await world.reindex();
    expect(second).toMatchObject({ found: { uploads: 2 }, added: { uploads: 0 }, removed: { uploads: 0 } });
    const uploads = (items: Item[]) => items.filter(({ pk }) => pk.startsWith('UPLOAD#'));
    expect(uploads(await world.items())).toEqual(uploads(before));
  });

  it('sees that one has ended, and that nothing of it is left', async () => {
    const world = new World();
    await world.registry.push('app', image('app'), 'v1');
    world.registry.startUpload('app', uuid, utf8('bytes'));
    await world.reindex();
    // At the very moment it was last written to.
    await world.registry.endUpload('app', uuid);
    expect(await world.reindex()).toMatchObject({ added: { uploads: 1 }, removed: { uploads: 0 } });
    expect(await due(world)).toBe(0);
    for await (const versions of world.bucket.versionsUnder(`${ROOT}repositories/app/_uploads/`)) {
      await world.bucket.deleteVersions(versions);
    }
    expect(await world.reindex()).toMatchObject({ found: { uploads: 0 }, removed: { uploads: 1 } });
    expect(await item(world)).toBeUndefined();
  });

  it('counts objects under `_uploads` that are none of an upload, and passes over their versions', async () => {
    const world = new World();
    const strange = `${ROOT}repositories/app/_uploads/readme.txt`;
    world.bucket.seed(strange, 'one');
    world.bucket.seed(strange, 'two');
    expect(await world.reindex()).toMatchObject({ unrecognised: 1, found: { uploads: 0 } });
    await world.bucket.deleteMany([strange]);
    await world.registry.push('app', image('app'));
    expect(await world.reindex()).toMatchObject({ unrecognised: 0, found: { uploads: 0 } });
  });
});
