/**
 * The prune lock (protocol, "Crashes, and one run at a time"): one item, taken by a conditional write.
 *
 *   start        take: expiresAt = hard deadline + skew, fence + 1
 *   each slice   extend: the same for one more lifetime
 *   deadline     the process ends itself; no destructive request is signed after it
 *   + skew       AWS refuses whatever was signed before it and arrives now; only then may another take the lock
 *   end          release: expiresAt = 0, the fence stays
 */
import { type LockItem, lockKey, toLock } from './items.ts';
import { DeadlineError } from './object-store.ts';
import type { Table } from './table.ts';

/** How long AWS may still accept a request signed earlier (milliseconds; protocol section 3). */
export const SKEW = 15 * 60_000;

/** Time kept back from a slice for ending it cleanly: what is under way, report, event, release (milliseconds). */
export const CLOSING_TIME = 20_000;

/** The guard of a dry run. @throws DeadlineError always */
export const refuseToDelete = (): never => {
  throw new DeadlineError('a dry run deletes nothing');
};

/** Somebody else is pruning. */
export class PruneAlreadyRunningError extends Error {
  override readonly name = 'PruneAlreadyRunningError';
  readonly holder: { readonly owner: string; readonly runId: string; readonly expiresAt: Date };

  constructor(lock: Pick<LockItem, 'owner' | 'runId' | 'expiresAt'>) {
    const expiresAt = new Date(lock.expiresAt);
    super(
      `a prune operation is already running: run ${lock.runId} by ${lock.owner}, ` +
        `its lease ends at ${expiresAt.toISOString()}`,
    );
    this.holder = { owner: lock.owner, runId: lock.runId, expiresAt };
  }
}

export interface LockRequest {
  readonly owner: string;
  readonly runId: string;
  /** Milliseconds since the epoch at which this process is certainly over. */
  readonly deadline: number;
}

export class PruneLock {
  readonly fence: number;
  readonly runId: string;
  readonly #table: Table;
  readonly #now: () => number;
  #deadline: number;
  #held = true;

  private constructor(table: Table, now: () => number, lock: LockItem, deadline: number) {
    this.#table = table;
    this.#now = now;
    this.fence = lock.fence;
    this.runId = lock.runId;
    this.#deadline = deadline;
  }

  /**
   * Takes the lock, or the lease of a holder that is over.
   *
   * @param now milliseconds since the epoch.
   * @throws PruneAlreadyRunningError with holder and lease end.
   */
  static async take(table: Table, now: () => number, request: LockRequest): Promise<PruneLock> {
    const { owner, runId, deadline } = request;
    const set = { owner, runId, acquiredAt: now(), expiresAt: deadline + SKEW };
    const free = { any: [{ absent: true } as const, { lessThan: { expiresAt: now() } }] };
    const taken = await table.update(lockKey, { set, add: { version: 1, fence: 1 } }, free);
    if (taken) return new PruneLock(table, now, toLock(taken), deadline);
    // A write whose answer was lost looks refused: the run id, unique to this call, tells.
    const current = await table.get(lockKey);
    if (current === undefined) return await PruneLock.take(table, now, request);
    const lock = toLock(current);
    if (lock.runId === runId && lock.owner === owner) return new PruneLock(table, now, lock, deadline);
    throw new PruneAlreadyRunningError(lock);
  }

  /** Milliseconds since the epoch after which nothing destructive may be signed. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Checked right before each destructive request, and each retry of one, is signed. @throws DeadlineError */
  readonly guard = (): void => {
    if (this.#held && this.#now() < this.#deadline) return;
    throw new DeadlineError(
      this.#held
        ? `the run's deadline ${new Date(this.#deadline).toISOString()} has passed; nothing more is deleted`
        : 'the prune lock has been released; nothing more is deleted',
    );
  };

  /**
   * Takes the lease forward for another slice. Once the old deadline has passed it is too late: the lease may be
   * somebody else's.
   *
   * @throws DeadlineError
   */
  async extend(deadline: number): Promise<void> {
    this.guard();
    const { fence } = this;
    const set = { expiresAt: deadline + SKEW };
    const mine = { equals: { fence, runId: this.runId } };
    if (!(await this.#table.update(lockKey, { set, add: { version: 1 } }, mine))) {
      this.#held = false;
      throw new DeadlineError(`the prune lock of run ${this.runId} (fence ${fence}) is no longer held`);
    }
    this.#deadline = deadline;
  }

  /** Whether nobody has taken it away by force ({@link forceUnlock}). Where one has, the guard stops all that deletes. */
  async isStillHeld(): Promise<boolean> {
    if (!this.#held) return false;
    const item = await this.#table.get(lockKey);
    const lock = item && toLock(item);
    this.#held = lock?.fence === this.fence && lock.runId === this.runId;
    return this.#held;
  }

  /** Gives the lock back at once. The item and its fence stay. */
  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    const mine = { equals: { fence: this.fence, runId: this.runId } };
    await this.#table.update(lockKey, { set: { expiresAt: 0 }, add: { version: 1 } }, mine);
  }
}

/** For so long after it was taken away nobody gets the lock: its holder, should it live, looks at it more often than that. */
export const UNLOCK_REST = 60_000;

/**
 * Takes the lock away from a run that is certainly over, whatever its lease says. The fence goes up, by which a holder that
 * lives after all sees it and ends.
 *
 * @param now milliseconds since the epoch.
 * @returns false when the lock is not, or no longer, that run's.
 */
export async function forceUnlock(
  table: Table,
  now: number,
  { runId, fence }: Pick<LockItem, 'runId' | 'fence'>,
): Promise<boolean> {
  const change = { set: { expiresAt: now + UNLOCK_REST }, add: { version: 1, fence: 1 } };
  return (await table.update(lockKey, change, { equals: { runId, fence } })) !== undefined;
}
