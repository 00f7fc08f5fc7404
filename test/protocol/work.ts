/** What a job comes to. */
import { Footprints } from './access.ts';
import { worked } from './effort.ts';
import { type Explored, explore, type Ground, groundOf, type Limits } from './explore.ts';
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

/** What a search has seen at the ends of its schedules. */
export interface Ends {
  readonly states: readonly string[];
  readonly wrong: readonly string[];
  readonly schedules: number;
  readonly complete: boolean;
}

/** The reduced search and one that leaves nothing out. */
export async function compare(job: Job): Promise<{ readonly reduced: Ends; readonly unreduced: Ends }> {
  const world = worlds.get(job.world);
  if (world === undefined) throw new Error(`there is no world ${job.world}`);
  const ground = await groundOf(world);
  const all = { ...ground, footprints: new Footprints({ none: true }) };
  return {
    reduced: await endsOf(ground, { time: job.time }),
    unreduced: await endsOf(all, { time: job.time, unreduced: true }),
  };
}

async function endsOf(ground: Ground, limits: Limits): Promise<Ends> {
  const states = new Set<string>();
  const wrong = new Set<string>();
  const { schedules, complete } = await explore(ground, {
    ...limits,
    onEnd: (state, what) => {
      states.add(state);
      for (const line of what) wrong.add(line);
    },
  });
  return { states: [...states].sort(), wrong: [...wrong].sort(), schedules, complete };
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
