/** What is going on: who holds the prune lock, and how far that run is. */
import { heldLock, SKEW } from '../store/lock.ts';
import { type RunItem, readRun } from '../store/runs.ts';
import type { Table } from '../store/table.ts';

export interface Status {
  readonly at: string;
  /** Null when nobody prunes. */
  readonly lock: {
    readonly owner: string;
    readonly runId: string;
    readonly acquiredAt: string;
    /** When the process that holds it is certainly over. */
    readonly deadline: string;
    /** When another may take it: the deadline, and the time for which AWS may still accept a request. */
    readonly expiresAt: string;
  } | null;
  /** As its item tells; null where there is no lock, or what holds it is no prune. */
  readonly run: RunItem | null;
}

/** @param now milliseconds since the epoch. */
export async function statusOf(table: Table, now: number): Promise<Status> {
  const at = new Date(now).toISOString();
  const lock = await heldLock(table, now);
  if (lock === undefined) return { at, lock: null, run: null };
  const { owner, runId, acquiredAt, expiresAt } = lock;
  return {
    at,
    lock: {
      ...{ owner, runId, acquiredAt: new Date(acquiredAt).toISOString() },
      deadline: new Date(expiresAt - SKEW).toISOString(),
      expiresAt: new Date(expiresAt).toISOString(),
    },
    run: (await readRun(table, runId)) ?? null,
  };
}
