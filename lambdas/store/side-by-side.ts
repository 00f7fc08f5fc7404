/** Concurrency that leaves nothing running behind. */
import pMap from 'p-map';

/**
 * Works on many items side by side and settles only when nothing is under way any more: the lock is released after
 * it, and a request still on its way then would be a stale runner's. After the first failure nothing new begins.
 *
 * @throws the first failure.
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  concurrency: number,
): Promise<R[]> {
  let failure: { readonly error: unknown } | undefined;
  const results: R[] = [];
  await pMap(
    items,
    async (item, index) => {
      if (failure !== undefined) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failure ??= { error };
      }
    },
    { concurrency },
  );
  if (failure !== undefined) throw failure.error;
  return results;
}

/** Waits for all of what is under way already. @throws the first failure, when nothing is under way any more. */
export async function settled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
