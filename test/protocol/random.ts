/** Schedules by chance through a larger world, with what is wrong made as short as it gets. */
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { worked } from './effort.ts';
import { groundOf } from './explore.ts';
import { settle } from './invariants.ts';
import type { Job } from './jobs.ts';
import { large } from './large.ts';
import { printed } from './print.ts';
import { Simulation } from './simulation.ts';

/** How far down the list of those who could go on; mostly whoever went last does. */
const choice = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(12) });

export interface Hazarded {
  readonly world: string;
  readonly schedules: number;
  readonly steps: number;
  readonly schedule?: string;
}

/** @returns after the time, or once something is wrong and has been made short for as long again. */
export async function hazard({ world: name, time }: Job): Promise<Hazarded> {
  const world = large.find((one) => one.name === name);
  if (world === undefined) throw new Error(`there is no large world ${name}`);
  const { start, footprints } = await groundOf(world);
  footprints.freeze();
  const figures = { schedules: 0, steps: 0 };
  let schedule: string | undefined;
  let end = worked() + time;
  const property = fc.asyncProperty(fc.array(choice, { minLength: 20, maxLength: 500 }), async (choices) => {
    // Out of time: what was not tried counts as well.
    if (worked() > end) return true;
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
    const { steps } = simulation.scheduler;
    figures.schedules++;
    figures.steps += steps.length;
    const what = await settle(simulation);
    if (what.length === 0) return true;
    if (schedule === undefined) end = worked() + time;
    schedule = printed({ steps, what });
    return false;
  });
  await fc.check(property, { ...runs(100_000), endOnFailure: false });
  return { world: name, ...figures, ...(schedule === undefined ? {} : { schedule }) };
}
