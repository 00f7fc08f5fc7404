/** The due queue: what may have become garbage, earliest first. An entry is a hint, never a fact. */
import { type QueueKind, queueName, SHARDS } from './items.ts';
import type { DueEntry, Table } from './table.ts';

/** Entries of a page; a page is worked on before the next is read. */
const PAGE = 1000;

/**
 * The entries of one queue up to `until`, in pages, once through. What is queued behind the reader's position
 * meanwhile is not seen; what is queued ahead of it is.
 *
 * @param until milliseconds since the epoch, asked for anew before each page.
 */
export async function* dueEntries(
  table: Table,
  queue: string,
  until: () => number,
): AsyncGenerator<readonly DueEntry[]> {
  let after: DueEntry | undefined;
  do {
    const page = await table.due(queue, {
      until: until(),
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    if (page.entries.length > 0) yield page.entries;
    after = page.next;
  } while (after !== undefined);
}

/**
 * How many entries are due, of all queues of some kinds; an estimate of a run's work, since an entry is a hint.
 *
 * @param until milliseconds since the epoch.
 */
export async function countDue(
  table: Table,
  kinds: readonly QueueKind[],
  until: number,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (const kind of kinds) {
    for (const shard of SHARDS) {
      for await (const entries of dueEntries(table, queueName(kind, shard), () => until)) {
        if (signal.aborted) return count;
        count += entries.length;
      }
    }
  }
  return count;
}
