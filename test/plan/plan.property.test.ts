import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Plan } from '../../lambdas/plan/document.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { generate, history } from '../support/generated-registry.ts';
import { arrival, LiveRegistry, meanwhile, step } from '../support/live-registry.ts';
import { contentsOf } from '../support/oracle.ts';
import { mayGo, plannedKeys, watchDeletions } from '../support/planned-keys.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

/** A chain of holders goes one link at a time, each after its grace. */
const MOST_ROUNDS = 60;

const filters = fc.constantFrom<Record<string, string[]>>(
  {},
  { dangling: ['false'] },
  { dangling: ['false'], label: ['team=core'] },
  { 'label!': ['keep'] },
  { until: ['12h'] },
);
const repositories = fc.constantFrom<string[] | undefined>(undefined, ['team/**', 'team'], ['base']);

/** The keys that a plan names and that a reader finds, of those there were. */
const gone = (before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>) =>
  new Set([...before.keys()].filter((key) => !after.has(key)));

function done({ plan }: Report): boolean {
  const counts = plan === undefined ? [] : [plan.manifests, plan.links, plan.blobs];
  return counts.every(({ pending }) => pending === 0);
}

function expectWhole(report: Report, plan: Plan): void {
  const { totals } = plan;
  expect(report.plan).toMatchObject({
    hash: plan.hash,
    manifests: { planned: totals.manifests, gone: totals.manifests, pending: 0, dropped: 0 },
    links: { planned: totals.links, gone: totals.links, pending: 0, dropped: 0 },
    blobs: { planned: totals.blobs, gone: totals.blobs, pending: 0, dropped: 0 },
    dropped: [],
  });
}

describe.each([
  { mode: 'online', versioned: true },
  { mode: 'online', versioned: false },
  { mode: 'offline', versioned: true },
  { mode: 'offline', versioned: false },
])('a plan that nothing interferes with, $mode, versioned: $versioned', ({ mode, versioned }) => {
  it('changes nothing, and when it is applied exactly what it names goes', async () => {
    await fc.assert(
      fc.asyncProperty(history, filters, repositories, async (steps, filter, scope) => {
        const world = new World({ versioned, settings: { allowUnversioned: true } });
        await generate(world, steps);
        world.clock.advance(DAY + HOUR);
        await world.beat();
        const before = await contentsOf(world.bucket);
        const table = await world.items();
        const body = { mode, filters: filter, ...(scope === undefined ? {} : { repositories: scope }) };
        const { plan, report: foretold } = await world.plan(body);
        expect(await world.items()).toEqual(table);
        expect(await contentsOf(world.bucket)).toEqual(before);
        if (plan === undefined) throw new Error(`no plan: ${JSON.stringify(foretold.refusals)}`);
        expect(plan.status).toBe('completed');
        expect(plan.totals.bytes).toBe(foretold.spaceReclaimed);

        let reclaimed = 0;
        let report: Report;
        let round = 0;
        do {
          expect(round++).toBeLessThan(MOST_ROUNDS);
          report = await world.apply(plan);
          expect(report.status).toBe('completed');
          reclaimed += report.spaceReclaimed;
          await world.later(DAY + HOUR);
        } while (!done(report));
        expectWhole(report, plan);
        expect(reclaimed).toBe(plan.totals.bytes);
        const left = gone(before, await world.keys());
        const isNamed = mayGo(plan);
        expect([...left].filter((key) => !isNamed(key))).toEqual([]);
        expect([...plannedKeys(plan)].filter((key) => !left.has(key))).toEqual([]);
      }),
      runs(40),
    );
  });
});

const work = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 3, arbitrary: arrival },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('apply'), meanwhile }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('prune'), meanwhile }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rebuild') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('undo') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), hours: fc.integer({ min: 25, max: 60 }) }) },
  ),
  { minLength: 4, maxLength: 30, size: 'max' },
);

it('under any pushes beside it, applying a plan deletes nothing that it does not name, and loses nothing', async () => {
  let dropped = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 25, size: 'max' }),
      filters,
      work,
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }),
      async (steps, filter, more, order) => {
        const registry = new LiveRegistry();
        const { world, deliveries, shadow } = registry;
        for (const one of steps) {
          world.clock.advance(1000);
          await registry.take(one);
        }
        await deliveries.arriveAll(order);
        world.clock.advance(DAY + HOUR);
        await world.beat();
        const { plan } = await world.plan({ filters: filter });
        if (plan === undefined) throw new Error('no plan');
        const isNamed = mayGo(plan);
        const applied: string[] = [];
        /** What an undo has brought back is wanted. */
        let undone = new Set<string>();
        for (const one of more) {
          world.clock.advance(1000);
          if (one.do === 'prune') await registry.prune(one.meanwhile);
          else if (one.do === 'rebuild') await world.reindex();
          else if (one.do === 'undo') {
            const before = await world.keys();
            const runId = applied.pop();
            if (runId !== undefined) await world.restore(runId);
            const back = [...(await world.keys()).keys()].filter((key) => !before.has(key));
            undone = undone.union(new Set(back));
          } else if (one.do !== 'apply') await registry.take(one);
          else {
            let deleted: ReadonlySet<string> = new Set();
            const report = await registry.beside(one.meanwhile, (faults) => {
              const watched = watchDeletions(faults.objects);
              deleted = watched.deleted;
              return world.apply(plan, {}, { ...faults, objects: watched.objects });
            });
            applied.push(report.runId);
            expect([...deleted].filter((key) => !isNamed(key))).toEqual([]);
            const again = [...deleted].filter((key) => undone.has(key) && key.endsWith('/data'));
            expect(again).toEqual([]);
            dropped += report.plan?.dropped.length ?? 0;
          }
        }
        await deliveries.arriveAll(order);
        if (filter['dangling'] !== undefined) return;
        const atRest = await world.keys();
        const missing = (await shadow.mustBeThere(world.clock.now())).filter((key) => !atRest.has(key));
        expect(missing).toEqual([]);
      },
    ),
    runs(60),
  );
  // Or the pushes came beside nothing that they could have changed.
  expect(dropped).toBeGreaterThan(0);
});
