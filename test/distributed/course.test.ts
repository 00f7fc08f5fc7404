import { describe, expect, it } from 'vitest';
import { MAX_SLICES, NoSuchRunError } from '../../lambdas/distributed/slice.ts';
import { statusOf } from '../../lambdas/operations/status.ts';
import { workOff } from '../../lambdas/prune/slice.ts';
import { lockKey, SHARDS } from '../../lambdas/store/items.ts';
import { CLOSING_TIME, forceUnlock, heldLock } from '../../lambdas/store/lock.ts';
import { readWorkers } from '../../lambdas/store/run-parts.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { distribute, Functions } from '../support/distributed.ts';
import { goneBy, mixedRegistry, totalsOf } from '../support/distributed-world.ts';
import { digestOf, layer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { runOf } from '../support/run-of.ts';
import type { World } from '../support/world.ts';

const OFFLINE = { mode: 'offline' };

const keyOf = (id: string): string => id.replace('@', ' ');

/** The table, each call on which takes so long. */
const slowly = (world: World, milliseconds: number) =>
  intercept(world.table, { before: () => world.clock.advance(milliseconds) });

describe('a lane that takes longer than a function may', () => {
  it.each([OFFLINE, { mode: 'offline', all: true }])(
    'is gone on with where it was left: %j',
    async (body) => {
      const [one, many] = [await mixedRegistry(), await mixedRegistry()];
      const single = await one.prune(body);
      const { report, functions } = await distribute(many, body, {
        settings: { workers: 2 },
        lifetime: CLOSING_TIME + 10 * SECOND,
        faults: () => ({ table: slowly(many, 60) }),
      });
      expect(functions.orders.length).toBeGreaterThan(8);
      expect(goneBy(report)).toEqual(goneBy(single));
      expect(report?.manifests).toEqual(single.manifests);
      expect(await many.keys()).toEqual(await one.keys());
    },
  );

  it('ends after a day, not done, where it never comes to an end', async () => {
    const world = await mixedRegistry(1);
    const functions = new Functions(world, { settings: { workers: 1 }, lifetime: CLOSING_TIME });
    const started = await functions.start({ request: OFFLINE, execution: 'x' });
    if (started.how === 'single' || started.step !== 'work') throw new Error('there is no work');
    const [order] = started.lanes;
    if (order === undefined) throw new Error('there is no lane');
    expect(await functions.slice(order)).toMatchObject({ more: true, slices: 1 });
    expect(await functions.slice({ ...order, slices: MAX_SLICES - 1 })).toMatchObject({ more: false });
    const { runId, pass } = started;
    expect(await functions.decide({ runId, pass })).toMatchObject({ step: 'finish' });
    await functions.finish({ state: { runId }, execution: 'x' });
    expect(functions.report?.status).toBe('partial');
  });

  it('walks on behind where it was', async () => {
    const world = await mixedRegistry();
    // What is held is not queued any more, and comes by the walk alone. One at a time, so that nothing waits for another.
    await world.prune({}, { concurrency: 1 });
    const run = await runOf(world, { filters: { dangling: ['false'], until: ['8760h'] } });
    const walk = async (after?: string) => {
      const looked = new Set<string>();
      const examineManifest = (id: string) => void looked.add(id);
      const tally = Object.assign(Object.create(run.tally), { examineManifest });
      const worked = await workOff({ ...run, tally }, SHARDS, { phase: 'walk', after });
      // By repository and digest: a slash comes before the `@` between them.
      return { ...worked, looked: [...looked].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) };
    };
    const whole = await walk();
    expect(whole).toMatchObject({ done: true, after: 'team/app' });
    const names = (ids: readonly string[]) => [...new Set(ids.map((id) => id.split('@')[0]))];
    expect(names(whole.looked)).toEqual(['base', 'team', 'team/app']);
    expect(names((await walk('base')).looked)).toEqual(['team', 'team/app']);
    expect((await walk('team/app')).looked).toEqual([]);
    const ofTeam = whole.looked.filter((id) => id.startsWith('team@'));
    const middle = ofTeam[Math.floor(ofTeam.length / 2)] ?? '';
    const behind = whole.looked.slice(whole.looked.indexOf(middle) + 1);
    expect((await walk(`team MANIFEST#${middle.slice('team@'.length)}`)).looked).toEqual(behind);
  });
});

describe('a push in an offline run', () => {
  it('ends it for all workers, refused, before any bytes go', async () => {
    const world = await mixedRegistry();
    const { report, functions } = await distribute(world, OFFLINE, {
      settings: { workers: 4 },
      faults: (_, invocation) => {
        if (invocation !== 2) return {};
        world.clock.advance(MINUTE);
        world.registry.mount('base', digestOf(layer('own 1')));
        return {};
      },
    });
    expect(report).toMatchObject({ status: 'refused', blobs: { deleted: 0 } });
    expect(report?.refusals[0]?.code).toBe('pushes-arriving');
    expect(world.bus.events).toMatchObject([{ detail: { status: 'refused' } }]);
    const last = functions.orders.at(-1)?.pass;
    const workers = await readWorkers(world.table, report?.runId ?? '');
    expect(workers.filter(({ pass, done }) => pass === last && done)).toEqual([]);
    expect(await heldLock(world.table, world.clock.now())).toBeUndefined();
  });
});

describe('a run that the gate refuses', () => {
  it('deletes nothing, and says why, as one process does', async () => {
    const [one, many] = [await mixedRegistry(), await mixedRegistry()];
    for (const world of [one, many]) world.clock.advance(DAY);
    const keys = await many.keys();
    const single = await one.prune({});
    const { report } = await distribute(many, {}, { settings: { workers: 3 } });
    expect(report).toMatchObject({ status: 'refused', refusals: [{ code: 'stale-index' }] });
    expect(totalsOf(report)).toEqual(totalsOf(single));
    expect(await many.keys()).toEqual(keys);
    expect(await heldLock(many.table, many.clock.now())).toBeUndefined();
  });
});

describe('a lock that is taken away by force', () => {
  it('ends the run, partial, and is left to whoever has it', async () => {
    const world = await mixedRegistry();
    const functions = new Functions(world, { settings: { workers: 2 } });
    const started = await functions.start({ request: OFFLINE, execution: 'x' });
    if (started.how === 'single' || started.step !== 'work') throw new Error('there is no work');
    const { runId, lanes } = started;
    const [first, second] = lanes;
    if (first === undefined || second === undefined) throw new Error('there are no lanes');
    await functions.slice(first);
    const freeAt = world.clock.now() + HOUR;
    const { fence } = (await heldLock(world.table, world.clock.now())) ?? { fence: 0 };
    expect(await forceUnlock(world.table, { runId, fence }, freeAt)).toBe(true);
    const before = await world.keys();
    await expect(functions.slice(second)).rejects.toThrow(/no longer held/);
    await functions.finish({ state: { runId }, execution: 'x' });
    expect(functions.report?.status).toBe('partial');
    expect(functions.report?.refusals).toContainEqual({
      code: 'failed',
      message: 'the prune lock was taken from this run',
    });
    expect(await world.keys()).toEqual(before);
    expect(await world.table.get(lockKey)).toMatchObject({ fence: fence + 1, expiresAt: freeAt });
  });
});

describe('the end of a run', () => {
  async function finished() {
    const world = await mixedRegistry();
    const { functions, report } = await distribute(world, OFFLINE, { settings: { workers: 2 } });
    const [order] = functions.orders;
    if (order === undefined || report === undefined) throw new Error('there was no run');
    return { world, functions, order, runId: report.runId };
  }

  it('is told once, however often it is asked for', async () => {
    const { world, functions, runId } = await finished();
    // It did not live to say so: the run's item does.
    await world.table.update({ pk: `RUN#${runId}`, sk: 'COURSE' }, { remove: ['finishedAt'] });
    const again = await functions.finish({ state: { runId }, execution: 'execution' });
    expect(again).toEqual({ run: null, error: null, cause: null });
    expect(world.bus.events).toHaveLength(1);
  });

  it('is not that of a run of another execution', async () => {
    const world = await mixedRegistry();
    const functions = new Functions(world, { settings: { workers: 2 } });
    const started = await functions.start({ request: OFFLINE, execution: 'theirs' });
    const { runId } = Object(started);
    const before = await world.table.get(lockKey);
    expect(await functions.finish({ state: { runId }, execution: 'mine' })).toMatchObject({ run: null });
    expect(await world.table.get(lockKey)).toEqual(before);
    expect(world.bus.events).toEqual([]);
  });

  it('is the end for a worker that comes late', async () => {
    const { world, functions, order } = await finished();
    const [keys, items] = [await world.keys(), await world.items()];
    await expect(functions.slice(order)).rejects.toBeInstanceOf(NoSuchRunError);
    expect(await world.keys()).toEqual(keys);
    expect(await world.items()).toEqual(items);
  });

  it('gives back the lock of a start that did not live to say its run', async () => {
    const world = await mixedRegistry();
    const functions = new Functions(world);
    await functions.start({ request: OFFLINE, execution: 'mine' });
    await world.table.remove({
      pk: `RUN#${(await heldLock(world.table, world.clock.now()))?.runId}`,
      sk: 'COURSE',
    });
    await functions.finish({
      state: { error: { Error: 'Sandbox.Timedout', Cause: '{}' } },
      execution: 'other',
    });
    expect(await heldLock(world.table, world.clock.now())).toBeDefined();
    const end = await functions.finish({
      state: { error: { Error: 'Sandbox.Timedout', Cause: 'x' } },
      execution: 'mine',
    });
    expect(end).toEqual({ run: null, error: 'Sandbox.Timedout', cause: 'x' });
    expect(await heldLock(world.table, world.clock.now())).toBeUndefined();
  });

  it('counts a worker by what it has left where its totals cannot be read', async () => {
    const [one, world] = [await mixedRegistry(), await mixedRegistry()];
    const expected = totalsOf(await one.prune(OFFLINE));
    const functions = new Functions(world, { settings: { workers: 1 } });
    let orders = await functions.start({ request: OFFLINE, execution: 'x' });
    if (orders.how === 'single') throw new Error('it is too small');
    const { runId } = orders;
    for (let step: Awaited<ReturnType<Functions['decide']>> = orders; step.step === 'work'; ) {
      for (const lane of step.lanes) await functions.slice(lane);
      step = await functions.decide({ runId, pass: step.pass });
      orders = { how: 'distributed', ...step };
    }
    const prefix = `registry-prune/journal/${runId}/totals/`;
    for (const { key } of (await world.bucket.list(prefix)).objects) world.bucket.seed(key, '{}');
    await functions.finish({ state: { runId }, execution: 'x' });
    const { manifests, blobs, links, spaceReclaimed, imagesDeleted } = totalsOf(functions.report);
    expect({ deleted: manifests.deleted, links, spaceReclaimed, imagesDeleted }).toEqual({
      ...{ deleted: expected.manifests.deleted, links: expected.links },
      ...{ spaceReclaimed: expected.spaceReclaimed, imagesDeleted: expected.imagesDeleted },
    });
    expect(blobs.deleted).toBe(expected.blobs.deleted);
  });
});

describe('what is told on the way', () => {
  it('is how far all workers are, and that they are at work', async () => {
    const world = await mixedRegistry();
    const seen: number[] = [];
    await distribute(world, OFFLINE, {
      settings: { workers: 2 },
      faults: (_, invocation) => {
        if (invocation > 1)
          void statusOf(world.table, world.clock.now()).then(({ run }) =>
            seen.push(run?.manifests?.['examined'] ?? 0),
          );
        return { table: slowly(world, 100) };
      },
    });
    expect(Math.max(...seen)).toBeGreaterThan(10);
    const [run] = (await world.items()).filter(({ pk }) => pk === 'RUNS');
    expect(Date.parse(String(run?.['progressAt']))).toBeGreaterThan(Date.parse(String(run?.['startedAt'])));
  });
});

describe('a pace', () => {
  it('is kept by all workers together', async () => {
    const world = await mixedRegistry();
    const startedAt = world.clock.now();
    const sleep = async (milliseconds: number) => world.clock.advance(milliseconds);
    const { report } = await distribute(world, OFFLINE, {
      settings: { workers: 2, pace: 20 },
      faults: () => ({ sleep }),
    });
    const deleted = (report?.manifests.deleted ?? 0) * 2 + (report?.blobs.deleted ?? 0);
    expect(report?.status).toBe('completed');
    // The workers of this test are at work one after the other, each at its half of the pace.
    expect(world.clock.now() - startedAt).toBeGreaterThan((deleted / 10) * SECOND * 0.8);
  });
});
