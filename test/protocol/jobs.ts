/** Searches side by side, one for each core. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import pMap from 'p-map';
import type { Mutant } from './mutants.ts';
import type { Outcome } from './work.ts';
import { worlds } from './worlds.ts';

export interface Job {
  readonly world: string;
  /** Milliseconds. */
  readonly time: number;
  readonly mutant?: Mutant;
}

const AT_ONCE = Math.min(8, availableParallelism());

/** A longer search by PROTOCOL_SECONDS: for each world, and for each mutant in each of its worlds. */
const SECONDS = Number(process.env['PROTOCOL_SECONDS'] ?? '3');
export const TIME = SECONDS * 1000;

export function run(job: Job): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: job, execArgv: [] });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the search ended with ${code}`)));
  });
}

export const exploreAll = (names: readonly string[], time = TIME): Promise<Outcome[]> =>
  pMap(names, (world) => run({ world, time }), { concurrency: AT_ONCE });

/** @returns the first world's outcome that shows the mutant; undefined where it lives in all of them. */
export async function hunt(mutant: Mutant, time = TIME): Promise<Outcome | undefined> {
  for (const world of worlds.keys()) {
    if (!mutant.worlds.some((begin) => world.startsWith(begin))) continue;
    const outcome = await run({ world, time, mutant });
    if (outcome.schedule !== undefined) return outcome;
  }
  return undefined;
}

export const huntAll = (mutants: readonly Mutant[], time = TIME) =>
  pMap(mutants, async (mutant) => ({ mutant, outcome: await hunt(mutant, time) }), { concurrency: AT_ONCE });
