import { describe, expect, it } from 'vitest';
import { statusOf } from '../../lambdas/operations/status.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { lockKey, toLock } from '../../lambdas/store/items.ts';
import { forceUnlock, UNLOCK_REST } from '../../lambdas/store/lock.ts';
import { countDue } from '../../lambdas/store/queue.ts';
import { DAY, HOUR, SECOND } from '../support/clock.ts';
import { image, layer } from '../support/images.ts';
import { intercept, once } from '../support/intercept.ts';
import { World } from '../support/world.ts';

const IMAGES = 6;

async function withGarbage(): Promise<World> {
  const world = new World();
  for (let at = 0; at < IMAGES; at++)
    await world.registry.push('app', image(`loose ${at}`, { layers: [layer(`layer ${at}`)] }));
  await world.reindex();
  await world.later(DAY + HOUR);
  return world;
}

/** A run in which every look at a queue takes its time, and something happens at the n-th. */
function slowly(world: World, at: number, then: () => Promise<void>): Partial<PruneDependencies> {
  let looks = 0;
  const table = intercept(world.table, {
    before: async ({ operation }) => {
      if (operation !== 'due') return;
      world.clock.advance(4 * SECOND);
      looks++;
      if (looks === at) await then();
    },
  });
  return { table };
}

describe('how far a run is', () => {
  it('is told by its item while it runs, and not more often than every ten seconds', async () => {
    const world = await withGarbage();
    const told: unknown[] = [];
    const table = intercept(world.table, {
      before: ({ operation }) => {
        if (operation === 'due') world.clock.advance(4 * SECOND);
      },
      after: ({ operation, arguments: [key] }, item) => {
        if (operation === 'update' && Reflect.get(Object(key), 'pk') === 'RUNS')
          told.push(Reflect.get(Object(item), 'progressAt'));
      },
    });
    await world.prune({ confirm: 100 }, { table });
    const times = told.filter((at) => at !== undefined).map((at) => Date.parse(String(at)));
    const progress = [...new Set(times)];
    expect(progress.length).toBeGreaterThan(1);
    for (const [at, time] of progress.entries())
      if (at > 0) expect(time - (progress[at - 1] ?? 0)).toBeGreaterThanOrEqual(10 * SECOND);
  });

  it('is seen by whoever watches, and who holds the lock', async () => {
    const world = await withGarbage();
    let seen: Awaited<ReturnType<typeof statusOf>> | undefined;
    const look = async () => {
      seen = await statusOf(world.table, world.clock.now());
    };
    const { runId } = await world.prune({ confirm: 100 }, slowly(world, 40, look));
    expect(seen).toMatchObject({
      lock: { owner: 'test', runId },
      run: { runId, status: 'running', progressAt: expect.any(String) },
    });
    expect(await statusOf(world.table, world.clock.now())).toMatchObject({ lock: null, run: null });
  });

  it('is estimated by what is due', async () => {
    const world = await withGarbage();
    const due = (until: number) =>
      countDue(world.table, ['manifest', 'blob'], until, new AbortController().signal);
    // Each image with its own bytes, its config and a layer; the empty config is shared or not.
    const all = await due(Number.MAX_SAFE_INTEGER);
    expect(await due(world.clock.now())).toBe(all);
    expect(all).toBeGreaterThanOrEqual(IMAGES * 3);
    expect(await due(0)).toBe(0);
  });
});

describe('a run whose lock is taken away by force', () => {
  it('ends, deletes nothing more, and leaves the lock alone', async () => {
    const world = await withGarbage();
    let before: ReadonlyMap<string, number> = new Map();
    const take = once(
      () => true,
      async () => {
        const item = await world.table.get(lockKey);
        if (item === undefined) throw new Error('no lock');
        await forceUnlock(world.table, toLock(item), world.clock.now() + UNLOCK_REST);
        before = await world.keys();
      },
    );
    const faults = slowly(world, 2, () => take({ operation: 'due', arguments: [] }));
    const report = await world.prune({ confirm: 100 }, faults);
    expect(report.status).toBe('partial');
    expect(report.refusals).toContainEqual({
      code: 'failed',
      message: 'the prune lock was taken from this run (unlock --force)',
    });
    expect(before.size).toBeGreaterThan(0);
    // Nothing went after it looked.
    expect(report.manifests.deleted).toBeLessThan(IMAGES);
    const revisions = (keys: ReadonlyMap<string, number>) =>
      [...keys.keys()].filter((key) => key.includes('/revisions/')).length;
    expect(revisions(await world.keys())).toBe(IMAGES - report.manifests.deleted);
    expect(await world.table.get(lockKey)).toMatchObject({ fence: 2 });
  });
});
