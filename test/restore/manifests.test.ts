import { describe, expect, it } from 'vitest';
import { blobKey, blobPk, manifestKey } from '../../lambdas/store/items.ts';
import { apiView } from '../support/api-view.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { digestOf, image, index, layer } from '../support/images.ts';
import { intercept, once } from '../support/intercept.ts';
import { dataKey, layerKey, revisionKey } from '../support/registry-writer.ts';
import { everything } from '../support/stored.ts';
import { ALL, digestsOf, lose, one, pruned, pushTagged, two } from '../support/undone.ts';
import { World } from '../support/world.ts';

describe('manifests', () => {
  it('that a client has deleted since stay away, with their tags', async () => {
    const { world, runId } = await pruned(pushTagged);
    await world.registry.push('app', one);
    await world.reindex();
    await world.registry.deleteManifest('app', one.digest);
    await world.reindex();
    const report = await world.restore(runId);
    expect(report).toMatchObject({
      status: 'restored',
      manifests: { restored: 1, present: 0, skipped: 1 },
      tags: { restored: 1, skipped: 1 },
    });
    expect(report.skipped.map(({ code, what }) => [code, what])).toEqual([
      ['client-deleted', `app@${one.digest}`],
      ['manifest-missing', 'app:v1'],
    ]);
    expect(await world.bucket.head(revisionKey('app', one.digest))).toBeUndefined();
  });

  it('that a client pushes anew are known as pushed then, though its event is yet to come', async () => {
    const { world, runId } = await pruned(pushTagged);
    await world.restore(runId);
    world.clock.advance(HOUR);
    await world.registry.push('app', one);
    expect(await world.restore(runId)).toMatchObject({ manifests: { restored: 0, present: 2 } });
    expect((await world.metadata.manifest('app', one.digest))?.pushedAt).toBe(world.clock.now());
  });

  it('that another run has deleted since come back with that one', async () => {
    const { world, runId, before } = await pruned(pushTagged);
    await world.registry.push('app', one);
    await world.reindex();
    await world.later();
    const { runId: later } = await world.prune(ALL);
    const report = await world.restore(runId);
    expect(report.skipped).toMatchObject([
      { code: 'other-run', what: `app@${one.digest}`, reason: expect.stringContaining(later) },
      { code: 'manifest-missing', what: 'app:v1' },
    ]);
    await world.restore(later);
    await world.restore(runId);
    expect(await apiView(world.bucket)).toEqual(before);
  });

  it('come back from their bytes when the table has forgotten them', async () => {
    const { world, runId, before } = await pruned(pushTagged);
    await world.table.remove(manifestKey('app', one.digest));
    for (const digest of digestsOf(one)) {
      for (const { pk, sk } of await world.metadata.all(blobPk(digest))) await world.table.remove({ pk, sk });
    }
    // Hidden bytes cannot be read without bringing them back, which a dry run does not; it says so.
    const planned = await world.restore(runId, { dryRun: true });
    expect(planned).toMatchObject({ status: 'partial', manifests: { restored: 1 } });
    expect(planned.skipped[0]).toMatchObject({ code: 'failed', what: `app@${one.digest}` });
    const report = await world.restore(runId);
    expect(report).toMatchObject({ status: 'restored', manifests: { restored: 2 }, tags: { restored: 2 } });
    expect(await apiView(world.bucket)).toEqual(before);
    const { added, removed } = await world.reindex();
    expect([added.manifests, added.edges, removed.manifests, removed.edges]).toEqual([0, 0, 0, 0]);
  });

  it('bring their children with them, even those that a later run has deleted', async () => {
    const [child, list] = [image('child'), index([image('child')])];
    const world = new World();
    await world.registry.push('app', child);
    await world.registry.push('app', list);
    await world.reindex();
    // The child still has to rest when the index has.
    world.clock.advance(20 * HOUR);
    await world.registry.push('app', child);
    await world.reindex();
    const before = await apiView(world.bucket);
    await world.later(5 * HOUR);
    await world.prune();
    for (let round = 0; round < 6; round++) {
      await world.later(DAY + HOUR);
      await world.prune();
    }
    expect([...(await apiView(world.bucket)).keys()]).toEqual([]);
    const gone = (await world.journal()).filter(({ action }) => action === 'delete-manifest');
    expect(gone.map(({ digest }) => digest)).toEqual([list.digest, child.digest]);
    const first = String(gone[0]?.['run']);
    expect(gone[1]?.['run']).not.toBe(first);
    expect(await world.restore(first)).toMatchObject({ status: 'restored', manifests: { restored: 2 } });
    const view = await apiView(world.bucket);
    for (const [what, bytes] of before) expect([what, view.get(what)]).toEqual([what, bytes]);
  });

  it('whose data is gone for good do not come back in part', async () => {
    const { world, runId } = await pruned(pushTagged);
    const gone = digestOf(layer('one'));
    await lose(world, gone);
    const report = await world.restore(runId);
    expect(report).toMatchObject({
      status: 'partial',
      manifests: { restored: 1, present: 0, skipped: 1 },
      tags: { restored: 1, skipped: 1 },
      blobs: { lost: 1 },
    });
    expect(report.skipped.map(({ code, what }) => [code, what])).toEqual([
      ['lost', gone],
      ['lost', `app@${one.digest}`],
      // The link to it.
      ['lost', `app@${gone}`],
      ['manifest-missing', 'app:v1'],
    ]);
    expect(report.skipped[1]?.reason).toContain(gone);
    expect(await world.bucket.head(revisionKey('app', one.digest))).toBeUndefined();
    expect((await apiView(world.bucket)).get('tag app:v2')).toBeDefined();
    const stored = await everything(world);
    expect(await world.restore(runId)).toMatchObject({ status: 'partial', blobs: { restored: 0, lost: 1 } });
    expect(await everything(world)).toEqual(stored);
    // What has come back is held as it was.
    expect(await world.metadata.manifest('app', two.digest)).toMatchObject({ state: 'live' });
  });

  it('that list one whose data is gone do not come back either', async () => {
    const [amd, arm] = [image('amd64'), image('arm64')];
    const { world, runId } = await pruned(async ({ registry }) => {
      for (const child of [amd, arm]) await registry.push('app', child);
      await registry.push('app', index([amd, arm]), 'multi');
    });
    await lose(world, digestOf(layer('arm64')));
    const report = await world.restore(runId);
    expect(report).toMatchObject({ status: 'partial', manifests: { restored: 1, skipped: 2 } });
    expect(await world.bucket.head(revisionKey('app', amd.digest))).toBeDefined();
    expect(await world.bucket.head(revisionKey('app', arm.digest))).toBeUndefined();
  });

  it('that never had some of their data come back without it', async () => {
    const missing = layer('never uploaded');
    const broken = image('broken', { layers: [layer('there'), missing] });
    const { world, before, runId } = await pruned(async ({ registry }) => {
      const blobs = broken.blobs.filter((bytes) => bytes !== missing);
      await registry.push('app', { ...broken, blobs }, 'broken');
    });
    expect(await world.restore(runId)).toMatchObject({
      status: 'restored',
      skipped: [],
      tags: { restored: 1 },
    });
    const view = await apiView(world.bucket);
    expect(view.get('tag app:broken')).toBe(before.get('tag app:broken'));
    expect(view.get('tag app:broken')).toBeDefined();
    const stored = await everything(world);
    await world.restore(runId);
    expect(await everything(world)).toEqual(stored);
  });
});

describe('a link', () => {
  it('is not put back to nothing', async () => {
    const { world, runId } = await pruned(async ({ registry }) => {
      await registry.upload('app', layer('loose'));
    });
    await lose(world, digestOf(layer('loose')));
    const report = await world.restore(runId);
    expect(report).toMatchObject({
      status: 'partial',
      links: { restored: 0, skipped: 1 },
      blobs: { lost: 1 },
    });
    expect(await world.bucket.head(layerKey('app', digestOf(layer('loose'))))).toBeUndefined();
  });
});

describe('a blob', () => {
  it('whose item changes meanwhile is looked at again', async () => {
    const digest = digestOf(layer('loose'));
    const { world, runId } = await pruned(async ({ bucket }) => bucket.seed(dataKey(digest), layer('loose')));
    const key = blobKey(digest);
    const table = intercept(world.table, {
      before: once(
        ({ operation, arguments: [of] }) => operation === 'update' && Object(of).pk === key.pk,
        async () => {
          await world.metadata.transition(key, (await world.metadata.blobItem(digest))?.version ?? 0, {});
        },
      ),
    });
    expect(await world.restore(runId, {}, { table })).toMatchObject({ blobs: { restored: 1 } });
    expect(await world.metadata.blobItem(digest)).toMatchObject({ state: 'live' });
    expect((await world.metadata.blobItem(digest))?.runId).toBeUndefined();
  });
});
