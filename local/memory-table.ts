import { DueIndex } from '../lambdas/store/due-index.ts';
import {
  applyChange,
  assertCondition,
  assertKey,
  assertLimit,
  holds,
  itemBytes,
  storable,
} from '../lambdas/store/evaluate.ts';
import { MAX_BATCH_GET_KEYS, MAX_BATCH_WRITES } from '../lambdas/store/limits.ts';
import { compareUtf8, segmentOf } from '../lambdas/store/order.ts';
import { PageBuilder } from '../lambdas/store/page-builder.ts';
import { SortedList } from '../lambdas/store/sorted-list.ts';
import type {
  Change,
  Condition,
  DueEntry,
  DuePage,
  EdgeWrite,
  Item,
  Key,
  Page,
  Table,
} from '../lambdas/store/table.ts';

type Partition = SortedList<Item, string>;

/** Request units of one partition of the table, or of the index's. */
export interface Use {
  readonly partition: string;
  readonly kind: 'read' | 'write';
  readonly units: number;
}

const READ_UNIT = 4096;
const WRITE_UNIT = 1024;

/**
 * The metadata table in memory, with DynamoDB's order, pages and limits, counting what DynamoDB would bill.
 * @example const table = new MemoryTable(); await table.put({ pk: 'LOCK', sk: 'prune', fence: 1 });
 */
export class MemoryTable implements Table {
  /** Requests sent so far by operation, cut into batches and pages as DynamoDB needs them. */
  readonly requests = new Map<string, number>();
  /** Request units used so far; an update of the index counts as a write. */
  readonly units = { read: 0, write: 0 };
  readonly #partitions = new Map<string, Partition>();
  /** Partition keys in order, for walks. */
  readonly #order = new SortedList<string, string>((pk) => pk, compareUtf8);
  readonly #index = new DueIndex();
  readonly #onUse: ((use: Use) => void) | undefined;

  /** @param onUse told of the units of each partition as they are used. */
  constructor(onUse?: (use: Use) => void) {
    this.#onUse = onUse;
  }

  get(key: Key): Promise<Item | undefined> {
    return settle(() => {
      assertKey(key);
      this.#count('GetItem');
      const item = this.#stored(key);
      this.#read(key.pk, item ? itemBytes(item) : 0);
      return item;
    });
  }

  getMany(keys: readonly Key[]): Promise<Item[]> {
    return settle(() => {
      const unique = new Map(keys.map((key) => [`${key.pk}\u0000${key.sk}`, key]));
      this.#count('BatchGetItem', Math.ceil(unique.size / MAX_BATCH_GET_KEYS));
      const found: Item[] = [];
      for (const key of unique.values()) {
        assertKey(key);
        const item = this.#stored(key);
        this.#read(key.pk, item ? itemBytes(item) : 0);
        if (item) found.push(item);
      }
      return found;
    });
  }

  query(
    pk: string,
    options: { readonly prefix?: string; readonly limit?: number; readonly after?: Key } = {},
  ): Promise<Page<Item>> {
    return settle(() => {
      const { prefix = '', limit, after } = options;
      assertLimit(limit);
      this.#count('Query');
      const page = new PageBuilder<Item>(limit);
      const afterWins = after !== undefined && compareUtf8(after.sk, prefix) >= 0;
      const rest = this.#partitions.get(pk)?.from(afterWins ? after.sk : prefix, afterWins) ?? [];
      for (const item of rest) {
        if (!item.sk.startsWith(prefix) || !page.take(item, itemBytes(item))) break;
      }
      this.#read(pk, page.bytes);
      const { last } = page;
      return { items: page.taken, ...(last ? { next: { pk: last.pk, sk: last.sk } } : {}) };
    });
  }

  due(
    queue: string,
    options: { readonly until: number; readonly limit?: number; readonly after?: DueEntry },
  ): Promise<DuePage> {
    return settle(() => {
      const { until, limit, after } = options;
      assertLimit(limit);
      this.#count('Query');
      const page = new PageBuilder<DueEntry>(limit);
      for (const entry of this.#index.entries(queue, after)) {
        if (entry.dueAt > until || !page.take(entry, itemBytes({ ...entry }))) break;
      }
      this.#read(queue, page.bytes, 0.5);
      return { entries: page.taken, ...(page.last ? { next: page.last } : {}) };
    });
  }

  put(item: Item, condition?: Condition): Promise<boolean> {
    return settle(() => {
      const next = storable(item);
      this.#count('PutItem');
      if (!this.#allowed(item, condition)) return false;
      this.#store(next);
      return true;
    });
  }

  update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined> {
    return settle(() => {
      assertKey(key);
      const before = this.#stored(key);
      const after = applyChange(key, before, change, condition);
      this.#count('UpdateItem');
      if (after) this.#store(after);
      else this.#write(key.pk, before ? itemBytes(before) : 0);
      return after;
    });
  }

  remove(key: Key, condition?: Condition): Promise<boolean> {
    return settle(() => {
      assertKey(key);
      this.#count('DeleteItem');
      if (!this.#allowed(key, condition)) return false;
      this.#drop(key);
      return true;
    });
  }

  write(writes: readonly EdgeWrite[]): Promise<void> {
    return settle(() => {
      const last = new Map<string, EdgeWrite>();
      for (const write of writes) {
        const key = 'put' in write ? write.put : write.remove;
        assertKey(key);
        last.set(`${key.pk}\u0000${key.sk}`, 'put' in write ? { put: storable(write.put) } : write);
      }
      this.#count('BatchWriteItem', Math.ceil(last.size / MAX_BATCH_WRITES));
      for (const write of last.values()) {
        if ('put' in write) this.#store(write.put);
        else this.#drop(write.remove);
      }
    });
  }

  scan(options: {
    readonly segment: number;
    readonly segments: number;
    readonly after?: Key;
  }): Promise<Page<Item>> {
    return settle(() => {
      const { segment, segments, after } = options;
      this.#count('Scan');
      const page = new PageBuilder<Item>();
      walk: for (const pk of after ? this.#order.from(after.pk) : this.#order) {
        if (segmentOf(pk, segments) !== segment) continue;
        const partition = this.#partitions.get(pk);
        for (const item of (after?.pk === pk ? partition?.from(after.sk, true) : partition) ?? []) {
          if (!page.take(item, itemBytes(item))) break walk;
        }
      }
      this.#read(`segment ${segment}`, page.bytes, 0.5);
      const { last } = page;
      return { items: page.taken, ...(last ? { next: { pk: last.pk, sk: last.sk } } : {}) };
    });
  }

  #stored(key: Key): Item | undefined {
    return this.#partitions.get(key.pk)?.get(key.sk);
  }

  #allowed(key: Key, condition: Condition | undefined): boolean {
    if (condition === undefined) return true;
    assertCondition(condition);
    const before = this.#stored(key);
    if (holds(condition, before)) return true;
    this.#write(key.pk, before ? itemBytes(before) : 0);
    return false;
  }

  #store(item: Item): void {
    let partition = this.#partitions.get(item.pk);
    if (partition === undefined) {
      partition = new SortedList<Item, string>((stored) => stored.sk, compareUtf8);
      this.#partitions.set(item.pk, partition);
      this.#order.set(item.pk);
    }
    const before = partition.get(item.sk);
    partition.set(item);
    this.#write(item.pk, Math.max(itemBytes(item), before ? itemBytes(before) : 0));
    this.#follow(before, item);
  }

  #drop(key: Key): void {
    const partition = this.#partitions.get(key.pk);
    const before = partition?.get(key.sk);
    this.#write(key.pk, before ? itemBytes(before) : 0);
    if (partition === undefined || before === undefined) return;
    partition.delete(key.sk);
    if (partition.size === 0) {
      this.#partitions.delete(key.pk);
      this.#order.delete(key.pk);
    }
    this.#follow(before, undefined);
  }

  #count(operation: string, times = 1): void {
    if (times > 0) this.requests.set(operation, (this.requests.get(operation) ?? 0) + times);
  }

  #read(partition: string, bytes: number, unit = 1): void {
    const units = unit * Math.max(1, Math.ceil(bytes / READ_UNIT));
    this.units.read += units;
    this.#onUse?.({ partition, kind: 'read', units });
  }

  #write(partition: string, bytes: number): void {
    const units = Math.max(1, Math.ceil(bytes / WRITE_UNIT));
    this.units.write += units;
    this.#onUse?.({ partition, kind: 'write', units });
  }

  /** An update of the index is billed as a write. */
  #follow(before: Item | undefined, after: Item | undefined): void {
    const units = this.#index.replace(before, after);
    this.units.write += units;
    const queue = after?.['queue'] ?? before?.['queue'];
    if (units > 0 && typeof queue === 'string') this.#onUse?.({ partition: queue, kind: 'write', units });
  }
}

/** Runs at once and answers later, as a request does. */
function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
