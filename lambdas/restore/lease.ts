/** The prune lock while a run is undone: one slice after the other, as for a prune. */
import { fencedObjects } from '../store/fenced-objects.ts';
import { CLOSING_TIME, type LockRequest, PruneLock } from '../store/lock.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Table } from '../store/table.ts';

export interface LeaseOptions {
  readonly table: Table;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly request: Omit<LockRequest, 'deadline'>;
  /** Of each slice in turn, milliseconds since the epoch at which this process is certainly over. */
  readonly deadlines: Iterable<number>;
}

export class Lease {
  readonly #lock: PruneLock;
  readonly #now: () => number;
  readonly #rest: Iterator<number>;
  #extending: Promise<boolean> | undefined;
  #over = false;

  private constructor(lock: PruneLock, now: () => number, rest: Iterator<number>) {
    this.#lock = lock;
    this.#now = now;
    this.#rest = rest;
  }

  /** @throws PruneAlreadyRunningError */
  static async take({ table, now, request, deadlines }: LeaseOptions): Promise<Lease> {
    const rest = deadlines[Symbol.iterator]();
    const first = rest.next();
    if (first.done) throw new RangeError('an undo needs at least one deadline');
    const lock = await PruneLock.take(table, now, { ...request, deadline: first.value });
    return new Lease(lock, now, rest);
  }

  /** The same store, for as long as the lock is held. */
  fenced(objects: ObjectStore): ObjectStore {
    return fencedObjects(objects, this.#lock);
  }

  /** Called right before each destructive request is signed. @throws DeadlineError */
  get guard(): () => void {
    return this.#lock.guard;
  }

  /** Whether there is time to begin something more; when a slice is nearly over, takes the lease forward. */
  async goesOn(): Promise<boolean> {
    if (this.#over) return false;
    if (this.#hasTime()) {
      // Taken away by force, it brings nothing more back beside whoever prunes then.
      await this.#lock.confirm();
      return true;
    }
    this.#extending ??= this.#extend().finally(() => {
      this.#extending = undefined;
    });
    return await this.#extending;
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }

  #hasTime(): boolean {
    return this.#now() < this.#lock.deadline - CLOSING_TIME;
  }

  async #extend(): Promise<boolean> {
    const next = this.#rest.next();
    if (!next.done) await this.#lock.extend(next.value);
    this.#over = next.done === true || !this.#hasTime();
    return !this.#over;
  }
}
