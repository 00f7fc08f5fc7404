import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import type { IndexContext } from '../../lambdas/index/context.ts';
import type { RegistryKey } from '../../lambdas/registry/layout.ts';
import { blobKey, holderKey, manifestKey, referenceKey } from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { DAY, HOUR } from '../support/clock.ts';
import {
  buildCache,
  cosignTag,
  type Digest,
  digestOf,
  image,
  index,
  layer,
  type Manifest,
  malformed,
  referrer,
  schema1,
  signature,
  unknown,
} from '../support/images.ts';
import { type Hooks, intercept, once } from '../support/intercept.ts';
import { dataKey, layerKey, revisionKey } from '../support/registry-writer.ts';
import { inForce } from '../support/table-view.ts';
import { World } from '../support/world.ts';

/** Applies every key of the registry once, in an order of choice. */
async function applyAll(world: World, order: (keys: string[]) => string[] = (keys) => keys): Promise<void> {
  for (const key of order([...(await world.keys()).keys()])) {
    await apply(world.index, world.layout.parse(key));
  }
}

const revision = (digest: Digest, name = 'app'): RegistryKey => ({ kind: 'revision', name, digest });
const tagged = (tag: string, name = 'app'): RegistryKey => ({ kind: 'tag', name, tag });
const linked = (digest: Digest, name = 'app'): RegistryKey => ({ kind: 'layer', name, digest });

const itemOf = (world: World, { digest }: Manifest) => world.metadata.manifest('app', digest);

const withFaults = (world: World, table: Hooks, bucket: Hooks = {}): IndexContext => ({
  ...world.index,
  metadata: new Metadata(intercept(world.table, table), world.newId),
  bucket: new RegistryBucket(intercept(world.bucket, bucket), world.layout),
});

describe('a manifest', () => {
  it('becomes an item with all it names', async () => {
    const world = new World();
    const [one, two] = [layer('one'), layer('two')];
    const manifest = image('image', { layers: [one, two], labels: [['team', 'core']] });
    await world.registry.push('app', manifest, 'v1');
    await applyAll(world);
    expect(await itemOf(world, manifest)).toMatchObject({
      name: 'app',
      state: 'live',
      mediaType: manifest.mediaType,
      size: manifest.bytes.byteLength,
      pushedAt: world.clock.now(),
      labels: [['team', 'core']],
      layers: [digestOf(one), digestOf(two)],
      children: [],
      taggedAs: ['v1'],
      dueAt: world.clock.now() + DAY,
    });
    expect(await world.metadata.holders('app', manifest.digest)).toEqual([{ kind: 'tag', tag: 'v1' }]);
    for (const blob of [digestOf(one), digestOf(two), manifest.digest]) {
      expect(await world.metadata.blob(blob)).toMatchObject({
        item: { state: 'live' },
        references: [{ name: 'app', manifest: manifest.digest }],
      });
    }
  });

  const child = image('child');
  it.each([
    { kind: 'an index', manifest: index([child]), children: [child.digest], layers: 0 },
    { kind: 'a build cache', manifest: buildCache([layer('a')]), children: 2, layers: 2 },
    { kind: 'schema 1', manifest: schema1('old', [layer('a')]), children: 0, layers: 1 },
    {
      kind: 'a referrer',
      manifest: referrer(child.digest, 's'),
      children: 0,
      layers: 1,
      subject: child.digest,
    },
  ])('may be $kind', async ({ manifest, children, layers, subject }) => {
    const world = new World();
    await world.registry.push('app', manifest);
    await applyAll(world);
    const item = await itemOf(world, manifest);
    expect(item).not.toHaveProperty('problem');
    expect(item?.layers).toHaveLength(layers);
    if (Array.isArray(children)) expect(item?.children).toEqual(children);
    else expect(item?.children).toHaveLength(children);
    expect(item?.subject).toBe(subject);
  });

  it.each([
    { why: 'it cannot be read', code: 'unreadable', manifest: malformed('m'), spoil: [] },
    { why: 'its media type is not known', code: 'unknown-media-type', manifest: unknown('u', []), spoil: [] },
    {
      why: 'its config is not there',
      code: 'config-missing',
      manifest: image('c'),
      spoil: [digestOf(image('c').blobs[0] ?? new Uint8Array())],
    },
    { why: 'its bytes are not there', code: 'unreadable', manifest: image('d'), spoil: [image('d').digest] },
  ])('has a problem when $why', async ({ code, manifest, spoil }) => {
    const world = new World();
    await world.registry.push('app', manifest);
    await world.bucket.deleteMany(spoil.map(dataKey));
    await applyAll(world);
    expect((await itemOf(world, manifest))?.problem?.code).toBe(code);
    expect((await world.metadata.obstacles('app')).map(({ what }) => what)).toEqual(
      code === 'unreadable' ? [`MANIFEST#${manifest.digest}`] : [],
    );
  });

  it('is no obstacle any more when a client has deleted it', async () => {
    const world = new World();
    const manifest = malformed('m');
    await world.registry.push('app', manifest);
    await applyAll(world);
    await world.registry.deleteManifest('app', manifest.digest);
    await apply(world.index, revision(manifest.digest));
    expect(await world.metadata.obstacles('app')).toEqual([]);
  });

  it('that a client deletes queues its children, referrers, signatures and blobs', async () => {
    const world = new World();
    const list = index([child]);
    const [about, signed] = [referrer(list.digest, 's'), signature(list.digest)];
    await world.registry.push('app', child);
    await world.registry.push('app', list, 'v1');
    await world.registry.push('app', about);
    await world.registry.push('app', signed, cosignTag(list.digest));
    await world.reindex();
    await world.later();
    await world.prune();
    for (const held of [child, about, signed]) expect(await itemOf(world, held)).not.toHaveProperty('queue');

    await world.registry.deleteManifest('app', list.digest);
    await apply(world.index, revision(list.digest));
    const dueAt = world.clock.now() + DAY;
    expect(await itemOf(world, list)).toMatchObject({ state: 'deleted' });
    for (const held of [child, about, signed]) expect(await itemOf(world, held)).toMatchObject({ dueAt });
    expect(await world.metadata.blobItem(list.digest)).toMatchObject({ state: 'live', dueAt });
    expect(await world.metadata.holders('app', child.digest)).toEqual([]);
  });

  it('gets a new version from every look that finds its link absent', async () => {
    const world = new World();
    await world.registry.push('app', child);
    await applyAll(world);
    await world.registry.deleteManifest('app', child.digest);
    await apply(world.index, revision(child.digest));
    const first = await itemOf(world, child);
    await apply(world.index, revision(child.digest));
    expect((await itemOf(world, child))?.version).toBe((first?.version ?? 0) + 1);
  });
});

describe('the order of steps', () => {
  const manifest = image('image');

  it('comes to the same table forwards, backwards, and twice', async () => {
    const views = [];
    for (const order of [
      (keys: string[]) => keys,
      (keys: string[]) => keys.toReversed(),
      (keys: string[]) => [...keys, ...keys.toReversed()],
    ]) {
      const world = new World();
      const list = index([manifest], { subject: manifest.digest });
      await world.registry.push('app', manifest);
      await world.registry.push('app', list, 'v1');
      await world.registry.push('app', referrer(list.digest, 's'));
      await world.registry.push('web', manifest, 'v1');
      world.registry.tag('app', manifest.digest, 'v1');
      await applyAll(world, order);
      // What was put off comes again.
      await applyAll(world, order);
      views.push(inForce(await world.items()));
    }
    expect(views[1]).toEqual(views[0]);
    expect(views[2]).toEqual(views[0]);
  });

  it('puts edges before it touches, and the item of the key last', async () => {
    const world = new World();
    await world.registry.push('app', manifest);
    const written: string[] = [];
    const note = ({ operation, arguments: [what] }: { operation: string; arguments: readonly unknown[] }) => {
      if (operation === 'write') written.push('edges');
      if (operation === 'update' || operation === 'put')
        written.push(String(Reflect.get(Object(what), 'sk')));
    };
    await apply(withFaults(world, { before: note }), revision(manifest.digest));
    expect(written.indexOf('edges')).toBeLessThan(written.indexOf('BLOB'));
    expect(written.at(-1)).toBe(`MANIFEST#${manifest.digest}`);
  });

  it('starts over when the item changes under it', async () => {
    const world = new World();
    await world.registry.push('app', manifest);
    const key = manifestKey('app', manifest.digest);
    // The client deletes the manifest after it was read and before the item is written.
    const context = withFaults(world, {
      before: once(
        ({ operation, arguments: [what] }) =>
          operation === 'update' && Reflect.get(Object(what), 'sk') === key.sk,
        async () => {
          await apply(world.index, revision(manifest.digest));
          await world.registry.deleteManifest('app', manifest.digest);
          await apply(world.index, revision(manifest.digest));
        },
      ),
    });
    expect(await apply(context, revision(manifest.digest))).toEqual({ status: 'applied' });
    expect(await itemOf(world, manifest)).toMatchObject({ state: 'deleted' });
    const view = await world.metadata.blob(manifest.digest, { all: true });
    expect(view.references.filter(({ removedAt }) => removedAt === undefined)).toEqual([]);
  });

  it('is made good by a retry after a crash at any write', async () => {
    const [before, after] = [image('before'), image('after')];
    for (let at = 1; ; at++) {
      const world = new World();
      await world.registry.push('app', before, 'v1');
      await applyAll(world);
      world.clock.advance(HOUR);
      await world.registry.push('app', after, 'v1');
      let writes = 0;
      const crash: Hooks = {
        before: ({ operation }) => {
          if (['put', 'update', 'write', 'remove'].includes(operation) && ++writes >= at)
            throw new Error('crash');
        },
      };
      let crashed = false;
      for (const key of [revision(after.digest), tagged('v1')]) {
        await apply(withFaults(world, crash), key).catch(() => {
          crashed = true;
        });
      }
      await applyAll(world);
      expect(await world.metadata.holders('app', before.digest)).toEqual([]);
      expect(await world.metadata.holders('app', after.digest)).toEqual([{ kind: 'tag', tag: 'v1' }]);
      expect(await itemOf(world, before)).toMatchObject({ queue: expect.any(String) });
      if (!crashed) return;
    }
  });
});

describe('a tag', () => {
  const [was, is] = [image('was'), image('is')];

  it('that moves queues the manifest it left', async () => {
    const world = new World();
    await world.registry.push('app', was, 'v1');
    await applyAll(world);
    await world.later();
    await world.prune();
    expect(await itemOf(world, was)).not.toHaveProperty('queue');
    await world.registry.push('app', is, 'v1');
    await apply(world.index, tagged('v1'));
    expect(await itemOf(world, was)).toMatchObject({ dueAt: world.clock.now() + DAY, taggedAs: ['v1'] });
    expect(await world.metadata.tag('app', 'v1')).toMatchObject({ digest: is.digest });
  });

  it('that is deleted queues the manifest, and leaves no edge', async () => {
    const world = new World();
    await world.registry.push('app', was, 'v1');
    await applyAll(world);
    await world.registry.deleteTag('app', 'v1');
    world.clock.advance(HOUR);
    await apply(world.index, tagged('v1'));
    expect(await world.metadata.tag('app', 'v1')).toBeUndefined();
    expect(await world.metadata.holders('app', was.digest)).toEqual([]);
    expect(await itemOf(world, was)).toMatchObject({ dueAt: world.clock.now() + DAY });
  });

  it('is told to its manifest when it comes before it', async () => {
    const world = new World();
    await world.registry.push('app', was, 'v1');
    await apply(world.index, tagged('v1'));
    await apply(world.index, revision(was.digest));
    expect(await itemOf(world, was)).toMatchObject({ taggedAs: ['v1'] });
  });

  it('of a manifest that a client has deleted brings nothing back', async () => {
    const world = new World();
    await world.registry.push('app', was, 'v1');
    await applyAll(world);
    await world.bucket.deleteMany([revisionKey('app', was.digest)]);
    await apply(world.index, revision(was.digest));
    await apply(world.index, tagged('v1'));
    expect((await world.keys()).has(revisionKey('app', was.digest))).toBe(false);
  });
});

describe('targets on their way out', () => {
  const manifest = image('image');

  it.each(['manifest', 'blob'])('a %s being deleted is marked, and the event tried again', async (kind) => {
    const world = new World();
    await world.registry.push('app', manifest, 'v1');
    await applyAll(world);
    const key = kind === 'manifest' ? manifestKey('app', manifest.digest) : blobKey(manifest.digest);
    await world.table.update(key, { set: { state: 'deleting' } });
    const outcome = await apply(world.index, kind === 'manifest' ? tagged('v1') : revision(manifest.digest));
    expect(outcome.status).toBe('retry');
    expect(await world.table.get(key)).toMatchObject({ state: 'deleting', rescue: true });
  });

  it('a condemned blob becomes live again', async () => {
    const world = new World();
    await world.registry.push('app', manifest, 'v1');
    await applyAll(world);
    await world.table.update(blobKey(manifest.digest), { set: { state: 'condemned', condemnedAt: 1 } });
    await apply(world.index, revision(manifest.digest));
    const item = await world.metadata.blobItem(manifest.digest);
    expect(item).toMatchObject({ state: 'live' });
    expect(item).not.toHaveProperty('condemnedAt');
  });

  it('hidden data of a live blob is brought back', async () => {
    const world = new World();
    await world.registry.push('app', manifest, 'v1');
    await applyAll(world);
    await world.bucket.deleteMany([dataKey(manifest.digest)]);
    await apply(world.index, { kind: 'blob', digest: manifest.digest });
    expect((await world.keys()).has(dataKey(manifest.digest))).toBe(true);
  });

  it('data of a deleted or unknown blob makes it live and queued', async () => {
    const world = new World();
    const digest = await world.registry.upload('app', layer('data'));
    await apply(world.index, { kind: 'blob', digest });
    expect(await world.metadata.blobItem(digest)).toMatchObject({
      state: 'live',
      dueAt: world.clock.now() + DAY,
    });
    await world.table.update(blobKey(digest), { set: { state: 'deleted' }, remove: ['queue', 'dueAt'] });
    await apply(world.index, { kind: 'blob', digest });
    expect(await world.metadata.blobItem(digest)).toMatchObject({
      state: 'live',
      dueAt: world.clock.now() + DAY,
    });
  });
});

describe('a link', () => {
  const manifest = image('image');
  const [config] = manifest.blobs;
  const digest = digestOf(config ?? new Uint8Array());

  it('that is absent though a manifest needs the blob is written back', async () => {
    const world = new World();
    await world.registry.push('app', manifest, 'v1');
    await applyAll(world);
    for (const key of [linked(digest), revision(manifest.digest)]) {
      await world.bucket.deleteMany([layerKey('app', digest)]);
      await apply(world.index, key);
      expect((await world.keys()).has(layerKey('app', digest))).toBe(true);
    }
  });

  it('that is absent and not needed is marked removed, and kept for the last look', async () => {
    const world = new World();
    const blob = await world.registry.upload('app', layer('unused'));
    await applyAll(world);
    await world.bucket.deleteMany([layerKey('app', blob)]);
    await apply(world.index, linked(blob));
    expect(await world.metadata.link(blob, 'app')).toMatchObject({ removedAt: world.clock.now() });
    expect(await world.metadata.blobItem(blob)).toMatchObject({ dueAt: world.clock.now() + DAY });
  });
});

describe('keys that are none of the registry', () => {
  it('are ignored', async () => {
    const world = new World();
    const outcome = await apply(world.index, world.layout.parse('registry-prune/journal/x.ndjson'));
    expect(outcome).toEqual({ status: 'ignored' });
    expect(await world.items()).toEqual([]);
  });
});

describe('edges', () => {
  it('are removed by the manifest that put them, and no others', async () => {
    const world = new World();
    const manifest = image('image');
    const blob = digestOf(manifest.blobs[0] ?? new Uint8Array());
    await world.registry.push('app', manifest, 'v1');
    await world.registry.push('web', manifest, 'v1');
    await applyAll(world);
    await world.registry.deleteManifest('app', manifest.digest);
    await apply(world.index, revision(manifest.digest));
    expect(await world.table.get(referenceKey(blob, 'app', manifest.digest))).toBeUndefined();
    expect(await world.table.get(referenceKey(blob, 'web', manifest.digest))).toBeDefined();
    const own = await world.table.get(referenceKey(manifest.digest, 'app', manifest.digest));
    expect(own).toMatchObject({ removedAt: world.clock.now() });
    const holder = holderKey('web', manifest.digest, { kind: 'tag', tag: 'v1' });
    expect(await world.table.get(holder)).toBeDefined();
  });
});

describe('a label with half a surrogate pair', () => {
  it('is kept as Go reads it, so that the table can hold it', async () => {
    const world = new World();
    const odd = image('odd', { labels: [['a\ud800', 'b\udc00']] });
    await world.registry.push('app', odd, 'v1');
    await world.reindex();
    const item = await world.metadata.manifest('app', odd.digest);
    expect(item?.labels).toEqual([['a\ufffd', 'b\ufffd']]);
  });
});
