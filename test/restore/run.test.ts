import { describe, expect, it } from 'vitest';
import { MAX_SKIPPED } from '../../lambdas/restore/report.ts';
import { restoreRun } from '../../lambdas/restore/run.ts';
import { blobKey } from '../../lambdas/store/items.ts';
import { readRun } from '../../lambdas/store/runs.ts';
import { apiView } from '../support/api-view.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { digestOf, image, index, layer } from '../support/images.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { intercept } from '../support/intercept.ts';
import { revisionKey } from '../support/registry-writer.ts';
import { everything } from '../support/stored.ts';
import { ALL, one, pruned, pushTagged, two } from '../support/undone.ts';
import { JOURNAL, World } from '../support/world.ts';

describe('a whole run', () => {
  const [amd, arm] = [image('amd64'), image('arm64')];
  const list = index([amd, arm]);

  async function pushMuch(world: World): Promise<void> {
    const { registry, clock } = world;
    for (const child of [amd, arm]) await registry.push('app', child);
    await registry.push('app', list, 'multi');
    await registry.push('app', two, 'moved');
    clock.advance(HOUR);
    await registry.push('app', one, 'moved');
    await registry.push('other', one, 'v1');
    await registry.upload('other', layer('stale'));
    registry.mount('other', digestOf(layer('two')));
    registry.startUpload('app', '00000000-0000-4000-8000-000000000001', layer('upload'));
    clock.advance(8 * DAY);
  }

  it('comes back with everything the registry serves', async () => {
    const { world, before, runId, report } = await pruned(pushMuch);
    expect([...(await apiView(world.bucket)).keys()]).toEqual([]);
    const undone = await world.restore(runId);
    expect(await apiView(world.bucket)).toEqual(before);
    expect(undone).toMatchObject({
      ...{ runId, dryRun: false, status: 'restored', skipped: [], uploads: 1 },
      manifests: { restored: report.manifests.deleted, present: 0, skipped: 0 },
      tags: { restored: 3, present: 0, skipped: 0 },
      blobs: { restored: report.blobs.deleted, bytes: report.spaceReclaimed, present: 0, lost: 0 },
    });
    expect(undone.links.restored + undone.links.present).toBe(report.links.deleted);
  });

  it('is foretold by a dry run, which writes nothing, not even the lock', async () => {
    const { world, runId } = await pruned(pushMuch);
    const [stored, lock] = [await everything(world), await world.table.get({ pk: 'LOCK', sk: 'prune' })];
    const planned = await world.restore(runId, { dryRun: true });
    expect(await everything(world)).toEqual(stored);
    expect(await world.table.get({ pk: 'LOCK', sk: 'prune' })).toEqual(lock);
    expect({ ...planned, dryRun: false }).toEqual(await world.restore(runId));
  });

  it('writes nothing the second time', async () => {
    const { world, runId } = await pruned(pushMuch);
    await world.restore(runId);
    const stored = await everything(world);
    const writes: string[] = [];
    const watch = <T extends object>(store: T): T =>
      intercept(store, { before: ({ operation }) => void writes.push(operation) });
    const again = await world.restore(
      runId,
      {},
      { table: watch(world.table), objects: (guard) => watch(world.dependencies.objects(guard)) },
    );
    expect(again).toMatchObject({ status: 'restored', manifests: { restored: 0 }, tags: { restored: 0 } });
    expect(await everything(world)).toEqual(stored);
    // The lock is taken and given back.
    expect(writes.filter((operation) => operation === 'update')).toHaveLength(2);
    const harmless = new Set(['get', 'getMany', 'query', 'head', 'list', 'versions', 'update']);
    expect(writes.filter((operation) => !harmless.has(operation))).toEqual([]);
  });

  it('says in the item of the run when it was undone, and until when it can be', async () => {
    const { world, runId, report } = await pruned(pushMuch);
    const until = new Date(Date.parse(report.startedAt) + 14 * DAY).toISOString();
    expect(await readRun(world.table, runId)).toMatchObject({ recoverable: true, recoverableUntil: until });
    expect(world.bus.events.at(-1)?.detail).toMatchObject({ runId, recoverableUntil: until });
    const restoredAt = world.clock.date().toISOString();
    await world.restore(runId);
    expect(await readRun(world.table, runId)).toMatchObject({ restoredAt, status: 'completed' });
    world.clock.advance(HOUR);
    await world.restore(runId);
    expect(await readRun(world.table, runId)).toMatchObject({ restoredAt });
  });

  it('goes again, by the same request, when all has rested', async () => {
    const { world, runId, report } = await pruned(pushMuch);
    const after = await apiView(world.bucket);
    await world.restore(runId);
    await world.later();
    const again = await world.prune(ALL);
    expect(again).toMatchObject({
      status: 'completed',
      refusals: [],
      manifests: { deleted: report.manifests.deleted },
      blobs: { deleted: report.blobs.deleted },
      spaceReclaimed: report.spaceReclaimed,
    });
    expect(await apiView(world.bucket)).toEqual(after);
  });
});

describe('events', () => {
  it('of the run and of its undo, late and in any order, change nothing', async () => {
    const changed: string[] = [];
    const world = new World({ onChange: (key) => void changed.push(key) });
    await pushTagged(world);
    await world.registry.push('other', index([one, two]), 'list');
    await world.registry.upload('other', layer('stale'));
    await world.later();
    await world.reindex();
    const before = await apiView(world.bucket);
    changed.length = 0;
    const { runId } = await world.prune(ALL);
    await world.restore(runId);
    const live = new LiveIndexer(world);
    for (const keys of [changed, changed.toReversed()]) {
      const result = await live.keys([...new Set(keys)]);
      expect(result).toMatchObject({ failed: [], postponed: [], lost: [] });
      expect(await apiView(world.bucket)).toEqual(before);
    }
    const { added, removed } = await world.reindex();
    expect([added.manifests, added.tags, added.links, added.blobs, added.edges]).toEqual([0, 0, 0, 0, 0]);
    expect([removed.manifests, removed.tags, removed.links, removed.edges]).toEqual([0, 0, 0, 0]);
  });
});

describe('time', () => {
  it.each([
    { title: 'when it is up', options: {}, lifetime: 10_000 },
    { title: 'when it is interrupted', options: { signal: AbortSignal.abort() }, lifetime: HOUR },
  ])('ends an undo, and the next goes on: $title', async ({ options, lifetime }) => {
    const { world, before, runId } = await pruned(pushTagged);
    const { onProgress: _, ...dependencies } = world.dependencies;
    const deadlines = [world.clock.now() + lifetime];
    const report = await restoreRun({ ...dependencies, ...options }, runId, { deadlines });
    expect(report).toMatchObject({
      status: 'partial',
      skipped: [{ code: 'unfinished', what: `run ${runId}` }],
    });
    expect(await world.restore(runId)).toMatchObject({ status: 'restored' });
    expect(await apiView(world.bucket)).toEqual(before);
  });

  it('is taken forward, slice by slice', async () => {
    const { world, before, runId } = await pruned(pushTagged);
    const { onProgress: _, ...dependencies } = world.dependencies;
    let slices = 0;
    function* deadlines() {
      for (;;) {
        slices++;
        yield world.clock.now() + MINUTE / 2;
      }
    }
    const slow = intercept(world.bucket, { before: () => world.clock.advance(300) });
    const report = await restoreRun({ ...dependencies, objects: () => slow, concurrency: 1 }, runId, {
      deadlines: deadlines(),
    });
    expect(slices).toBeGreaterThan(2);
    expect(report.status).toBe('restored');
    expect(await apiView(world.bucket)).toEqual(before);
  });

  it('needs a deadline', async () => {
    const { world, runId } = await pruned(pushTagged);
    const { onProgress: _, ...dependencies } = world.dependencies;
    await expect(restoreRun(dependencies, runId, { deadlines: [] })).rejects.toThrow(RangeError);
  });
});

describe('what fails', () => {
  it('is told of by itself, and the rest comes back', async () => {
    const { world, runId } = await pruned(pushTagged);
    const objects = intercept(world.bucket, {
      before: ({ operation, arguments: [key] }) => {
        if (operation === 'put' && key === revisionKey('app', one.digest)) throw new Error('no luck');
      },
    });
    const report = await world.restore(runId, {}, { objects: () => objects });
    expect(report).toMatchObject({ status: 'partial', manifests: { restored: 1 }, tags: { restored: 1 } });
    expect(report.skipped).toContainEqual({ code: 'failed', what: `app@${one.digest}`, reason: 'no luck' });
    expect(await world.restore(runId)).toMatchObject({ status: 'restored', skipped: [] });
  });

  it('ends the undo when it is everything', async () => {
    const world = new World();
    await world.reindex();
    const { runId } = await world.prune({ mode: 'offline' });
    const about = { time: '', run: runId, reason: '', action: 'delete-blob', size: 1, repositories: [] };
    const lines = Array.from({ length: 1_500 }, (_, at) =>
      JSON.stringify({ ...about, digest: digestOf(layer(`${at}`)) }),
    );
    world.bucket.seed(`${JOURNAL}${runId}/w-000001.ndjson`, lines.join('\n'));
    let asked = 0;
    const table = intercept(world.table, {
      before: ({ operation, arguments: [key] }) => {
        if (operation !== 'get' || Object(key).sk !== blobKey(one.digest).sk) return;
        asked++;
        throw new Error('AccessDenied');
      },
    });
    const report = await world.restore(runId, {}, { table });
    expect(report.status).toBe('partial');
    expect(report.skipped).toHaveLength(MAX_SKIPPED);
    expect(asked).toBeLessThan(1_100);
  });
});
