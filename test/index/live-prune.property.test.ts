import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { DAY, HOUR } from '../support/clock.ts';
import { arrival, everIndexed, LiveRegistry, meanwhile, step } from '../support/live-registry.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';

vi.setConfig({ testTimeout: PATIENCE });

const MOST_ROUNDS = 60;

const plan = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 4, arbitrary: arrival },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('prune'), meanwhile }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), hours: fc.integer({ min: 25, max: 60 }) }) },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

it('events later than the grace and prunes between them lose nothing for good and leave no garbage', async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 }), async (steps, order) => {
      const registry = new LiveRegistry();
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
