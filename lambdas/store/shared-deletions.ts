/** Deletions by several workers at a time, sent in shared requests. */
import { coalesce } from './coalesce.ts';
import { MAX_DELETE_KEYS } from './limits.ts';
import type { DeleteResult, ObjectStore } from './object-store.ts';

/** `deleteMany` that shares its requests; each caller gets the answers for its own keys. @param gather see {@link coalesce} */
export function sharedDeletions(
  objects: ObjectStore,
  gather: () => Promise<void>,
): (keys: readonly string[]) => Promise<DeleteResult> {
  const shared = coalesce<string, DeleteResult>({
    limit: MAX_DELETE_KEYS,
    gather,
    send: (keys) => objects.deleteMany(keys),
  });
  return async (keys) => {
    if (keys.length === 0) return { deleted: [], failed: [] };
    const mine = new Set(keys);
    const { deleted, failed } = await shared(keys);
    return {
      deleted: deleted.filter(({ key }) => mine.has(key)),
      failed: failed.filter(({ key }) => mine.has(key)),
    };
  };
}
