import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import type { Report } from '../../lambdas/prune/report.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { type Arrival, arrivals, clientStep, Deliveries } from '../support/deliveries.ts';
import type { Step } from '../support/generated-registry.ts';
import type { Call } from '../support/intercept.ts';
import { intercept } from '../support/intercept.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { Shadow } from '../support/shadow.ts';
import type { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const MOST_ROUNDS = 60;

/** What is not understood keeps whatever its repository still has then, which says nothing of what went before. */
const step = clientStep.filter((one) => one.do !== 'strange');
const arrival = arrivals(step);

/** Without waiting: a run's time goes by with the calls it makes. */
const meanwhile = fc.array(
  fc.record({
    after: fc.nat(400),
    what: fc.oneof(
      step.filter((one) => one.do !== 'wait'),
      arrival,
    ),
  }),
  { maxLength: 6 },
);

interface PruneStep {
  readonly do: 'prune';
  readonly meanwhile: readonly { readonly after: number; readonly what: Step | Arrival }[];
}

const plan = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 4, arbitrary: arrival },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('prune'), meanwhile }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), hours: fc.integer({ min: 25, max: 60 }) }) },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

class Registry {
  readonly shadow = new Shadow();
  readonly deliveries = new Deliveries((step) => this.shadow.take(step));
  readonly world = this.deliveries.world;

  async take(one: Step | Arrival): Promise<void> {
    if (one.do === 'arrive') await this.deliveries.arrive(one);
    else await this.deliveries.take(one);
  }

  async prune(meanwhile: PruneStep['meanwhile']): Promise<Report> {
    const { world, shadow } = this;
    await world.beat();
    await shadow.prunes();
    let calls = 0;
    const before = async (_: Call): Promise<void> => {
      calls++;
      for (const { after, what } of meanwhile) {
        if (after !== calls) continue;
        await this.take(what);
        await shadow.prunes();
      }
    };
    return await world.prune(
      {},
      {
        table: intercept(world.table, { before }),
        objects: (guard) => intercept(world.dependencies.objects(guard), { before }),
      },
    );
  }
}

async function everIndexed(world: World): Promise<Set<string>> {
  const items = await world.items();
  return new Set(
    items
      .filter(({ pk, sk }) => pk.startsWith('REPO#') && sk.startsWith('MANIFEST#'))
      .map(({ pk, sk }) => `${pk.slice('REPO#'.length)}@${sk.slice('MANIFEST#'.length)}`),
  );
}

it('events later than the grace and prunes between them lose nothing for good and leave no garbage', async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }), async (steps, order) => {
      const registry = new Registry();
      const { world, deliveries, shadow } = registry;
      for (const one of steps) {
        world.clock.advance(1000);
        if (one.do === 'prune') await registry.prune(one.meanwhile);
        else await registry.take(one);
      }
      await deliveries.arriveAll(order);
      const atRest = await world.keys();
      const missing = async (keys: ReadonlyMap<string, unknown>) =>
        (await shadow.mustBeThere(world.clock.now())).filter((key) => !keys.has(key));
      expect(await missing(atRest)).toEqual([]);

      for (let round = 0, quiet = 0; quiet < 3; round++) {
        expect(round).toBeLessThan(MOST_ROUNDS);
        world.clock.advance(DAY + HOUR);
        const report = await registry.prune([]);
        expect(report.status).toBe('completed');
        await deliveries.arriveAll(order);
        const { manifests, blobs, links } = report;
        const idle = manifests.deleted + blobs.deleted + blobs.condemned + links.deleted === 0;
        quiet = idle ? quiet + 1 : 0;
      }
      expect((await world.items()).filter(({ state }) => state === 'deleting')).toEqual([]);
      const after = await world.keys();
      expect(await missing(after)).toEqual([]);
      const question = { now: world.clock.now(), everIndexed: await everIndexed(world) };
      const { live } = judge(await contentsOf(world.bucket), question);
      expect([...after.keys()].filter((key) => !live.has(key))).toEqual([]);
    }),
    runs(60),
  );
});
