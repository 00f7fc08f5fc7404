import { describe, expect, it } from 'vitest';
import type { Table } from '../../lambdas/store/table.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { digestOf, image, layer, referrer } from '../support/images.ts';
import { type Call, intercept, once } from '../support/intercept.ts';
import { dataKey, layerKey, revisionKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const offline = { mode: 'offline' } as const;

const isTake = ({ operation, arguments: [, change] }: Call): boolean =>
  operation === 'update' && Object(Object(change).set).state === 'deleting';

const onTable = (world: World, hooks: Parameters<typeof intercept>[1]): { table: Table } => ({
  table: intercept<Table>(world.table, hooks),
});

const shared = layer('shared');

/** An untagged image, indexed a minute ago, whose layer nothing else needs. */
async function withGarbage() {
  const world = new World();
  const old = image('old', { layers: [shared] });
  await world.registry.push('app', old);
  await world.registry.push('app', image('tagged'), 'latest');
  world.clock.advance(MINUTE);
  await world.reindex();
  world.clock.advance(MINUTE);
  return { world, old };
}

/** As a client does that found the layer by `HEAD`: everything but the layer is written. */
async function pushReusing(world: World) {
  const reusing = image('reusing', { layers: [shared] });
  for (const bytes of reusing.blobs) {
    if (digestOf(bytes) !== digestOf(shared)) await world.registry.upload('app', bytes);
  }
  await world.registry.putManifest('app', reusing, 'v1');
  return reusing;
}

describe('an offline run refuses what the index has not seen', () => {
  it('when an untagged manifest was pushed again with a tag', async () => {
    const { world, old } = await withGarbage();
    await world.registry.push('app', old, 'v1');
    const before = await world.keys();
    const report = await world.prune(offline);
    expect(report).toMatchObject({ status: 'refused', imagesDeleted: [] });
    expect(report.refusals.map(({ code }) => code)).toEqual(['pushes-arriving']);
    expect(report.refusals[0]?.message).toMatch(/reindex/);
    expect(await world.keys()).toEqual(before);
  });

  it('when a new image reuses a layer whose link is not written again', async () => {
    const { world } = await withGarbage();
    await pushReusing(world);
    const before = await world.keys();
    expect(await world.prune(offline)).toMatchObject({ status: 'refused', imagesDeleted: [] });
    expect(await world.keys()).toEqual(before);
  });

  it('before the first bytes go, when it comes during the run', async () => {
    const { world, old } = await withGarbage();
    let reusing = old;
    const push = async () => {
      world.clock.advance(1_000);
      reusing = await pushReusing(world);
    };
    const report = await world.prune(offline, onTable(world, { before: once(isTake, push) }));
    expect(report.status).toBe('refused');
    const keys = await world.keys();
    const needed = [reusing.digest, ...reusing.blobs.map(digestOf)].map(dataKey);
    expect(needed.filter((key) => !keys.has(key))).toEqual([]);
    expect(keys.has(layerKey('app', digestOf(shared)))).toBe(true);
  });

  it('and not what it has seen', async () => {
    const { world, old } = await withGarbage();
    await world.registry.push('app', old, 'v1');
    world.clock.advance(MINUTE);
    expect(await world.reindexAndPrune(offline)).toMatchObject({ status: 'completed', imagesDeleted: [] });
  });
});

describe('a subject that is pushed again while what lives by it goes', () => {
  it('keeps its referrer, though the table has it as deleted', async () => {
    const world = new World();
    const subject = image('subject');
    const report = referrer(subject.digest, 'report');
    await world.registry.push('app', subject, 'v1');
    await world.registry.push('app', report);
    await world.reindex();
    await world.registry.deleteManifest('app', subject.digest);
    world.clock.advance(MINUTE);
    await world.reindex();
    await world.later();
    await world.prune(
      {},
      onTable(world, {
        after: once(isTake, async () => void (await world.registry.push('app', subject, 'v1'))),
      }),
    );
    expect((await world.keys()).has(revisionKey('app', report.digest))).toBe(true);
    expect(await world.metadata.manifest('app', report.digest)).toMatchObject({ state: 'live' });
  });
});

describe('what a request leaves', () => {
  it('goes behind what is due after it, once it was left for an hour', async () => {
    const { world, old } = await withGarbage();
    await world.later();
    const spared = { filters: { label: ['nobody=has'] } };
    const due = async () => (await world.metadata.manifest('app', old.digest))?.dueAt;
    await world.prune(spared);
    const turned = await due();
    expect(turned).toBe(world.clock.now());
    world.clock.advance(HOUR / 2);
    await world.beat();
    await world.prune(spared);
    expect(await due()).toBe(turned);
    world.clock.advance(DAY);
    await world.beat();
    expect(await world.prune({})).toMatchObject({ imagesDeleted: [{ deleted: old.digest }] });
  });
});
