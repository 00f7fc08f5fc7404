import { Buffer } from 'node:buffer';
import { MAX_ITEM_BYTES, MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES } from './limits.ts';
import type { Change, Condition, Item, Key, Value } from './table.ts';

/** What DynamoDB does with one item, as pure functions: for the table in memory and for the preview. */

/** Whether the condition holds of the stored item, or of its absence. */
export function holds(condition: Condition, item: Item | undefined): boolean {
  if ('absent' in condition) return item === undefined;
  if ('exists' in condition) return item !== undefined;
  if ('equals' in condition) {
    return Object.entries(condition.equals).every(([name, value]) => item?.[name] === value);
  }
  if ('lessThan' in condition) {
    return Object.entries(condition.lessThan).every(([name, bound]) => {
      const value = item?.[name];
      return typeof value === 'number' && value < bound;
    });
  }
  if ('greaterThan' in condition) {
    return Object.entries(condition.greaterThan).every(([name, bound]) => {
      const value = item?.[name];
      return typeof value === 'number' && value > bound;
    });
  }
  if ('any' in condition) return condition.any.some((part) => holds(part, item));
  return condition.all.every((part) => holds(part, item));
}

/** Refuses a condition without content, which DynamoDB has no expression for. */
export function assertCondition(condition: Condition): void {
  if ('absent' in condition || 'exists' in condition) return;
  if ('any' in condition || 'all' in condition) {
    const parts = 'any' in condition ? condition.any : condition.all;
    if (parts.length === 0) throw new Error('A condition must have at least one part');
    for (const part of parts) assertCondition(part);
    return;
  }
  const names = Object.values(condition).flatMap((operands: object) => Object.keys(operands));
  if (names.length === 0) throw new Error('A condition must compare at least one attribute');
}

/** A change without the members that are `undefined`: those are not stored, and so not set. */
export interface CheckedChange {
  readonly set: readonly (readonly [string, Value])[];
  readonly remove: readonly string[];
  readonly add: readonly (readonly [string, number])[];
  /** Only removes: such a change never creates an item (DynamoDB and its emulators differ there). */
  readonly onlyRemoves: boolean;
}

/**
 * Checks a change as DynamoDB would.
 * @throws when it is empty, touches the key, names an attribute twice, or adds what is not a whole number
 * (DynamoDB adds decimals, JavaScript binary fractions; on whole numbers both agree).
 */
export function checkChange(change: Change): CheckedChange {
  const set = Object.entries(change.set ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, storableValue(value, name)] as const],
  );
  const add = Object.entries(change.add ?? {}).filter(([, amount]) => amount !== undefined);
  const remove = [...(change.remove ?? [])];
  const names = [...set.map(([name]) => name), ...remove, ...add.map(([name]) => name)];
  if (names.length === 0) throw new Error('A change must set, remove or add at least one attribute');
  if (names.includes('pk') || names.includes('sk')) throw new Error('A change cannot touch the key (pk, sk)');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`A change names the attribute "${twice}" more than once`);
  for (const [name, amount] of add) {
    if (!Number.isSafeInteger(amount))
      throw new Error(`Cannot add ${amount} to "${name}": not a whole number`);
  }
  return { set, remove, add, onlyRemoves: set.length === 0 && add.length === 0 };
}

/** The item after the change; undefined when the condition does not hold. */
export function applyChange(
  key: Key,
  item: Item | undefined,
  change: Change,
  condition?: Condition,
): Item | undefined {
  const { set, remove, add, onlyRemoves } = checkChange(change);
  if (condition !== undefined) {
    assertCondition(condition);
    if (!holds(condition, item)) return undefined;
  }
  if (onlyRemoves && item === undefined) return undefined;
  const attributes = new Map<string, Value>(Object.entries(item ?? {}));
  for (const [name, value] of set) attributes.set(name, value);
  for (const name of remove) attributes.delete(name);
  for (const [name, amount] of add) {
    const before = attributes.get(name) ?? 0;
    if (typeof before !== 'number') throw new Error(`Cannot add to "${name}": it is not a number`);
    attributes.set(name, before + amount);
  }
  return storable({ ...Object.fromEntries(attributes), pk: key.pk, sk: key.sk });
}

/**
 * A frozen copy of the item as it is stored: without `undefined` members, checked for what DynamoDB refuses.
 * @throws when a key is empty or too long, an index attribute has the wrong type, or the item is too large.
 */
export function storable(item: Item): Item {
  assertKey(item);
  const { queue, dueAt } = item;
  if (queue !== undefined && (typeof queue !== 'string' || queue === '')) {
    throw new Error(`The attribute "queue" of ${nameOf(item)} must be a string with content`);
  }
  if (dueAt !== undefined && typeof dueAt !== 'number') {
    throw new Error(`The attribute "dueAt" of ${nameOf(item)} must be a number`);
  }
  const copy = storableMap(item, nameOf(item)) as Item;
  const bytes = itemBytes(copy);
  if (bytes > MAX_ITEM_BYTES) {
    throw new Error(`The item ${nameOf(item)} has ${bytes} bytes; DynamoDB takes at most ${MAX_ITEM_BYTES}`);
  }
  return copy;
}

/** @throws when the key is one that DynamoDB refuses. */
export function assertKey({ pk, sk }: Key): void {
  const parts = [
    ['pk', pk, MAX_PARTITION_KEY_BYTES],
    ['sk', sk, MAX_SORT_KEY_BYTES],
  ] as const;
  for (const [name, value, limit] of parts) {
    if (typeof value !== 'string' || value === '')
      throw new Error(`The key attribute "${name}" must have content`);
    // Three bytes at most for each unit: only long keys need to be measured.
    if (value.length * 3 > limit && Buffer.byteLength(value) > limit) {
      throw new Error(`The key attribute "${name}" has more than ${limit} bytes: ${value.slice(0, 64)}…`);
    }
  }
}

function storableMap(
  map: { readonly [name: string]: Value },
  path: string,
): { readonly [name: string]: Value } {
  const entries = Object.entries(map).filter(([, value]) => value !== undefined);
  return Object.freeze(
    Object.fromEntries(entries.map(([name, value]) => [name, storableValue(value, `${path}.${name}`)])),
  );
}

function storableValue(value: Value, path: string): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      throw new Error(`The number ${value} at ${path} cannot be stored exactly`);
    }
    return value === 0 ? 0 : value; // -0 is stored as 0
  }
  if (isList(value)) {
    const members = value.filter((member) => member !== undefined);
    return Object.freeze(members.map((member, index) => storableValue(member, `${path}[${index}]`)));
  }
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return storableMap(value, path);
  }
  throw new Error(`The value at ${path} is not one that a document can hold`);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** The size of an item as DynamoDB counts it, to within some bytes for its numbers. */
export function itemBytes(item: { readonly [name: string]: Value }): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueBytes(value);
  return bytes;
}

function valueBytes(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return 1 + Math.ceil(String(Math.abs(value)).length / 2);
  if (value === null || typeof value === 'boolean') return 1;
  if (isList(value)) return value.reduce<number>((bytes, member) => bytes + 1 + valueBytes(member), 3);
  return Object.entries(value).reduce(
    (bytes, [name, member]) => bytes + 1 + Buffer.byteLength(name) + valueBytes(member),
    3,
  );
}

function nameOf({ pk, sk }: Key): string {
  return `${pk} / ${sk}`;
}

/** @throws when a page is asked for that DynamoDB would refuse. */
export function assertLimit(limit: number | undefined): void {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new Error(`A limit must be a whole number from 1 on, not ${limit}`);
  }
}
