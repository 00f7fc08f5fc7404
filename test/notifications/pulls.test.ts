import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import type { Pull } from '../../lambdas/notifications/envelope.ts';
import { PullRecorder } from '../../lambdas/notifications/pulls.ts';
import { manifestKey, tagKey } from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { image } from '../support/images.ts';
import { type Hooks, intercept, once } from '../support/intercept.ts';
import { tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const pulled = image('pulled');
const { digest } = pulled;
const MANIFEST = manifestKey('app', digest);
const TAG = tagKey('app', 'v1');

/** A world with an image that has a tag, indexed an hour ago. */
async function indexed(): Promise<World> {
  const world = new World();
  await world.registry.push('app', pulled, 'v1');
  await world.reindex();
  world.clock.advance(HOUR);
  return world;
}

const recorderOf = (world: World, hooks: Hooks = {}, options: { maxRemembered?: number } = {}) =>
  new PullRecorder(new Metadata(intercept(world.table, hooks), world.newId), options);

const byTag = (at: number, tag = 'v1'): Pull => ({ repository: 'app', digest, tag, at });
const byDigest = (at: number): Pull => ({ repository: 'app', digest, at });

const versionOf = (item: Item | undefined) => Number(item?.['version']);

/** When the manifest and the tag were last pulled, as the table has it. */
async function times(world: World) {
  const [manifest, tag] = [
    await world.metadata.manifest('app', digest),
    await world.metadata.tag('app', 'v1'),
  ];
  return [manifest?.lastPulledAt, tag?.lastPulledAt];
}

describe('a pull', () => {
  it('by tag is recorded for the manifest and the tag, which get a new version and change in nothing else', async () => {
    const world = await indexed();
    const now = world.clock.now();
    const before = await world.table.getMany([MANIFEST, TAG]);
    expect(await recorderOf(world).record([byTag(now)])).toEqual({ recorded: 2, unchanged: 0, unknown: 0 });
    for (const item of before) {
      expect(await world.table.get(item)).toEqual({
        ...item,
        ...{ version: versionOf(item) + 1, lastPulledAt: now, stamp: expect.any(String) },
      });
    }
  });

  it('by digest is recorded for the manifest alone', async () => {
    const world = await indexed();
    const tag = await world.table.get(TAG);
    expect(await recorderOf(world).record([byDigest(world.clock.now())])).toMatchObject({ recorded: 1 });
    expect(await world.table.get(TAG)).toEqual(tag);
  });

  it('of an envelope that tells of it again and again is recorded once, the latest', async () => {
    const world = await indexed();
    const now = world.clock.now();
    const pulls = [byTag(now - MINUTE), byDigest(now), byTag(now - HOUR), byTag(now - SECOND)];
    expect(await recorderOf(world).record(pulls)).toEqual({ recorded: 2, unchanged: 0, unknown: 0 });
    expect(await times(world)).toEqual([now, now - SECOND]);
  });
});

describe('once an hour', () => {
  it.each(['this instance', 'another instance'])('is enough, as %s sees', async (who) => {
    const world = await indexed();
    const first = recorderOf(world);
    const start = world.clock.now();
    await first.record([byTag(start)]);
    const next = who === 'this instance' ? first : recorderOf(world);
    expect(await next.record([byTag(start + HOUR - 1)])).toEqual({ recorded: 0, unchanged: 2, unknown: 0 });
    expect(await times(world)).toEqual([start, start]);
    expect(await next.record([byTag(start + HOUR)])).toEqual({ recorded: 2, unchanged: 0, unknown: 0 });
    expect(await times(world)).toEqual([start + HOUR, start + HOUR]);
  });

  it('is all that is written or read of an image that is pulled all the time', async () => {
    const world = await indexed();
    await recorderOf(world).record([byTag(world.clock.now())]);
    // Another instance has written it; this one has seen it once.
    const recorder = recorderOf(world);
    await recorder.record([byTag(world.clock.now())]);
    const requests = new Map(world.table.requests);
    for (let pull = 0; pull < 1_000; pull++) {
      world.clock.advance(SECOND);
      await recorder.record([byTag(world.clock.now())]);
    }
    expect(world.table.requests).toEqual(requests);
  });

  it('is remembered for so many keys and no more: the oldest is read again', async () => {
    const world = await indexed();
    world.registry.tag('app', digest, 'v2');
    await world.reindex();
    const recorder = recorderOf(world, {}, { maxRemembered: 2 });
    const now = world.clock.now();
    await recorder.record([byTag(now)]);
    await recorder.record([byTag(now, 'v2')]);
    const reads = () => world.table.requests.get('GetItem') ?? 0;
    const before = reads();
    await recorder.record([byTag(now, 'v2')]);
    const remembered = reads();
    await recorder.record([byTag(now, 'v1')]);
    expect([remembered - before, reads() - remembered]).toEqual([1, 1]);
  });
});

describe('time', () => {
  it('never goes back', async () => {
    const world = await indexed();
    const now = world.clock.now();
    const recorder = recorderOf(world);
    await recorder.record([byTag(now)]);
    for (const late of [recorder, recorderOf(world)]) {
      expect(await late.record([byTag(now - DAY)])).toEqual({ recorded: 0, unchanged: 2, unknown: 0 });
    }
    expect(await times(world)).toEqual([now, now]);
  });

  it('does not go back when two instances record side by side', async () => {
    const world = await indexed();
    const now = world.clock.now();
    const isWrite = ({ operation }: { operation: string }) => operation === 'update';
    const overtaken = recorderOf(world, {
      before: once(isWrite, async () => void (await recorderOf(world).record([byDigest(now)]))),
    });
    expect(await overtaken.record([byDigest(now - 2 * HOUR)])).toMatchObject({ recorded: 0, unchanged: 1 });
    expect(await times(world)).toEqual([now, undefined]);
  });
});

describe('what may not be changed', () => {
  it('is not created: an image that is not indexed yet', async () => {
    const world = new World();
    await world.registry.push('app', pulled, 'v1');
    const now = world.clock.now();
    const recorder = recorderOf(world);
    expect(await recorder.record([byTag(now)])).toEqual({ recorded: 0, unchanged: 0, unknown: 2 });
    expect(await world.items()).toEqual([]);
    await world.reindex();
    expect(await recorder.record([byTag(now)])).toMatchObject({ recorded: 2 });
  });

  it('is a tombstone', async () => {
    const world = await indexed();
    await world.registry.deleteManifest('app', digest);
    await world.reindex();
    const tombstone = await world.table.get(MANIFEST);
    expect(tombstone).toMatchObject({ state: 'deleted' });
    expect(await recorderOf(world).record([byTag(world.clock.now())])).toEqual({
      ...{ recorded: 0, unchanged: 0, unknown: 2 },
    });
    expect([await world.table.get(MANIFEST), await world.table.get(TAG)]).toEqual([tombstone, undefined]);
  });

  it('is a tag that goes between the read and the write', async () => {
    const world = await indexed();
    const isWrite = ({ operation, arguments: [key] }: { operation: string; arguments: readonly unknown[] }) =>
      operation === 'update' && Reflect.get(Object(key), 'sk') === TAG.sk;
    const recorder = recorderOf(world, {
      before: once(isWrite, async () => void (await world.table.remove(TAG))),
    });
    expect(await recorder.record([byTag(world.clock.now())])).toMatchObject({ recorded: 1, unknown: 1 });
    expect(await world.table.get(TAG)).toBeUndefined();
  });

  it.each([
    { state: 'frozen', version: 1 },
    { state: 'live', version: 0 },
    { state: 'live', version: 'one' },
    { state: 'live' },
  ])('is what this version does not know: %j', async (attributes) => {
    const world = new World();
    const item = { ...MANIFEST, ...attributes };
    await world.table.put(item);
    expect(await recorderOf(world).record([byDigest(world.clock.now())])).toMatchObject({ unknown: 1 });
    expect(await world.table.get(MANIFEST)).toEqual(item);
  });
});

describe('a failing table', () => {
  it('is an error, and what was recorded is not recorded again', async () => {
    const world = await indexed();
    const now = world.clock.now();
    const isTag = ({ arguments: [key] }: { arguments: readonly unknown[] }) =>
      Reflect.get(Object(key), 'sk') === TAG.sk;
    const recorder = recorderOf(world, {
      before: once(isTag, () => {
        throw new Error('throttled');
      }),
    });
    await expect(recorder.record([byTag(now)])).rejects.toThrow('throttled');
    expect(await recorder.record([byTag(now)])).toEqual({ recorded: 1, unchanged: 1, unknown: 0 });
    expect(await times(world)).toEqual([now, now]);
  });
});

it('gives up on an item that keeps changing', async () => {
  const world = await indexed();
  const before = async ({ operation }: { operation: string }) => {
    if (operation === 'update') await world.table.update(MANIFEST, { add: { version: 1 } });
  };
  const recorder = recorderOf(world, { before });
  await expect(recorder.record([byDigest(world.clock.now())])).rejects.toThrow(/MANIFEST.* kept changing/);
  expect(await times(world)).toEqual([undefined, undefined]);
});

describe('the indexer', () => {
  async function withPull() {
    const world = await indexed();
    const at = world.clock.now();
    await recorderOf(world).record([byTag(at)]);
    world.clock.advance(MINUTE);
    return { world, at };
  }

  it('keeps what is recorded through a rebuild, which finds nothing to do', async () => {
    const { world, at } = await withPull();
    expect((await world.reindex()).added).toMatchObject({ manifests: 0, tags: 0 });
    expect(await times(world)).toEqual([at, at]);
  });

  it('keeps it when the manifest and the tag are pushed again', async () => {
    const { world, at } = await withPull();
    await world.registry.push('app', pulled, 'v1');
    await apply(world.index, { kind: 'revision', name: 'app', digest });
    await apply(world.index, { kind: 'tag', name: 'app', tag: 'v1' });
    expect(await times(world)).toEqual([at, at]);
  });

  it('keeps it when the tag moves: it is of the name', async () => {
    const { world, at } = await withPull();
    const next = image('next');
    await world.registry.push('app', next, 'v1');
    await world.reindex();
    expect(await world.metadata.tag('app', 'v1')).toMatchObject({ digest: next.digest, lastPulledAt: at });
    expect((await world.metadata.manifest('app', next.digest))?.lastPulledAt).toBeUndefined();
  });

  it('keeps it when a client deletes the manifest and pushes it again', async () => {
    const { world, at } = await withPull();
    await world.registry.deleteManifest('app', digest);
    await world.reindex();
    await world.registry.push('app', pulled, 'v1');
    await world.reindex();
    expect(await times(world)).toEqual([at, undefined]);
  });

  it('keeps it when what a run has deleted comes back', async () => {
    const { world, at } = await withPull();
    await world.registry.deleteTag('app', 'v1');
    await world.reindex();
    await world.later();
    expect(await world.prune()).toMatchObject({ manifests: { deleted: 1 } });
    expect(await world.metadata.manifest('app', digest)).toMatchObject({ state: 'deleted' });
    world.bucket.seed(tagLinkKey('app', 'v1'), digest, world.clock.date());
    await world.reindex();
    expect(await world.metadata.manifest('app', digest)).toMatchObject({ state: 'live', lastPulledAt: at });
  });
});
