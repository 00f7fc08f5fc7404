import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { holderKey, manifestKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import {
  cosignTag,
  type Digest,
  digestOf,
  image,
  index,
  type Manifest,
  referrer,
  signature,
} from '../support/images.ts';
import { type Call, intercept, once } from '../support/intercept.ts';
import { dataKey, historyKey, layerKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

/** One untagged image, indexed and long at rest. */
async function withGarbage(options: { versioned?: boolean } = {}) {
  const world = new World(options);
  const old = image('old');
  await world.registry.push('app', old, 'v1');
  world.clock.advance(MINUTE);
  await world.registry.push('app', image('new'), 'v1');
  // By another name too, so that it stays when a test takes this one away.
  world.registry.tag('app', image('new').digest, 'latest');
  await world.reindex();
  await world.later();
  return { world, old };
}

async function stateOf(world: World, digest: Digest, name = 'app') {
  const item = await world.metadata.manifest(name, digest);
  return item && { state: item.state, queued: item.queue !== undefined, dueAt: item.dueAt };
}

const isTake = ({ operation, arguments: [, change] }: Call): boolean =>
  operation === 'update' && Reflect.get(Object(Reflect.get(Object(change), 'set')), 'state') === 'deleting';

const onTable = (world: World, hooks: Parameters<typeof intercept>[1]): Partial<PruneDependencies> => ({
  table: intercept(world.table, hooks),
});

const onBucket = (world: World, hooks: Parameters<typeof intercept>[1]): Partial<PruneDependencies> => ({
  objects: (guard) => intercept(world.dependencies.objects(guard), hooks),
});

/** Everything a manifest needs to be pulled by its digest. */
async function missing(world: World, name: string, { digest, blobs }: Manifest): Promise<string[]> {
  const keys = await world.keys();
  const needed = [
    revisionKey(name, digest),
    dataKey(digest),
    ...blobs.flatMap((bytes) => [dataKey(digestOf(bytes)), layerKey(name, digestOf(bytes))]),
  ];
  return needed.filter((key) => !keys.has(key));
}

/** Blobs of the manifest of which the table does not say that it needs them. */
async function unreferenced(world: World, name: string, { digest, blobs }: Manifest): Promise<string[]> {
  const needed = [digest, ...blobs.map(digestOf)];
  const lost: string[] = [];
  for (const blob of needed) {
    const { references } = await world.metadata.blob(blob, { all: true });
    const own = references.find((reference) => reference.name === name && reference.manifest === digest);
    if (own === undefined || own.removedAt !== undefined) lost.push(blob);
  }
  return lost;
}

describe('step 1, grace', () => {
  it('queues a manifest that has not rested for the day on which it will have', async () => {
    const { world, old } = await withGarbage();
    const at = world.clock.now() - HOUR;
    await world.table.update(manifestKey('app', old.digest), { set: { touchedAt: at, dueAt: 1 } });
    const report = await world.prune();
    expect(report.imagesDeleted).toEqual([]);
    expect(await stateOf(world, old.digest)).toEqual({ state: 'live', queued: true, dueAt: at + DAY });
  });

  it('does not ask for holders before that', async () => {
    const { world, old } = await withGarbage();
    await world.table.update(manifestKey('app', old.digest), {
      set: { touchedAt: world.clock.now(), dueAt: 1 },
    });
    const asked: unknown[] = [];
    await world.prune(
      {},
      onTable(world, {
        before: ({ operation, arguments: [pk] }) => {
          if (operation === 'query' && String(pk).startsWith(`HOLDERS#app@${old.digest}`)) asked.push(pk);
        },
      }),
    );
    expect(asked).toEqual([]);
  });
});

describe('step 1, holders', () => {
  const child = image('child');
  const list = index([child]);
  const about = referrer(child.digest, 'sbom');
  const signed = signature(child.digest);

  it.each([
    { by: 'a tag', held: child, push: [[child, 'v1']] },
    { by: 'an index', held: child, push: [[child], [list, 'v1']] },
    { by: 'its subject', held: about, push: [[child, 'v1'], [about]] },
    {
      by: 'the subject of its cosign tag',
      held: signed,
      push: [
        [child, 'v1'],
        [signed, cosignTag(child.digest)],
      ],
    },
    {
      by: 'a cosign tag whose subject never was there',
      held: signed,
      push: [[signed, cosignTag(child.digest)]],
    },
  ] as const)('lets go of what is held by $by', async ({ held, push }) => {
    const world = new World();
    for (const [manifest, tag] of push) await world.registry.push('app', manifest, tag);
    await world.reindex();
    await world.later();
    const before = await world.keys();
    const report = await world.prune();
    expect(report.imagesDeleted).toEqual([]);
    expect(await world.keys()).toEqual(before);
    expect(await stateOf(world, held.digest)).toMatchObject({ state: 'live', queued: false });
  });

  it('does not count a tag that names another manifest in the bucket', async () => {
    const world = new World();
    const { registry, clock } = world;
    const [was, is] = [image('was'), image('is')];
    await registry.push('app', was, 'v1');
    await world.reindex();
    clock.advance(MINUTE);
    await registry.push('app', is, 'v1');
    await world.later();
    const report = await world.prune();
    expect(report.imagesDeleted).toEqual([{ deleted: was.digest }]);
    expect(await world.keys()).toSatisfy((keys: Map<string, number>) => keys.has(tagLinkKey('app', 'v1')));
    await world.reindex();
    expect(await missing(world, 'app', is)).toEqual([]);
  });

  it('deletes what hangs in a cycle, all of it at once', async () => {
    const world = new World();
    const { registry } = world;
    const cycle = index([child], { subject: child.digest });
    await registry.push('app', child);
    await registry.push('app', cycle);
    await world.reindex();
    await world.later();
    const report = await world.prune();
    expect(new Set(report.imagesDeleted)).toEqual(
      new Set([{ deleted: child.digest }, { deleted: cycle.digest }]),
    );
  });
});

describe('step 3, taking', () => {
  it('takes back what it took when one of the group has changed', async () => {
    const world = new World();
    const child = image('child');
    const list = index([child]);
    await world.registry.push('app', child);
    await world.registry.push('app', list);
    await world.reindex();
    await world.later();
    const at = world.clock.now();
    let takes = 0;
    const report = await world.prune(
      {},
      onTable(world, {
        before: once(
          (call) => isTake(call) && ++takes === 2,
          async () => {
            for (const { digest } of [child, list]) {
              await world.metadata.touchManifest('app', digest, { at, grace: DAY });
            }
          },
        ),
      }),
    );
    expect(report.imagesDeleted).toEqual([]);
    expect(await stateOf(world, child.digest)).toEqual({ state: 'live', queued: true, dueAt: at + DAY });
    expect(await stateOf(world, list.digest)).toEqual({ state: 'live', queued: true, dueAt: at + DAY });
    expect(await missing(world, 'app', child)).toEqual([]);
    expect(await missing(world, 'app', list)).toEqual([]);
  });
});

describe('step 3, taking, by many at once', () => {
  it.each([true, false])('a cycle and what hangs on it goes in one run, dry %s', async (dryRun) => {
    // Whichever of them is looked at first, all of them are met on the way up, in another order each time.
    for (let size = 2; size <= 6; size++) {
      const world = new World();
      const first = index([], { format: 'docker' });
      const second = index([first], { subject: first.digest });
      const hanging = Array.from({ length: size }, (_, at) => referrer(first.digest, `${size} ${at}`));
      for (const manifest of [first, second, ...hanging]) await world.registry.push('app', manifest);
      await world.reindex();
      await world.later();
      const report = await world.prune({ mode: 'offline', dryRun });
      const deleted = report.imagesDeleted.map((image) => Reflect.get(image, 'deleted'));
      expect(
        new Set(deleted).isSupersetOf(new Set([first, second, ...hanging].map(({ digest }) => digest))),
      ).toBe(true);
      expect(report.manifests.deleted).toBe(size + 2);
    }
  });
});

describe('step 4, the second look', () => {
  it('gives back what an index has begun to hold', async () => {
    const { world, old } = await withGarbage();
    const list = index([old]);
    const holder = holderKey('app', old.digest, { kind: 'index', digest: list.digest });
    const report = await world.prune(
      {},
      onTable(world, { after: once(isTake, () => world.table.write([{ put: { ...holder, since: 1 } }])) }),
    );
    expect(report.imagesDeleted).toEqual([]);
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'live', queued: true });
    expect(await missing(world, 'app', old)).toEqual([]);
  });

  it('gives back what one of its former tags names again, though no event has come', async () => {
    const { world, old } = await withGarbage();
    const report = await world.prune(
      {},
      onTable(world, { after: once(isTake, () => world.registry.tag('app', old.digest, 'v1')) }),
    );
    expect(report.imagesDeleted).toEqual([]);
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'live', queued: true });
    expect(await missing(world, 'app', old)).toEqual([]);
  });

  it('writes no journal line for what it gives back', async () => {
    const { world, old } = await withGarbage();
    const holder = holderKey('app', old.digest, { kind: 'index', digest: index([old]).digest });
    await world.prune(
      {},
      onTable(world, { after: once(isTake, () => world.table.write([{ put: { ...holder, since: 1 } }])) }),
    );
    const lines = await world.journal();
    expect(lines.filter(({ action }) => action === 'delete-manifest')).toEqual([]);
  });
});

describe('step 6, tags', () => {
  const everything = { filters: { dangling: ['false'] } };

  async function withTag(versioned = true) {
    const world = new World({ versioned, settings: { allowUnversioned: true } });
    const tagged = image('tagged');
    await world.registry.push('app', tagged, 'v1');
    await world.reindex();
    await world.later();
    return { world, tagged };
  }

  const isUntag = ({ operation }: Call) => operation === 'delete';

  it.each([true, false])('goes with its manifest and its history, versioned %s', async (versioned) => {
    const { world, tagged } = await withTag(versioned);
    const report = await world.prune(everything);
    expect(report.imagesDeleted).toEqual([{ untagged: 'app:v1' }, { deleted: tagged.digest }]);
    const keys = await world.keys();
    expect([...keys.keys()].filter((key) => key.includes('/_manifests/'))).toEqual([]);
    expect(await world.metadata.tag('app', 'v1')).toBeUndefined();
  });

  it('stays where it was moved to after the journal line', async () => {
    const { world, tagged } = await withTag();
    const next = image('next');
    const report = await world.prune(
      everything,
      onBucket(world, {
        before: once(isUntag, async () => void (await world.registry.push('app', next, 'v1'))),
      }),
    );
    expect(report.imagesDeleted).toEqual([]);
    const link = await world.bucket.get(tagLinkKey('app', 'v1'));
    expect(new TextDecoder().decode(link?.body)).toBe(next.digest);
    expect(await stateOf(world, tagged.digest)).toMatchObject({ state: 'live' });
    expect(await missing(world, 'app', tagged)).toEqual([]);
  });

  it('comes back when it was moved away and back, equal bytes and all', async () => {
    const { world, tagged } = await withTag();
    const report = await world.prune(
      everything,
      onBucket(world, {
        before: once(isUntag, async () => {
          await world.registry.push('app', image('between'), 'v1');
          world.registry.tag('app', tagged.digest, 'v1');
        }),
      }),
    );
    expect(report.imagesDeleted).toEqual([]);
    const link = await world.bucket.get(tagLinkKey('app', 'v1'));
    expect(new TextDecoder().decode(link?.body)).toBe(tagged.digest);
    expect(await stateOf(world, tagged.digest)).toMatchObject({ state: 'live' });
    expect(await missing(world, 'app', tagged)).toEqual([]);
  });

  it('is kept, with its manifest, when it was put within the grace period', async () => {
    const { world, tagged } = await withTag();
    world.registry.tag('app', tagged.digest, 'v2');
    await apply(world.index, { kind: 'tag', name: 'app', tag: 'v2' });
    await world.table.update(manifestKey('app', tagged.digest), { set: { touchedAt: 1, dueAt: 1 } });
    const report = await world.prune(everything);
    expect(report.imagesDeleted).toEqual([]);
    expect(await missing(world, 'app', tagged)).toEqual([]);
  });

  it('is kept, with its manifest, where it could not be brought back', async () => {
    const world = new World({ versioned: false });
    const tagged = image('tagged');
    await world.registry.push('app', tagged, 'v1');
    await world.reindex();
    await world.later();
    const report = await world.prune(everything);
    expect(report.imagesDeleted).toEqual([]);
    expect(report.refusals.map(({ code }) => code)).toContain('unversioned-bucket');
    expect(await missing(world, 'app', tagged)).toEqual([]);
  });
});

describe('step 6, links', () => {
  it('leaves a manifest whose link S3 refuses to delete for the next run, which counts it', async () => {
    const { world, old } = await withGarbage();
    world.bucket.refusedDeletes.set(revisionKey('app', old.digest), 'InternalError');
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'partial', imagesDeleted: [], manifests: { deleted: 0 } });
    expect(report.refusals.map(({ code }) => code)).toEqual(['failed']);
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'deleting', queued: true });

    world.bucket.refusedDeletes.clear();
    await world.beat();
    const next = await world.prune();
    expect(next).toMatchObject({ status: 'completed', imagesDeleted: [{ deleted: old.digest }] });
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'deleted', queued: false });
  });

  it('does the same for a link of its history', async () => {
    const { world, old } = await withGarbage();
    const key = historyKey('app', 'v1', old.digest);
    world.bucket.refusedDeletes.set(key, 'SlowDown');
    expect(await world.prune()).toMatchObject({ status: 'partial', imagesDeleted: [] });
    world.bucket.refusedDeletes.clear();
    await world.beat();
    expect(await world.prune()).toMatchObject({ imagesDeleted: [{ deleted: old.digest }] });
    expect((await world.keys()).has(key)).toBe(false);
  });
});

describe('step 8, the tombstone', () => {
  it('is not set on a manifest that was marked for rescue meanwhile: it is whole and live again', async () => {
    const { world, old } = await withGarbage();
    const gone = ({ operation, arguments: [keys] }: Call) =>
      operation === 'deleteMany' && Array.isArray(keys) && keys.includes(revisionKey('app', old.digest));
    const report = await world.prune(
      {},
      onBucket(world, {
        after: once(gone, async () => {
          const touch = { at: world.clock.now(), grace: DAY };
          expect(await world.metadata.touchManifest('app', old.digest, touch)).toBe('deleting');
        }),
      }),
    );
    expect(report).toMatchObject({ imagesDeleted: [], manifests: { deleted: 0 } });
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'live', queued: true });
    expect(await missing(world, 'app', old)).toEqual([]);
    expect(await unreferenced(world, 'app', old)).toEqual([]);
    const { added } = await world.reindex();
    expect(added).toMatchObject({ manifests: 0, links: 0, tags: 0 });
  });

  it('is set, and counted once, when only the indexer has seen the link go', async () => {
    const { world, old } = await withGarbage();
    const gone = ({ operation, arguments: [keys] }: Call) =>
      operation === 'deleteMany' && Array.isArray(keys) && keys.includes(revisionKey('app', old.digest));
    const report = await world.prune(
      {},
      onBucket(world, {
        after: once(gone, async () => {
          await apply(world.index, { kind: 'revision', name: 'app', digest: old.digest });
        }),
      }),
    );
    expect(report).toMatchObject({ imagesDeleted: [{ deleted: old.digest }], manifests: { deleted: 1 } });
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'deleted' });
  });

  it('is healed by a push of the same manifest afterwards', async () => {
    const { world, old } = await withGarbage();
    await world.prune();
    await world.registry.push('app', old, 'v2');
    await apply(world.index, { kind: 'revision', name: 'app', digest: old.digest });
    await apply(world.index, { kind: 'tag', name: 'app', tag: 'v2' });
    await world.later();
    await world.prune();
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'live', queued: false });
    expect(await missing(world, 'app', old)).toEqual([]);
  });

  it.each([
    { after: 'the manifest was deleted', rounds: 1 },
    { after: 'its blobs were unlinked', rounds: 2 },
    { after: 'its data was deleted', rounds: 3 },
  ])('is healed by a tag whose event comes after $after', async ({ rounds }) => {
    const { world, old } = await withGarbage();
    for (let round = 0; round < rounds; round++) {
      await world.prune();
      await world.later();
    }
    world.registry.tag('app', old.digest, 'v2');
    await apply(world.index, { kind: 'tag', name: 'app', tag: 'v2' });
    expect(await stateOf(world, old.digest)).toMatchObject({ state: 'live' });
    expect(await missing(world, 'app', old)).toEqual([]);
    expect(await unreferenced(world, 'app', old)).toEqual([]);
    await world.later();
    await world.prune({ mode: 'offline' });
    expect(await missing(world, 'app', old)).toEqual([]);
  });
});
