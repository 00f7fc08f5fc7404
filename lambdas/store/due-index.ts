import { compareDue } from './order.ts';
import { SortedList } from './sorted-list.ts';
import type { DueEntry, Item } from './table.ts';

/** The entry of an item in the sparse index; undefined for an item that is not in it. */
export function dueEntryOf(item: Item | undefined): DueEntry | undefined {
  if (typeof item?.['queue'] !== 'string' || typeof item['dueAt'] !== 'number') return undefined;
  return { queue: item['queue'], dueAt: item['dueAt'], pk: item.pk, sk: item.sk };
}

/** The sparse index in memory: the queued items of each queue, earliest first. */
export class DueIndex {
  readonly #queues = new Map<string, SortedList<DueEntry, DueEntry>>();

  /** Follows a change of one item. Returns how many entries of the index were written. */
  replace(before: Item | undefined, after: Item | undefined): number {
    const old = dueEntryOf(before);
    const now = dueEntryOf(after);
    if (old && now && old.queue === now.queue && old.dueAt === now.dueAt) return 0;
    if (old) {
      const list = this.#queues.get(old.queue);
      list?.delete(old);
      if (list?.size === 0) this.#queues.delete(old.queue);
    }
    if (now) {
      const list =
        this.#queues.get(now.queue) ?? new SortedList<DueEntry, DueEntry>((entry) => entry, compareDue);
      list.set(now);
      this.#queues.set(now.queue, list);
    }
    return (old ? 1 : 0) + (now ? 1 : 0);
  }

  /** Entries behind `after` in order. Not to be used across a change of the index. */
  entries(queue: string, after?: DueEntry): Iterable<DueEntry> {
    const list = this.#queues.get(queue);
    return (after ? list?.from(after, true) : list) ?? [];
  }
}
