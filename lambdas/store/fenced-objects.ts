/** Deletions that look at the lock first, so that a run from which it was taken by force sends none. */
import type { PruneLock } from './lock.ts';
import type { ObjectStore } from './object-store.ts';

/** Everything by which something goes. */
const DESTRUCTIVE: ReadonlySet<string | symbol> = new Set<keyof ObjectStore>([
  ...(['delete', 'deleteMany', 'deleteVersion', 'deleteVersions', 'abortUpload'] as const),
]);

/** The same store; what deletes first sees that the lock is still held, unless that was seen a moment ago. */
export function fencedObjects(objects: ObjectStore, lock: PruneLock): ObjectStore {
  return new Proxy(objects, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (!DESTRUCTIVE.has(name)) return member.bind(target);
      return async (...args: readonly unknown[]) => {
        await lock.confirm();
        return await member.apply(target, args);
      };
    },
  });
}
