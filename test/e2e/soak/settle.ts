/** Waiting until nothing more happens by itself. */
import { setTimeout as delay } from 'node:timers/promises';
import { snapshotTable } from '../support/table.ts';
import type { SoakWorld } from './world.ts';

const POLL_MS = 500;
const WITHIN_MS = 120_000;

/** Every event has been applied, the ones put off too. */
export async function drained(
  { queue }: Pick<SoakWorld, 'queue'>,
  failed: () => void,
  within = WITHIN_MS,
): Promise<void> {
  await until('the queue is not empty', failed, async () => (await queue.depth()) === 0, within);
}

/** Runs, still going on, have nothing left to look at: only uploads that clients have left wait, for a week. */
export async function pruned(world: SoakWorld, failed: () => void): Promise<void> {
  await until('something is still queued', failed, async () => {
    if ((await world.queue.depth()) > 0) return false;
    const items = await snapshotTable(world.tables, world.table);
    const now = Date.now();
    return ![...items.values()].some(({ queue, dueAt }) => {
      return queue !== undefined && !(String(queue).startsWith('upload#') && Number(dueAt) > now);
    });
  });
}

/** @param failed throws when it is of no use to wait. */
async function until(
  what: string,
  failed: () => void,
  holds: () => Promise<boolean>,
  within = WITHIN_MS,
): Promise<void> {
  const deadline = Date.now() + within;
  for (let quiet = 0; quiet < 2; quiet = (await holds()) ? quiet + 1 : 0) {
    failed();
    if (Date.now() > deadline) throw new Error(`${what} after ${within / 1_000} s`);
    await delay(POLL_MS);
  }
}
