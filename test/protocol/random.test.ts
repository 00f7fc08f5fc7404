import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PATIENCE, runs } from '../support/runs.ts';
import { groundOf } from './explore.ts';
import { settle } from './invariants.ts';
import { large } from './large.ts';
import { printed } from './print.ts';
import { Simulation } from './simulation.ts';

vi.setConfig({ testTimeout: 2 * PATIENCE });

/** How far down the list of those who could go on; mostly whoever went last does. */
const choice = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(12) });

describe('a schedule of a larger world, by chance', () => {
  it.each(large)('comes to a whole registry: $name', async (world) => {
    const { start, footprints } = await groundOf(world);
    footprints.freeze();
    await fc.assert(
      fc.asyncProperty(fc.array(choice, { minLength: 20, maxLength: 500 }), async (choices) => {
        const simulation = await Simulation.begin(world, start, footprints);
        let last = '';
        for (let at = 0; ; at++) {
          const enabled = simulation.enabled();
          // Crashes and time only where they are chosen.
          const others = enabled.filter(({ id }) => id !== last);
          const order = [...enabled.filter(({ id }) => id === last), ...others];
          const next = order[(choices[at] ?? 0) % Math.max(1, order.length)];
          if (next === undefined) break;
          last = next.id;
          await simulation.scheduler.take(next);
        }
        const what = await settle(simulation);
        const { steps } = simulation.scheduler;
        expect(what, what.length === 0 ? '' : `\n${printed({ steps, what })}`).toEqual([]);
      }),
      runs(300),
    );
  });
});
