import { describe, expect, it } from 'vitest';
import { holderKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { digestOf, image, type Manifest, referrer } from '../support/images.ts';
import { type Faults, LiveIndexer } from '../support/indexer.ts';
import { type Call, once } from '../support/intercept.ts';
import { historyKey, layerKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const liveWorld = () => {
  const world = new World();
  return { world, live: new LiveIndexer(world) };
};
const none = { manifests: 0, tags: 0, links: 0, blobs: 0, edges: 0 };

describe('what a client takes back while its push is being looked at', () => {
  const manifest = image('taken back');
  const layerOf = ({ blobs }: Manifest) => digestOf(blobs[1] ?? new Uint8Array());
  const cases = [
    { what: 'a manifest', key: revisionKey('app', manifest.digest), operation: 'head' },
    { what: 'a tag', key: tagLinkKey('app', 'v1'), operation: 'get' },
    { what: 'a link', key: layerKey('app', layerOf(manifest)), operation: 'head' },
  ];

  it.each(cases)('$what: its two events, side by side, leave nothing of it', async ({ key, operation }) => {
    const { world, live } = liveWorld();
    for (const bytes of manifest.blobs) await world.registry.upload('app', bytes);
    world.registry.tag('app', manifest.digest, 'v1');
    world.bucket.seed(revisionKey('app', manifest.digest), manifest.digest);
    // The first look has seen it; then it goes, and the look at that finds no item to change.
    const faults: Faults = {
      bucket: {
        after: once(
          (call: Call) => call.operation === operation && call.arguments[0] === key,
          async () => {
            await world.bucket.deleteMany([key]);
            expect((await live.keys([key])).failed).toEqual([]);
          },
        ),
      },
    };
    expect(await live.keys([key], faults)).toMatchObject({ applied: 1, failed: [], postponed: [] });
    const table = await world.items();
    expect(table.filter(({ state, removedAt }) => state === undefined && removedAt === undefined)).toEqual(
      table.filter(({ pk }) => pk === 'REPOSITORIES'),
    );
  });

  it('a tag that moved on twice leaves no edge where it was in between', async () => {
    const { world, live } = liveWorld();
    const [between, last] = [image('between'), image('last')];
    for (const one of [between, last]) await world.registry.push('app', one);
    await live.everything();
    world.registry.tag('app', between.digest, 'v1');
    const key = tagLinkKey('app', 'v1');
    await live.keys([key], {
      bucket: {
        after: once(
          (call: Call) => call.operation === 'get' && call.arguments[0] === key,
          async () => {
            world.registry.tag('app', last.digest, 'v1');
            await live.keys([key]);
          },
        ),
      },
    });
    expect(await world.metadata.holders('app', between.digest)).toEqual([]);
    expect(await world.metadata.holders('app', last.digest)).toEqual([{ kind: 'tag', tag: 'v1' }]);
  });
});

it('the name of a tag that a manifest had before it was deleted is known when it is pushed again', async () => {
  const { world, live } = liveWorld();
  const [manifest, next] = [image('pushed twice'), image('next')];
  await world.registry.push('app', manifest, 'v1');
  world.registry.tag('app', next.digest, 'v1');
  await world.registry.deleteManifest('app', manifest.digest);
  await live.keys([historyKey('app', 'v1', manifest.digest)]);
  await world.registry.push('app', manifest);
  await live.everything();
  expect(await world.metadata.manifest('app', manifest.digest)).toMatchObject({
    state: 'live',
    taggedAs: ['v1'],
  });
});

describe('an event that comes after a run', () => {
  it('finds a manifest whose bytes and config the run has hidden, and brings back all of it', async () => {
    const { world, live } = liveWorld();
    const manifest = image('late', { labels: [['team', 'core']] });
    await world.registry.push('base', manifest);
    await live.everything();
    // Pushed elsewhere: the registry finds the data and writes links alone.
    await world.registry.push('team/app', manifest, 'v1');
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    const result = await live.keys([revisionKey('team/app', manifest.digest)]);
    expect(new Set(result.restored.map(({ digest }) => digest))).toEqual(
      new Set([manifest.digest, ...manifest.blobs.map(digestOf)]),
    );
    expect(result.problems).toEqual([]);
    const item = await world.metadata.manifest('team/app', manifest.digest);
    expect(item).toMatchObject({ labels: [['team', 'core']], config: expect.any(String) });
    expect(item).not.toHaveProperty('problem');
    expect(await world.metadata.obstacles('team/app')).toEqual([]);
    await live.everything();
    expect((await world.reindex()).added).toMatchObject(none);
  });

  it('and is about a tag that has moved on: what the tag held meanwhile is garbage all the same', async () => {
    const { world, live } = liveWorld();
    const [held, next] = [image('held'), image('next')];
    for (const one of [held, next]) await world.registry.push('app', one);
    await live.everything();
    world.registry.tag('app', held.digest, 'v1');
    // Of the tag, the event of its history has come, and that of its link has not.
    await live.keys([historyKey('app', 'v1', held.digest)]);
    await world.later();
    await world.prune();
    expect(await world.table.get(holderKey('app', held.digest, { kind: 'tag', tag: 'v1' }))).toBeDefined();
    await world.later();
    await world.prune();
    expect(await world.metadata.manifest('app', held.digest)).not.toHaveProperty('queue');

    world.registry.tag('app', next.digest, 'v1');
    await live.keys([tagLinkKey('app', 'v1')]);
    const dueAt = world.clock.now() + DAY;
    expect(await world.metadata.manifest('app', held.digest)).toMatchObject({ dueAt });
    await world.later(DAY + HOUR);
    expect((await world.prune()).imagesDeleted).toContainEqual({ deleted: held.digest });
  });
});

describe('a tag that is seen after its manifest has been deleted', () => {
  it('brings back what lived by the manifest and went with it, and nothing that went before', async () => {
    const { world, live } = liveWorld();
    const subject = image('subject');
    const [sbom, withdrawn] = [referrer(subject.digest, 'sbom'), referrer(subject.digest, 'withdrawn')];
    for (const one of [subject, sbom, withdrawn]) await world.registry.push('app', one);
    await world.reindex();
    await world.registry.deleteManifest('app', withdrawn.digest);
    await live.keys([revisionKey('app', withdrawn.digest)]);
    // The tag is put, and its event is late by more than all that a run waits for.
    // With its subject, or after it, which depends on the order in which the two are come to.
    for (let round = 0; round < 2; round++) {
      await world.later();
      await world.prune();
    }
    expect(await world.metadata.manifest('app', sbom.digest)).toMatchObject({ state: 'deleted' });
    world.registry.tag('app', subject.digest, 'v1');
    await live.keys([tagLinkKey('app', 'v1')]);

    for (const { digest } of [subject, sbom]) {
      expect(await world.metadata.manifest('app', digest)).toMatchObject({ state: 'live' });
      expect(await world.bucket.head(revisionKey('app', digest))).toBeDefined();
    }
    expect(await world.bucket.head(revisionKey('app', withdrawn.digest))).toBeUndefined();
    // For good: it lives by its subject again.
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    expect(await world.bucket.head(revisionKey('app', sbom.digest))).toBeDefined();
  });
});
