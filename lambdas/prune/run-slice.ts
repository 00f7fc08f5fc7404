import type { ActiveRun } from './active-run.ts';
import { workOff } from './slice.ts';

/**
 * Works on some shards until they are worked off or the deadline is near.
 *
 * @param deadline of this slice; a later one than before takes the lock's lease forward.
 * @returns whether the shards were worked off.
 */
export async function runSlice(
  active: ActiveRun,
  shards: readonly string[],
  deadline: number,
): Promise<boolean> {
  const { state, lock } = active;
  if (deadline > state.deadline) {
    await lock?.extend(deadline);
    state.deadline = deadline;
  }
  const { done } = await workOff(active.run, shards);
  for (const shard of shards) if (done) state.unfinished.delete(shard);
  return done;
}
