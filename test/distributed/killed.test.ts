import { describe, expect, it } from 'vitest';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { heldLock, SKEW } from '../../lambdas/store/lock.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { type DistributedOptions, distribute } from '../support/distributed.ts';
import { goneBy, mixedRegistry } from '../support/distributed-world.ts';
import { Crash } from '../support/intercept.ts';
import type { World } from '../support/world.ts';

const OFFLINE = { mode: 'offline' };
const ALL = { mode: 'offline', all: true };

const killedBy = (world: World, crash: Crash): Partial<PruneDependencies> => ({
  table: crash.over(world.table),
  objects: (guard) => crash.over(world.dependencies.objects(guard)),
});

/** Kills some of the invocations of workers. */
const kill = (world: World, kills: ReadonlyMap<number, Crash>): DistributedOptions => ({
  settings: { workers: 4 },
  faults: (_, invocation) => {
    const crash = kills.get(invocation);
    return crash === undefined ? {} : killedBy(world, crash);
  },
});

/** How many calls the worker of an invocation makes. */
async function callsOf(invocation: number, body: object): Promise<number> {
  const world = await mixedRegistry();
  const counting = new Crash();
  await distribute(world, { ...body }, kill(world, new Map([[invocation, counting]])));
  return counting.calls;
}

describe.each([
  { title: 'untagged ones', body: OFFLINE },
  { title: 'tagged ones too', body: ALL },
])('a worker that is killed, $title', ({ body }) => {
  // The first is in the first pass over manifests, the last in the pass over blobs.
  it.each(['before', 'after'] as const)('is made good and counted once, %s whichever call', async (when) => {
    const whole = await mixedRegistry();
    const expected = goneBy(await whole.prune(body));
    const keys = await whole.keys();
    const { functions } = await distribute(await mixedRegistry(), body, { settings: { workers: 4 } });
    const blobs = functions.orders.length - 1;
    for (const invocation of [2, blobs]) {
      const calls = await callsOf(invocation, body);
      expect(calls).toBeGreaterThan(100);
      // By the last it says that it has ended.
      for (let at = 3; at < calls; at += Math.ceil(calls / 4)) {
        const world = await mixedRegistry();
        const crash = new Crash(at, when);
        const startedAt = world.clock.now();
        const { report } = await distribute(world, body, kill(world, new Map([[invocation, crash]])));
        const where = `invocation ${invocation}, call ${at}`;
        expect(crash.happened, where).toBe(true);
        expect(await world.keys(), where).toEqual(keys);
        expect(goneBy(report), where).toEqual(expected);
        expect(report?.refusals, where).toEqual([]);
        // What it had signed was waited for, before anybody else touched what it had taken.
        expect(world.clock.now() - startedAt, where).toBeGreaterThanOrEqual(SKEW);
        expect(await heldLock(world.table, world.clock.now()), where).toBeUndefined();
        const deleting = (await world.items()).filter(({ state }) => state === 'deleting');
        expect(deleting, where).toEqual([]);
      }
    }
  });
});

describe('a worker that is killed in an online run', () => {
  /** Up to the run in which the first bytes go. */
  async function ripe(): Promise<World> {
    const world = await mixedRegistry();
    while (!(await condemned(world))) {
      await world.prune();
      await world.later(DAY + HOUR);
    }
    return world;
  }
  const condemned = async (world: World) => (await world.items()).some(({ state }) => state === 'condemned');

  it('is made good in the same run', async () => {
    const whole = await ripe();
    const expected = goneBy(await whole.prune());
    expect(expected.blobs).toBeGreaterThan(5);
    const { functions } = await distribute(await ripe(), {}, { settings: { workers: 4 } });
    const { length } = functions.orders;
    const counting = new Crash();
    const counted = await ripe();
    await distribute(counted, {}, kill(counted, new Map([[length, counting]])));
    expect(counting.calls).toBeGreaterThan(40);
    for (let at = 5; at < counting.calls; at += Math.ceil(counting.calls / 8)) {
      const world = await ripe();
      const crash = new Crash(at, 'after');
      const { report } = await distribute(world, {}, kill(world, new Map([[length, crash]])));
      expect(crash.happened).toBe(true);
      expect(goneBy(report), `call ${at}`).toEqual(expected);
      expect(await world.keys(), `call ${at}`).toEqual(await whole.keys());
      const deleting = (await world.items()).filter(({ state }) => state === 'deleting');
      expect(deleting, `call ${at}`).toEqual([]);
    }
  });
});
