/**
 * The prune lock (protocol, "Crashes, and one run at a time"): one item, taken by a conditional write.
 *
 *   start        take: expiresAt = hard deadline + skew, fence + 1
 *   each slice   extend: the same for one more lifetime
 *   deadline     the process ends itself; no destructive request is signed after it
 *   + skew       AWS refuses whatever was signed before it and arrives now; only then may another take the lock
 *   end          release: expiresAt = 0, the fence stays
 *   by force     forceUnlock: fence + 1; whoever still deletes looks at the lock before it does, and sees that
 *
 * Of a distributed run (docs/adr/0005-one-lock-for-many-workers.md) every process holds the same lock, each with a deadline
 * of its own:
 *   each worker  join: expiresAt at least its own hard deadline + skew, never back
 *   a dead one   takeOver: fence + 1 for the same run; those of the old fence join no more, and sign nothing more soon
 *   end          release: fence + 1, free when what a worker that may live has signed is over; freeEnded: at once where none
 *                may
 */
import { type LockItem, lockKey, toLock } from './items.ts';
import { DeadlineError } from './object-store.ts';
import type { Table } from './table.ts';

/** How long AWS may still accept a request signed earlier (milliseconds; protocol section 3). */
export const SKEW = 15 * 60_000;

/** Time kept back from a slice for ending it cleanly: what is under way, report, event, release (milliseconds). */
export const CLOSING_TIME = 20_000;

/** What deletes has seen the lock held no longer ago than this (milliseconds). */
export const LOOK_EVERY = 10_000;

/** Requests, and retries, are signed no later than this after such a look (milliseconds). */
export const LOOK_LASTS = 30_000;

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

/** What a process of a distributed run knows of the lock. */
export interface LockShare {
  readonly runId: string;
  readonly fence: number;
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
  #seenAt: number;

  private constructor(
    table: Table,
    now: () => number,
    lock: Pick<LockItem, 'fence' | 'runId'>,
    deadline: number,
  ) {
    this.#table = table;
    this.#now = now;
    this.fence = lock.fence;
    this.runId = lock.runId;
    this.#deadline = deadline;
    this.#seenAt = now();
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
    const lock = await readLock(table);
    if (lock === undefined) return await PruneLock.take(table, now, request);
    if (lock.runId === runId && lock.owner === owner) return new PruneLock(table, now, lock, deadline);
    throw new PruneAlreadyRunningError(lock);
  }

  /**
   * The lock of a run that another process has taken, as it stands: nothing is written, and the guard lets nothing pass
   * before {@link isStillHeld} has looked.
   *
   * @param deadline of this process, milliseconds since the epoch.
   */
  static of(table: Table, now: () => number, share: LockShare): PruneLock {
    const lock = new PruneLock(table, now, share, share.deadline);
    lock.#seenAt = Number.NEGATIVE_INFINITY;
    return lock;
  }

  /**
   * Takes part in a run that another process has begun: the lease then reaches to this process's end as well. A process
   * that comes late, when the run has ended or was taken over, is refused.
   *
   * @throws DeadlineError when the lock is not, or no longer, held by that run with that fence.
   */
  static async join(table: Table, now: () => number, share: LockShare): Promise<PruneLock> {
    const lock = PruneLock.of(table, now, share);
    const askedAt = now();
    const expiresAt = share.deadline + SKEW;
    const mine = { equals: { fence: lock.fence, runId: lock.runId } };
    const shorter = { all: [mine, { lessThan: { expiresAt } }, { greaterThan: { expiresAt: askedAt } }] };
    if (!(await table.update(lockKey, { set: { expiresAt }, add: { version: 1 } }, shorter))) {
      // Another worker's reaches further, or an answer was lost: what counts is whether it is held for long enough.
      const held = await readLock(table);
      const isMine = held?.fence === lock.fence && held.runId === lock.runId;
      if (!isMine || held.expiresAt < expiresAt) {
        throw new DeadlineError(
          `the prune lock of run ${lock.runId} (fence ${lock.fence}) is no longer held`,
        );
      }
    }
    lock.#seenAt = askedAt;
    return lock;
  }

  /**
   * Goes on with the same run under a fence of its own. Whoever has the old one joins no more and, looking at the lock
   * before it deletes, signs nothing more after {@link UNLOCK_REST}; what it has signed before, AWS refuses a skew later.
   *
   * Asked again after an answer that was lost, it goes on with the fence that it has got: the item says from which.
   *
   * @throws DeadlineError when the lock is not that run's with that fence any more.
   */
  static async takeOver(table: Table, now: () => number, share: LockShare): Promise<PruneLock> {
    const { runId, fence, deadline } = share;
    const set = { expiresAt: deadline + SKEW, tookOverFrom: fence };
    const change = { set, add: { version: 1, fence: 1 } };
    // Released it is nobody's any more.
    const held = { all: [{ equals: { runId, fence } }, { greaterThan: { expiresAt: 0 } }] };
    const taken = await table.update(lockKey, change, held);
    if (taken) return new PruneLock(table, now, toLock(taken), deadline);
    const current = await readLock(table);
    const isMine = current?.runId === runId && current.fence === fence + 1 && current.tookOverFrom === fence;
    if (isMine && current.expiresAt > 0) {
      const lock = new PruneLock(table, now, current, deadline);
      await lock.extend(deadline);
      return lock;
    }
    throw new DeadlineError(`the prune lock of run ${runId} (fence ${fence}) is no longer held`);
  }

  /** Milliseconds since the epoch after which nothing destructive may be signed. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Checked right before each destructive request, and each retry of one, is signed. @throws DeadlineError */
  readonly guard = (): void => {
    const now = this.#now();
    const inTime = now < this.#deadline;
    if (this.#held && inTime && now - this.#seenAt <= LOOK_LASTS) return;
    const deadline = new Date(this.#deadline).toISOString();
    throw new DeadlineError(
      !this.#held
        ? 'the prune lock has been released, or was taken away; nothing more is deleted'
        : inTime
          ? 'the prune lock was not looked at for too long; nothing more is deleted'
          : `the run's deadline ${deadline} has passed; nothing more is deleted`,
    );
  };

  /**
   * Takes the lease forward for another slice. Once the old deadline has passed it is too late: the lease may be
   * somebody else's.
   *
   * @throws DeadlineError
   */
  async extend(deadline: number): Promise<void> {
    this.#assertTime();
    const { fence } = this;
    const set = { expiresAt: deadline + SKEW };
    const mine = { equals: { fence, runId: this.runId } };
    if (!(await this.#table.update(lockKey, { set, add: { version: 1 } }, mine))) {
      this.#held = false;
      throw new DeadlineError(`the prune lock of run ${this.runId} (fence ${fence}) is no longer held`);
    }
    this.#deadline = deadline;
    this.#seenAt = this.#now();
  }

  /**
   * Before something is deleted: sees that the lock is held, unless that was seen a moment ago.
   *
   * @throws DeadlineError when it was taken away, or the deadline has passed.
   */
  async confirm(): Promise<void> {
    this.#assertTime();
    if (this.#now() - this.#seenAt > LOOK_EVERY) await this.isStillHeld();
    this.guard();
  }

  /** Whether nobody has taken it away by force ({@link forceUnlock}). Where one has, the guard stops all that deletes. */
  async isStillHeld(): Promise<boolean> {
    if (!this.#held) return false;
    // What was seen is as old as the question.
    const askedAt = this.#now();
    const lock = await readLock(this.#table);
    this.#held = lock?.fence === this.fence && lock.runId === this.runId;
    if (this.#held) this.#seenAt = askedAt;
    return this.#held;
  }

  /** Whether the run has given it back by {@link release} already, for later. */
  async hasEnded(): Promise<boolean> {
    const lock = await readLock(this.#table);
    return lock?.runId === this.runId && lock.fence === this.fence + 1 && lock.endedFrom === this.fence;
  }

  #assertTime(): void {
    if (this.#held && this.#now() < this.#deadline) return;
    this.guard();
  }

  /**
   * Gives the lock back. The item and its fence stay.
   *
   * @param freeAt when another may take it where a worker may still live, milliseconds since the epoch: it joins no more
   *   then, or sees that the lock was taken from it; see {@link freeEnded}. @default at once
   */
  async release(freeAt?: number): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    const mine = { equals: { fence: this.fence, runId: this.runId } };
    if (freeAt !== undefined) {
      const set = { expiresAt: freeAt, endedFrom: this.fence };
      await this.#table.update(lockKey, { set, add: { version: 1, fence: 1 } }, mine);
      return;
    }
    await this.#table.update(lockKey, { set: { expiresAt: 0 }, add: { version: 1 } }, mine);
  }
}

/** The lock, held or not; undefined where none was ever taken. */
export async function readLock(table: Table): Promise<LockItem | undefined> {
  const item = await table.get(lockKey);
  return item && toLock(item);
}

/** The lock as somebody holds it; undefined when nobody does. @param now milliseconds since the epoch. */
export async function heldLock(table: Table, now: number): Promise<LockItem | undefined> {
  const lock = await readLock(table);
  return lock === undefined || lock.expiresAt < now ? undefined : lock;
}

/**
 * Frees a lock at once that the run's end has left to nobody until later, when no worker of it lives.
 *
 * @param fence under which the run ended.
 */
export async function freeEnded(
  table: Table,
  { runId, fence }: Pick<LockItem, 'runId' | 'fence'>,
): Promise<void> {
  // One that was taken away by force is as it was left.
  const ended = { equals: { runId, fence: fence + 1, endedFrom: fence } };
  await table.update(lockKey, { set: { expiresAt: 0 }, add: { version: 1 } }, ended);
}

/** Longer than what its holder may still sign, should it live. */
export const UNLOCK_REST = 2 * LOOK_LASTS;

/** How long after it has lost the lock something that a process has signed may still arrive (milliseconds). */
export const LATEST_ARRIVAL = UNLOCK_REST + SKEW;

/**
 * Takes the lock away from a run that is over, whatever its lease says. The fence goes up, by which a holder that lives
 * after all sees it before it deletes anything more.
 *
 * @param freeAt when another may take it, milliseconds since the epoch.
 * @returns false when the lock is not, or no longer, that run's.
 */
export async function forceUnlock(
  table: Table,
  { runId, fence }: Pick<LockItem, 'runId' | 'fence'>,
  freeAt: number,
): Promise<boolean> {
  const change = { set: { expiresAt: freeAt }, add: { version: 1, fence: 1 } };
  return (await table.update(lockKey, change, { equals: { runId, fence } })) !== undefined;
}
