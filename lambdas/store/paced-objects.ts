/** Deletions at no more than a set pace. */
import { DeadlineError, type ObjectStore } from './object-store.ts';

export interface Pace {
  /** Deletions of a second. */
  readonly perSecond: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** No deletion waits for a turn after that: milliseconds since the epoch. */
  readonly until: () => number;
}

/** What deletes several things at a time, and what one. */
const MANY: ReadonlySet<string | symbol> = new Set<keyof ObjectStore>(['deleteMany', 'deleteVersions']);
const ONE: ReadonlySet<string | symbol> = new Set<keyof ObjectStore>([
  ...(['delete', 'deleteVersion', 'abortUpload'] as const),
]);

/**
 * The same store; a deletion waits until those before it are a second's share ago. It has to come before whatever looks at
 * the lock, since it takes time. One whose turn would come too late throws `DeadlineError`.
 */
export function pacedObjects(objects: ObjectStore, { perSecond, now, sleep, until }: Pace): ObjectStore {
  let free = 0;
  const turn = async (count: number): Promise<void> => {
    const at = Math.max(free, now());
    if (at > until()) {
      throw new DeadlineError(
        `at ${perSecond} deletions a second there is no time left for another ${count}`,
      );
    }
    free = at + (count * 1000) / perSecond;
    if (at > now()) await sleep(at - now());
  };
  return new Proxy(objects, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (!MANY.has(name) && !ONE.has(name)) return member.bind(target);
      return async (...args: readonly unknown[]) => {
        const [first] = args;
        await turn(MANY.has(name) && Array.isArray(first) ? first.length : 1);
        return await member.apply(target, args);
      };
    },
  });
}
