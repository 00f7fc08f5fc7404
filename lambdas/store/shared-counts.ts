/** Counts in the run's partition, to which many processes add. */
import { coalesce } from './coalesce.ts';
import { countKey } from './run-parts.ts';
import { settled } from './side-by-side.ts';
import type { Table } from './table.ts';

/** Additions of one request's worth at most; many to one count are one addition. */
const AT_ONCE = 100;

/**
 * Adds atomically; what waits while an addition is under way goes together.
 *
 * An addition whose answer is lost is sent again and may count twice: a brake comes too early by that, never too late.
 *
 * @param expireAt of the items, seconds since the epoch.
 * @returns a function that adds to a count and returns the new total.
 */
export function sharedCounts(
  table: Table,
  runId: string,
  expireAt: number,
): (name: string, count: number) => Promise<number> {
  const together = coalesce<readonly [string, number], ReadonlyMap<string, number>>({
    limit: AT_ONCE,
    send: async (additions) => {
      const sums = new Map<string, number>();
      for (const [name, count] of additions) sums.set(name, (sums.get(name) ?? 0) + count);
      const totals = await settled([...sums].map(([name, sum]) => add(table, runId, expireAt, name, sum)));
      return new Map(totals);
    },
  });
  return async (name, count) => (await together([[name, count]])).get(name) ?? 0;
}

async function add(
  table: Table,
  runId: string,
  expireAt: number,
  name: string,
  sum: number,
): Promise<readonly [string, number]> {
  const item = await table.update(countKey(runId, name), { set: { expireAt }, add: { total: sum } });
  return [name, Number(item?.['total'] ?? 0)];
}
