/** What a job comes to. */
import { worked } from './effort.ts';
import { type Explored, explore, groundOf, type Limits } from './explore.ts';
import type { Job } from './jobs.ts';
import { printed } from './print.ts';
import { worlds } from './worlds.ts';

export interface Outcome {
  readonly world: string;
  readonly figures: Omit<Explored, 'violation'>;
  /** The schedule that shows what is wrong, if there is one. */
  readonly schedule?: string;
}

export async function work(job: Job): Promise<Outcome> {
  const world = worlds.get(job.world);
  if (world === undefined) throw new Error(`there is no world ${job.world}`);
  const ends = worked() + job.time;
  const ground = await groundOf(world);
  const search: Look = (limits = {}, share = 1) =>
    explore(ground, { ...limits, time: Math.max(1, (ends - worked()) * share) });
  const found = job.mutant === undefined ? await search() : await hunt(search);
  const { violation, ...figures } = found;
  return { world: world.name, figures, ...(violation === undefined ? {} : { schedule: printed(violation) }) };
}

/** How many changes of actor a schedule has that is looked for first, so that it is a short one. */
const FEW = [1, 2] as const;
/** And at most, where none of those was found: of the time that is left, each takes a share, and the rest is for all. */
const MORE = [3, 4, 5] as const;

type Look = (limits?: Limits, share?: number) => Promise<Explored>;

async function hunt(search: Look): Promise<Explored> {
  for (const switches of FEW) {
    const found = await search({ switches }, 0.3);
    if (found.violation !== undefined) return found;
  }
  const few = await search({ switches: MORE[0] }, 0.3);
  if (few.violation !== undefined) return few;
  const found = await search();
  if (found.violation === undefined) return found;
  for (const switches of MORE) {
    const shorter = await search({ switches }, 0.3);
    if (shorter.violation !== undefined) return shorter;
  }
  return found;
}
