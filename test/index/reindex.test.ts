import { describe, expect, it } from 'vitest';
import { heartbeatKey, manifestKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { digestOf, image, layer, malformed } from '../support/images.ts';
import { dataKey, layerKey, ROOT, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

describe('a rebuild', () => {
  it('reports what the bucket holds', async () => {
    const world = new World();
    await world.registry.push('team/app', image('one'), 'v1');
    await world.registry.push('base', image('two'));
    world.registry.startUpload('base', '0a1b2c3d-0000-4000-8000-000000000000', layer('x'));
    world.bucket.seed(`${ROOT}repositories/base/_layers/readme.txt`, 'strange');
    const report = await world.reindex();
    expect(report).toMatchObject({
      found: { repositories: 2, manifests: 2, tags: 1, links: 4, blobs: 6, uploads: 1 },
      unreadable: [],
      lost: [],
      postponed: 0,
      unrecognised: 1,
    });
    expect(report.added).toMatchObject({ manifests: 2, tags: 1, links: 4, uploads: 1 });
    expect(report.removed).toMatchObject({ manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 });
  });

  it('takes its times from the bucket: a push from its link, a loss of a tag from where the tag went', async () => {
    const world = new World();
    const [was, is] = [image('was'), image('is')];
    await world.registry.push('app', was, 'v1');
    const pushedAt = world.clock.now();
    world.clock.advance(DAY);
    await world.registry.push('app', is, 'v1');
    const movedAt = world.clock.now();
    world.clock.advance(DAY);
    await world.reindex();
    expect(await world.metadata.manifest('app', was.digest)).toMatchObject({
      pushedAt,
      touchedAt: movedAt,
      dueAt: movedAt + DAY,
      taggedAs: ['v1'],
    });
  });

  it('sees links that were written anew and whose events were lost', async () => {
    const world = new World();
    const manifest = image('image');
    const blob = digestOf(manifest.blobs[0] ?? new Uint8Array());
    await world.registry.push('app', manifest);
    await world.reindex();
    world.clock.advance(DAY - MINUTE);
    await world.registry.push('app', manifest);
    const again = world.clock.now();
    await world.reindex();
    expect(await world.metadata.link(blob, 'app')).toMatchObject({ linkedAt: again });
    expect(await world.metadata.manifest('app', manifest.digest)).toMatchObject({
      pushedAt: again,
      touchedAt: again,
    });
    await world.later(HOUR);
    expect(await world.prune()).toMatchObject({ imagesDeleted: [] });
  });

  it('heals what was deleted and is needed by a push whose events were lost', async () => {
    const world = new World();
    const manifest = image('pushed again');
    await world.registry.push('app', manifest);
    await world.reindexAndPrune({ mode: 'offline' });
    expect((await world.keys()).has(dataKey(manifest.digest))).toBe(false);
    // The registry's answers were older than the deletion: it wrote links, and no data.
    for (const blob of manifest.blobs) world.registry.mount('app', digestOf(blob));
    world.bucket.seed(revisionKey('app', manifest.digest), manifest.digest);
    world.registry.tag('app', manifest.digest, 'v1');
    const report = await world.reindex();
    expect(report.lost).toEqual([]);
    const keys = await world.keys();
    expect(
      [...manifest.blobs.map(digestOf), manifest.digest].filter((blob) => !keys.has(dataKey(blob))),
    ).toEqual([]);
    await world.later();
    expect(await world.prune({ mode: 'offline' })).toMatchObject({ imagesDeleted: [] });
  });

  it('names what cannot be brought back', async () => {
    const world = new World({ versioned: false });
    const blob = await world.registry.upload('app', layer('gone'));
    await world.reindexAndPrune({ mode: 'offline' });
    world.registry.mount('app', blob);
    expect(await world.reindex()).toMatchObject({ lost: [blob] });
  });

  it('names what cannot be read', async () => {
    const world = new World();
    const manifest = malformed('m');
    await world.registry.push('app', manifest);
    await world.registry.push('web', image('image'), 'v1');
    world.bucket.seed(tagLinkKey('web', 'v1'), 'nonsense');
    const { unreadable } = await world.reindex();
    expect(unreadable.map(({ repository, what }) => [repository, what])).toEqual([
      ['app', manifest.digest],
      ['web', 'v1'],
    ]);
    expect(await world.metadata.obstacles('web')).toHaveLength(1);
    world.registry.tag('web', image('image').digest, 'v1');
    expect((await world.reindex()).unreadable).toHaveLength(1);
    expect(await world.metadata.obstacles('web')).toEqual([]);
  });

  it('names and leaves alone an item in a shape it does not know, and goes on', async () => {
    const world = new World();
    const [strange, plain] = [image('strange'), image('plain')];
    await world.registry.push('app', strange, 'v1');
    await world.reindex();
    await world.table.update(manifestKey('app', strange.digest), { set: { layers: 'in another form' } });
    const before = await world.items();
    world.clock.advance(HOUR);
    await world.registry.push('web', plain, 'v1');
    const { unreadable } = await world.reindex();
    expect(unreadable.map(({ repository, what }) => [repository, what])).toEqual([['app', strange.digest]]);
    const after = new Map((await world.items()).map((item) => [`${item.pk} ${item.sk}`, item]));
    const edges = before.filter(({ pk }) => pk.startsWith('HOLDERS#') || pk.startsWith('BLOB#'));
    expect(edges.filter(({ pk, sk }) => !after.has(`${pk} ${sk}`))).toEqual([]);
    expect(await world.metadata.manifest('web', plain.digest)).toMatchObject({ state: 'live' });
    expect(await world.table.get(heartbeatKey)).toMatchObject({ seenAt: world.clock.now() });
  });

  it('writes back the link of a blob that a manifest needs', async () => {
    const world = new World();
    const manifest = image('image');
    const key = layerKey('app', digestOf(manifest.blobs[0] ?? new Uint8Array()));
    await world.registry.push('app', manifest, 'v1');
    await world.reindex();
    await world.bucket.deleteMany([key]);
    await world.reindex();
    expect((await world.keys()).has(key)).toBe(true);
  });

  it('is a heartbeat as of its start, and never an older one', async () => {
    const world = new World();
    const start = world.clock.now();
    await world.reindex();
    expect(await world.table.get(heartbeatKey)).toMatchObject({ seenAt: start, writtenAt: start });
    await world.table.update(heartbeatKey, { set: { seenAt: start + HOUR, writtenAt: start + HOUR } });
    await world.reindex();
    expect(await world.table.get(heartbeatKey)).toMatchObject({ seenAt: start + HOUR });
  });

  it('walks more than one page of everything', async () => {
    const world = new World();
    const blobs = Array.from({ length: 1_100 }, (_, at) => layer(`layer ${at}`));
    for (const bytes of blobs) await world.registry.upload('app', bytes);
    expect((await world.reindex()).found).toMatchObject({ links: 1_100, blobs: 1_100 });
    expect((await world.reindex()).added).toMatchObject({ links: 0, blobs: 0 });
    world.clock.advance(DAY);
    await world.beat();
    const report = await world.prune({ mode: 'offline' });
    expect(report.blobs.deleted).toBe(1_100);
    expect([...(await world.keys()).keys()]).toEqual([]);
    // Deletions share requests, each of which takes a thousand keys.
    expect(world.bucket.requests.get('DeleteObjects')).toBeLessThan(550);
  });
});
