/** Searches side by side, one for each core. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import pMap from 'p-map';
import type { Mutant } from './mutants/mutant.ts';
import type { Outcome } from './work.ts';
import { worlds } from './worlds.ts';

export interface Job {
  readonly world: string;
  /** Milliseconds of work. */
  readonly time: number;
  readonly mutant?: Mutant;
  /** @default work */
  readonly task?: 'work' | 'compare' | 'hazard';
}

export const AT_ONCE = Math.min(8, availableParallelism());

/** A longer search by PROTOCOL_SECONDS: for each world, and for each mutant in each of its worlds. */
const SECONDS = process.env['PROTOCOL_SECONDS'];
/** Milliseconds for a world. What is not seen to the end in that time is seen in part. */
export const TIME = Number(SECONDS ?? '0.3') * 1000;
/** And at most for a mutant in a world, where most are caught within a second. */
export const BUDGET = Math.max(30_000, TIME);

export function run<Result = Outcome>(job: Job): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: job, execArgv: [] });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the search ended with ${code}`)));
  });
}

export const exploreAll = (names: readonly string[], time = TIME): Promise<Outcome[]> =>
  pMap(names, (world) => run({ world, time }), { concurrency: AT_ONCE });

export interface Hunted {
  readonly mutant: Mutant;
  /** Up to the one that shows the mutant; of one that lives, all of its worlds. */
  readonly outcomes: readonly Outcome[];
  readonly caught: Outcome | undefined;
}

export async function hunt(mutant: Mutant, time = BUDGET): Promise<Hunted> {
  const outcomes: Outcome[] = [];
  for (const begin of mutant.worlds) {
    for (const world of worlds.keys()) {
      if (!world.startsWith(begin)) continue;
      const outcome = await run({ world, time, mutant });
      outcomes.push(outcome);
      if (outcome.schedule !== undefined) return { mutant, outcomes, caught: outcome };
    }
  }
  return { mutant, outcomes, caught: undefined };
}

export const huntAll = (mutants: readonly Mutant[], time = BUDGET): Promise<Hunted[]> =>
  pMap(mutants, (mutant) => hunt(mutant, time), { concurrency: AT_ONCE });
