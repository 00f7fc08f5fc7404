import { describe, expect, it } from 'vitest';
import { planManifest, planResolution } from '../../lambdas/prune/plan-manifest.ts';
import { holderKey, type ManifestItem, manifestKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import {
  cosignTag,
  type Digest,
  image,
  index,
  type Manifest,
  neverPushed,
  referrer,
  signature,
} from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { tagLinkKey } from '../support/registry-writer.ts';
import { runOf } from '../support/run-of.ts';
import { World, type WorldOptions } from '../support/world.ts';

const everything = { filters: { dangling: ['false'] } };
const child = image('child', { labels: [['team', 'core']] });
const list = index([child]);

type Pushed = readonly [manifest: Manifest, tag?: string];

/** All of it pushed into `app`, indexed, and long at rest. */
async function withPushed(pushed: readonly Pushed[], options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  for (const [manifest, tag] of pushed) await world.registry.push('app', manifest, tag);
  await world.reindex();
  await world.later();
  return world;
}

async function itemOf(world: World, { digest }: { readonly digest: Digest }): Promise<ManifestItem> {
  const item = await world.metadata.manifest('app', digest);
  if (item === undefined) throw new Error('no manifest');
  return item;
}

const set = async (world: World, { digest }: Manifest, fields: object) =>
  world.table.update(manifestKey('app', digest), { set: { ...fields } });

async function plan(world: World, manifest: Manifest, ...[body, policy]: [object?, object?]) {
  return await planManifest(await runOf(world, { ...body }, policy), await itemOf(world, manifest));
}

async function resolution(world: World, manifest: Manifest, ...[body, policy]: [object?, object?]) {
  return await planResolution(await runOf(world, { ...body }, policy), await itemOf(world, manifest));
}

type Decision = Awaited<ReturnType<typeof planManifest>>;

/** What goes, with the names of the tags that go with it. */
const going = (decision: Decision) =>
  decision.action === 'delete'
    ? decision.group.map(({ item, tags }) => [item.digest, tags.map(({ tag }) => tag)])
    : decision.why;

const kept = (by: string, more: object = {}) => ({
  ...{ action: 'keep', why: { by, ...more }, queue: 'leave' },
});

describe('grace', () => {
  it('is over when it has passed to the millisecond', async () => {
    const world = await withPushed([[child]]);
    const now = world.clock.now();
    await set(world, child, { touchedAt: now - DAY });
    expect(going(await plan(world, child))).toEqual([[child.digest, []]]);
    await set(world, child, { touchedAt: now - DAY + 1 });
    expect(await plan(world, child)).toEqual({
      ...{ action: 'keep', why: { by: 'grace', until: now + 1 }, queue: { at: now + 1 } },
    });
  });

  it('is that of all that would go with it', async () => {
    const world = await withPushed([[child], [list]]);
    const now = world.clock.now();
    await set(world, list, { touchedAt: now - HOUR });
    const until = now - HOUR + DAY;
    expect(await plan(world, child)).toEqual({
      ...{ action: 'keep', why: { by: 'grace', until }, queue: { at: until } },
    });
    await set(world, list, { touchedAt: now - DAY });
    expect(going(await plan(world, child))).toEqual([
      [list.digest, []],
      [child.digest, []],
    ]);
  });

  it('is that of the youngest of its tags, by their links', async () => {
    const world = await withPushed([[child, 'old']]);
    world.registry.tag('app', child.digest, 'young');
    const until = world.clock.now() + DAY;
    await world.reindex();
    await set(world, child, { touchedAt: 1 });
    expect(await plan(world, child, everything)).toMatchObject({ why: { by: 'grace', until } });
    await world.later(DAY);
    expect(going(await plan(world, child, everything))).toEqual([[child.digest, ['old', 'young']]]);
  });
});

describe('what holds it', () => {
  it('is a tag, and a tag of what lists it, by the shortest way', async () => {
    const world = await withPushed([[child], [list, 'v1']]);
    const why = { by: 'tag', tag: 'v1' };
    expect(await plan(world, list)).toEqual({
      ...{ action: 'keep', why, queue: 'unqueue', path: [list.digest] },
    });
    expect(await plan(world, child)).toEqual({
      ...{ action: 'keep', why, queue: 'unqueue', path: [child.digest, list.digest] },
    });
  });

  it('is no tag that names another, or is gone', async () => {
    const world = await withPushed([[child, 'v1']]);
    world.registry.tag('app', list.digest, 'v1');
    expect(going(await plan(world, child))).toEqual([[child.digest, []]]);
    await world.registry.deleteTag('app', 'v1');
    expect(going(await plan(world, child))).toEqual([[child.digest, []]]);
  });

  it('is a tag whose link cannot be read', async () => {
    const world = await withPushed([[child, 'v1']]);
    world.bucket.seed(tagLinkKey('app', 'v1'), 'no digest', world.clock.date());
    expect(await plan(world, child, everything)).toEqual({
      ...kept('problem', { detail: 'the link of tag v1 holds no digest' }),
      path: [child.digest],
    });
  });

  it('is something above it that is not understood', async () => {
    const world = await withPushed([[child], [list]]);
    await set(world, list, { problem: { code: 'unknown-media-type', detail: 'odd' } });
    expect(await plan(world, child)).toEqual({
      ...kept('problem', { detail: 'odd' }),
      path: [child.digest, list.digest],
    });
  });

  it('is something above it that another run is deleting', async () => {
    const world = await withPushed([[child], [list]]);
    await set(world, list, { state: 'deleting' });
    expect(await plan(world, child)).toMatchObject(kept('departing'));
  });

  it('is nothing but itself when it is not live', async () => {
    const world = await withPushed([[child]]);
    await set(world, child, { state: 'condemned' });
    expect(await plan(world, child)).toMatchObject(kept('arriving'));
  });

  it('is an index that is on its way in, or comes back', async () => {
    const world = await withPushed([[child], [list]]);
    await set(world, list, { state: 'deleted' });
    expect(await plan(world, child)).toEqual({ ...kept('arriving'), path: [child.digest] });
    const edge = holderKey('app', child.digest, { kind: 'index', digest: neverPushed('index') });
    await set(world, list, { state: 'live' });
    await world.table.write([{ put: { ...edge, since: 1 } }]);
    expect(await plan(world, child)).toEqual({ ...kept('arriving'), path: [child.digest] });
  });

  it('is a subject that is not known, only where the bucket has it', async () => {
    const bill = referrer(child.digest, 'bill');
    const world = await withPushed([[bill]]);
    expect(going(await plan(world, bill))).toEqual([[bill.digest, []]]);
    await world.registry.push('app', child);
    expect(await plan(world, bill)).toEqual({ ...kept('arriving'), path: [bill.digest] });
  });

  it('is a subject that is known as deleted, only where the bucket has it', async () => {
    const bill = referrer(child.digest, 'bill');
    const world = await withPushed([[child], [bill]]);
    await set(world, child, { state: 'deleted' });
    expect(await plan(world, bill)).toMatchObject(kept('arriving'));
    await world.registry.deleteManifest('app', child.digest);
    expect(going(await plan(world, bill))).toEqual([[bill.digest, []]]);
  });

  it('is looked at once, whoever leads to it', async () => {
    const lists = [index([child]), index([child, list])];
    const world = await withPushed([[child], [list], ...lists.map((one): Pushed => [one])]);
    const read: string[] = [];
    const table = intercept(world.table, {
      before: ({ operation, arguments: [key] }) => {
        const sk: unknown = Reflect.get(Object(key), 'sk');
        if (operation === 'get' && String(sk).startsWith('MANIFEST#')) read.push(String(sk));
      },
    });
    const run = await runOf(world);
    const { metadata } = run;
    const item = await itemOf(world, child);
    const watched = Object.assign(Object.create(Object.getPrototypeOf(metadata)), metadata, { table });
    await planManifest({ ...run, metadata: watched }, item);
    expect(read.length).toBeGreaterThan(0);
    expect(new Set(read).size).toBe(read.length);
    expect(read).not.toContain(`MANIFEST#${child.digest}`);
  });
});

describe('what goes', () => {
  it('is all above it, holders first, with the tags by which they can come back', async () => {
    const world = await withPushed([[child], [list, 'v1']]);
    const decision = await plan(world, child, everything);
    const link = await world.bucket.get(tagLinkKey('app', 'v1'));
    expect(decision).toEqual({
      action: 'delete',
      group: [
        expect.objectContaining({
          item: await itemOf(world, list),
          tags: [{ tag: 'v1', etag: link?.etag, versionId: link?.versionId }],
        }),
        expect.objectContaining({ item: await itemOf(world, child), tags: [] }),
      ],
    });
    expect(link?.versionId).toEqual(expect.any(String));
  });

  it('has no version to return to where versions are not kept', async () => {
    const tagsOf = (decision: Decision) =>
      decision.action === 'delete' && decision.group.flatMap(({ tags }) => tags.map(Object.keys));
    const versioned = await withPushed([[child, 'v1']]);
    expect(tagsOf(await plan(versioned, child, everything, { recoverable: false }))).toEqual([
      ['tag', 'etag'],
    ]);
    const world = await withPushed([[child, 'v1']], { versioned: false });
    const policy = { recoverable: true, mayDelete: true };
    expect(tagsOf(await plan(world, child, everything, policy))).toEqual([['tag', 'etag']]);
  });

  it('is nothing that has a tag where tags may not be deleted', async () => {
    const world = await withPushed([[child, 'v1'], [list]], { versioned: false });
    expect(await plan(world, child, everything)).toEqual(kept('unversioned-bucket'));
    expect(going(await plan(world, list, everything))).toEqual([[list.digest, []]]);
  });
});

describe('the filters', () => {
  const labelled = (label: string, dangling = 'true') => ({
    filters: { dangling: [dangling], label: [label] },
  });

  it('see the labels, and none where they are not known', async () => {
    const world = await withPushed([[child]]);
    expect(going(await plan(world, child, labelled('team=core')))).toEqual([[child.digest, []]]);
    expect(await plan(world, child, labelled('team=web'))).toEqual(kept('filter', { reason: 'label' }));
    await world.table.update(manifestKey('app', child.digest), { remove: ['labels'] });
    expect(await plan(world, child, labelled('team=core'))).toEqual(
      kept('filter', { reason: 'config-unreadable' }),
    );
  });

  it('see when it was pushed', async () => {
    const world = await withPushed([[child]]);
    expect(await plan(world, child, { filters: { until: ['72h'] } })).toEqual(
      kept('filter', { reason: 'newer-than-until' }),
    );
    expect(going(await plan(world, child, { filters: { until: ['36h'] } }))).toEqual([[child.digest, []]]);
  });

  it('see everything that would go with it', async () => {
    const world = await withPushed([[child], [list]]);
    // An index has no config, and so no labels that could be known.
    expect(await plan(world, child, labelled('team=core'))).toEqual(
      kept('filter', { reason: 'config-unreadable' }),
    );
  });

  it('have to match what a tag is to go with', async () => {
    const world = await withPushed([[child, 'v1']]);
    expect(going(await plan(world, child, labelled('team=core', 'false')))).toEqual([[child.digest, ['v1']]]);
    expect(await plan(world, child, labelled('team=web', 'false'))).toMatchObject({
      why: { by: 'tag', tag: 'v1' },
      queue: 'unqueue',
    });
    // A tag holds, and what is asked for are manifests that none holds.
    expect(going(await plan(world, child, labelled('team=core')))).toEqual({ by: 'tag', tag: 'v1' });
  });
});

describe('a cosign tag', () => {
  const signed = signature(child.digest);
  const tag = cosignTag(child.digest);

  it('goes with its manifest, and that with the subject, in a prune of what has no tag', async () => {
    const world = await withPushed([[child], [signed, tag]]);
    expect(going(await plan(world, signed))).toEqual([
      [child.digest, []],
      [signed.digest, [tag]],
    ]);
  });

  it('holds nothing when its subject was deleted', async () => {
    const world = await withPushed([[child], [signed, tag]]);
    await set(world, child, { state: 'deleted' });
    expect(await plan(world, signed)).toEqual({ ...kept('arriving'), path: [signed.digest] });
    await world.registry.deleteManifest('app', child.digest);
    expect(going(await plan(world, signed))).toEqual([[signed.digest, [tag]]]);
  });

  it('holds as any other when its subject never was there', async () => {
    const world = await withPushed([[signed, tag]]);
    expect(await plan(world, signed)).toMatchObject({ why: { by: 'tag', tag }, queue: 'unqueue' });
    expect(going(await plan(world, signed, everything))).toEqual([[signed.digest, [tag]]]);
  });

  it('leaves it to another tag whether it is tagged', async () => {
    const world = await withPushed([[child], [signed, tag], [signed, 'mine']]);
    expect(await plan(world, signed)).toMatchObject({ why: { by: 'tag', tag: 'mine' } });
  });
});

describe('what an earlier run left', () => {
  const left = { state: 'deleting', runId: 'earlier', fence: 1 };

  it('goes, whatever this run was asked for, though it was touched just now', async () => {
    const world = await withPushed([[child], [list]]);
    await set(world, child, { ...left, touchedAt: world.clock.now() });
    await set(world, list, left);
    const body = { filters: { label: ['nobody=has'] } };
    expect(going(await resolution(world, child, body))).toEqual([
      [list.digest, []],
      [child.digest, []],
    ]);
  });

  it('stays when a run may only resolve towards live', async () => {
    const world = await withPushed([[child]]);
    await set(world, child, left);
    expect(await resolution(world, child, {}, { resolveOnly: true })).toEqual(kept('departing'));
  });

  it('stays when it is to be rescued', async () => {
    const world = await withPushed([[child]]);
    await set(world, child, { ...left, rescue: true });
    expect(await resolution(world, child)).toEqual(kept('arriving'));
  });

  it('stays when what is above it stays', async () => {
    const world = await withPushed([[child], [list]]);
    await set(world, child, left);
    expect(await resolution(world, child)).toEqual(kept('arriving'));
  });

  it('stays when a tag names it, of whatever run', async () => {
    const world = await withPushed([[child, 'v1']]);
    await set(world, child, left);
    world.clock.advance(MINUTE);
    expect(await resolution(world, child, everything)).toEqual({
      ...{ action: 'keep', why: { by: 'tag', tag: 'v1' }, queue: 'unqueue' },
    });
  });
});
