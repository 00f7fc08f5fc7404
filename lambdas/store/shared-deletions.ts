/** Deletions by several workers at a time, sent in shared requests. */
import { chunked } from './backoff.ts';
import { coalesce } from './coalesce.ts';
import { MAX_DELETE_KEYS } from './limits.ts';
import type { DeletedObject, DeleteResult, FailedDelete, ObjectStore } from './object-store.ts';

/**
 * `deleteMany` that shares its requests; each caller gets the answers for its own keys. Of many keys one request's are sent
 * at a time, each of them after a look at the lock.
 *
 * @param gather see {@link coalesce}
 */
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
    const all: { deleted: DeletedObject[]; failed: FailedDelete[] } = { deleted: [], failed: [] };
    for (const some of chunked(keys, MAX_DELETE_KEYS)) {
      const mine = new Set(some);
      const { deleted, failed } = await shared(some);
      all.deleted.push(...deleted.filter(({ key }) => mine.has(key)));
      all.failed.push(...failed.filter(({ key }) => mine.has(key)));
    }
    return all;
  };
}
