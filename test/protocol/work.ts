/** What a job comes to. */
import { type Explored, explore, groundOf } from './explore.ts';
import type { Job } from './jobs.ts';
import { printed } from './print.ts';
import { worlds } from './worlds.ts';

export interface Outcome {
  readonly world: string;
  readonly figures: Omit<Explored, 'violation'>;
  /** The schedule that shows what is wrong, if there is one. */
  readonly schedule?: string;
}

/** Schedules with few changes of actor come first, where a short one is looked for. */
const SWITCHES = [1, 2, 3, 5] as const;

export async function work(job: Job): Promise<Outcome> {
  const world = worlds.get(job.world);
  if (world === undefined) throw new Error(`there is no world ${job.world}`);
  const ends = Date.now() + job.time;
  const ground = await groundOf(world);
  for (const switches of job.mutant === undefined ? [undefined] : SWITCHES) {
    const bound = switches === undefined ? {} : { switches };
    const { violation, ...figures } = await explore(ground, {
      time: Math.max(1, ends - Date.now()),
      ...bound,
    });
    const schedule = violation === undefined ? {} : { schedule: printed(violation) };
    const outcome = { world: world.name, figures, ...schedule };
    if (job.mutant === undefined || violation !== undefined) return outcome;
    if (Date.now() >= ends || switches === SWITCHES.at(-1)) return outcome;
  }
  throw new Error('nothing was searched');
}
