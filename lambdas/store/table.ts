/**
 * The port to the metadata table: the few single-item operations of DynamoDB that the protocol needs, with
 * conditions as values. Everything above it (edges, queue, lock, tombstones) is the same code over DynamoDB,
 * over memory, and over a preview that is thrown away.
 */

/** An attribute as DynamoDB's document model holds it. `undefined` members are never stored. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** A stored item: its key and whatever attributes it has. Shapes are checked by whoever reads it. */
export interface Item extends Key {
  readonly [attribute: string]: Value;
}

/**
 * What must hold of the stored item for a write to happen.
 * `equals` compares each attribute with `=` (an attribute that is absent is equal to nothing).
 */
export type Condition =
  | { readonly absent: true }
  | { readonly exists: true }
  | { readonly equals: Readonly<Record<string, string | number | boolean>> }
  | { readonly lessThan: Readonly<Record<string, number>> }
  | { readonly greaterThan: Readonly<Record<string, number>> }
  | { readonly any: readonly Condition[] }
  | { readonly all: readonly Condition[] };

/** A change of some attributes of one item; creates the item when it does not exist and the condition allows. */
export interface Change {
  readonly set?: Readonly<Record<string, Value>>;
  readonly remove?: readonly string[];
  /** Adds to numbers; an absent attribute counts as 0. */
  readonly add?: Readonly<Record<string, number>>;
}

export type EdgeWrite = { readonly put: Item } | { readonly remove: Key };

export interface Page<T> {
  readonly items: readonly T[];
  /** Where to go on; absent at the end. */
  readonly next?: Key;
}

/** An entry of the sparse due queue. It comes from an eventually consistent index and is only a hint. */
export interface DueEntry extends Key {
  readonly queue: string;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
}

export interface DuePage {
  readonly entries: readonly DueEntry[];
  /** Where to go on; absent at the end. */
  readonly next?: DueEntry;
}

/**
 * Reads are strongly consistent, except `due` and `scan`. Throttling and unprocessed entries are retried with
 * back-off inside; what still fails is thrown.
 */
export interface Table {
  get(key: Key): Promise<Item | undefined>;
  /** The items that exist, in no particular order; any number of keys. */
  getMany(keys: readonly Key[]): Promise<Item[]>;
  /** The items of one partition in key order, those whose `sk` begins with `prefix`. */
  query(
    pk: string,
    options?: { readonly prefix?: string; readonly limit?: number; readonly after?: Key },
  ): Promise<Page<Item>>;
  /** Entries of one queue with `dueAt` up to and including `until`, earliest first. */
  due(
    queue: string,
    options: { readonly until: number; readonly limit?: number; readonly after?: DueEntry },
  ): Promise<DuePage>;
  /** Replaces or creates the item. False when the condition did not hold. */
  put(item: Item, condition?: Condition): Promise<boolean>;
  /** The item as it is after the change, or undefined when the condition did not hold. */
  update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined>;
  /** False when the condition did not hold; removing what is absent is done. */
  remove(key: Key, condition?: Condition): Promise<boolean>;
  /** Unconditional, idempotent puts and removals, any number, no order among them. */
  write(writes: readonly EdgeWrite[]): Promise<void>;
  /** One page of a walk over all items, of one of `segments` equal parts. */
  scan(options: {
    readonly segment: number;
    readonly segments: number;
    readonly after?: Key;
  }): Promise<Page<Item>>;
}

/** The table does not exist: `registry-prune init` or the stack creates it. */
export class TableMissingError extends Error {
  override readonly name = 'TableMissingError';
}
