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
import { merged } from './merged.ts';

/** Items of one partition key, by `sk`. */
export type Partition = SortedList<Item, string>;

/** Request units of one partition of the table, or of the index's. */
export interface Use {
  readonly partition: string;
  readonly kind: 'read' | 'write';
  readonly units: number;
}

/** What is in a table from the start. It is asked for each time, so that it need not be held in memory. */
export interface TableBase {
  /** The items of a partition, which is not changed; undefined if there is no such partition. */
  partition(pk: string): Partition | undefined;
  /** Partition keys in order, from one on. */
  from(pk: string): Iterable<string>;
  /** What is queued, in any order. */
  queued(): Iterable<DueEntry>;
}

const NOTHING: TableBase = { partition: () => undefined, from: () => [], queued: () => [] };

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
  readonly #base: TableBase;

  /**
   * @param onUse told of the units of each partition as they are used.
   * @param base what is there from the start; a partition of it is held once something of it is written.
   */
  constructor(onUse?: (use: Use) => void, base: TableBase = NOTHING) {
    this.#onUse = onUse;
    this.#base = base;
    for (const entry of base.queued()) this.#index.replace(undefined, { ...entry });
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
      const rest = this.#seen(pk)?.from(afterWins ? after.sk : prefix, afterWins) ?? [];
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
      walk: for (const pk of merged(this.#order.from(after?.pk ?? ''), this.#base.from(after?.pk ?? ''))) {
        if (segmentOf(pk, segments) !== segment) continue;
        const partition = this.#seen(pk);
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
    return this.#seen(key.pk)?.get(key.sk);
  }

  /** The partition as it is, to be read. */
  #seen(pk: string): Partition | undefined {
    return this.#partitions.get(pk) ?? this.#base.partition(pk);
  }

  /** The partition, to be written. */
  #held(pk: string): Partition {
    const held = this.#partitions.get(pk);
    if (held !== undefined) return held;
    const partition = partitionOf(this.#base.partition(pk) ?? []);
    this.#partitions.set(pk, partition);
    this.#order.set(pk);
    return partition;
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
    const partition = this.#held(item.pk);
    const before = partition.get(item.sk);
    partition.set(item);
    this.#write(item.pk, Math.max(itemBytes(item), before ? itemBytes(before) : 0));
    this.#follow(before, item);
  }

  #drop(key: Key): void {
    const before = this.#stored(key);
    this.#write(key.pk, before ? itemBytes(before) : 0);
    if (before === undefined) return;
    const partition = this.#held(key.pk);
    partition.delete(key.sk);
    // An empty one is kept where the base would show through.
    if (partition.size === 0 && this.#base.partition(key.pk) === undefined) {
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

/** A partition of some items. */
export function partitionOf(items: Iterable<Item>): Partition {
  const partition: Partition = new SortedList((stored) => stored.sk, compareUtf8);
  for (const item of items) partition.set(item);
  return partition;
}

/** Runs at once and answers later, as a request does. */
function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
