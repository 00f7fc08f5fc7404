/** Taking the prune lock away from a run that was killed, before its lease ends (docs/plans.md, "Watch and unlock"). */
import type { LockItem } from '../store/items.ts';
import { forceUnlock, SKEW, UNLOCK_REST } from '../store/lock.ts';
import { type RunItem, readRun } from '../store/runs.ts';
import type { Table } from '../store/table.ts';

/** The lock stays with its run: it may be alive, or it is not the one meant. */
export class UnlockRefusedError extends Error {
  override readonly name = 'UnlockRefusedError';
}

/** What can be seen from where somebody unlocks. */
export interface Viewpoint {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly hostname: string;
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
}

/** A run tells how far it is every ten seconds while it works; one that has not for so long is not at work (milliseconds). */
export const SILENCE = 2 * 60_000;

/** As questions and refusals name it. */
export const holderOf = ({ runId, owner, expiresAt }: LockItem): string =>
  `run ${runId} by ${owner} holds the lock, until ${new Date(expiresAt).toISOString()} at the latest`;

/**
 * When the lock is free once it was taken away. What a process that is gone from this machine has signed has arrived; what
 * one elsewhere may have signed, AWS may accept until the skew is over (protocol, "one run at a time").
 *
 * @param run the holder's item.
 * @returns milliseconds since the epoch; never later than the lease itself.
 * @throws UnlockRefusedError when anything speaks for the holder's life.
 */
export function freeAt(lock: LockItem, run: RunItem | undefined, viewpoint: Viewpoint): number {
  const now = viewpoint.now();
  if (lock.expiresAt - SKEW <= now) return lock.expiresAt;
  const [, host, pid] = /@(\S+) pid (\d+)/.exec(lock.owner) ?? [];
  const isHere = host === viewpoint.hostname;
  if (isHere && viewpoint.isAlive(Number(pid))) {
    throw new UnlockRefusedError(
      `${holderOf(lock)}, and process ${pid} is alive on this machine: end it with \`kill -INT ${pid}\``,
    );
  }
  const seen = Math.max(Date.parse(run?.progressAt ?? run?.startedAt ?? '') || 0, lock.acquiredAt);
  if (!isHere && now - seen < SILENCE) {
    const seconds = Math.round((now - seen) / 1000);
    throw new UnlockRefusedError(
      `${holderOf(lock)}, and it was at work ${seconds} s ago: try again when it has been silent for ${SILENCE / 1000} s`,
    );
  }
  return Math.min(lock.expiresAt, now + UNLOCK_REST + (isHere ? 0 : SKEW));
}

/**
 * Takes the lock away.
 *
 * @returns when it is free, milliseconds since the epoch.
 * @throws UnlockRefusedError
 */
export async function unlock(table: Table, lock: LockItem, viewpoint: Viewpoint): Promise<number> {
  const free = freeAt(lock, await readRun(table, lock.runId), viewpoint);
  if (await forceUnlock(table, lock, free)) return free;
  throw new UnlockRefusedError('the lock has changed hands meanwhile; nothing was done');
}
