import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { assertCondition, type CheckedChange } from './evaluate.ts';
import type { Condition, DueEntry, Item, Key, Value } from './table.ts';

/** Parameters of DynamoDB's requests from the port's values. Pure. */

export type Attributes = Record<string, AttributeValue>;

export interface Expressions {
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Attributes;
}

/**
 * The placeholders of one request. All names and values go through them, so that no reserved word and no
 * character of a name needs a thought.
 */
class Placeholders {
  readonly #names = new Map<string, string>();
  readonly #values: Attributes = {};

  name(attribute: string): string {
    const known = this.#names.get(attribute);
    if (known !== undefined) return known;
    const placeholder = `#n${this.#names.size}`;
    this.#names.set(attribute, placeholder);
    return placeholder;
  }

  value(value: Value): string {
    const placeholder = `:v${Object.keys(this.#values).length}`;
    this.#values[placeholder] = toAttribute(value);
    return placeholder;
  }

  /** DynamoDB refuses empty maps, so they are left out. */
  parameters(): Pick<Expressions, 'ExpressionAttributeNames' | 'ExpressionAttributeValues'> {
    const names = Object.fromEntries(
      [...this.#names].map(([attribute, placeholder]) => [placeholder, attribute]),
    );
    return {
      ...(this.#names.size > 0 ? { ExpressionAttributeNames: names } : {}),
      ...(Object.keys(this.#values).length > 0 ? { ExpressionAttributeValues: this.#values } : {}),
    };
  }
}

/**
 * For a PutItem or DeleteItem.
 * @example conditionParameters({ equals: { version: 3 } })
 * // { ConditionExpression: '#n0 = :v0', ExpressionAttributeNames: { '#n0': 'version' }, … }
 */
export function conditionParameters(condition: Condition | undefined): Expressions {
  if (condition === undefined) return {};
  assertCondition(condition);
  const placeholders = new Placeholders();
  return { ConditionExpression: conditionText(condition, placeholders), ...placeholders.parameters() };
}

/**
 * For an UpdateItem. A change that only removes attributes asks for the item to exist: whether it would create
 * an empty one otherwise is where DynamoDB and its emulators differ.
 */
export function updateParameters(change: CheckedChange, condition: Condition | undefined): Expressions {
  const placeholders = new Placeholders();
  const text = changeText(change, placeholders);
  const all: Condition[] = change.onlyRemoves ? [{ exists: true }] : [];
  if (condition !== undefined) {
    assertCondition(condition);
    all.push(condition);
  }
  return {
    UpdateExpression: text,
    ...(all.length > 0 ? { ConditionExpression: conditionText({ all }, placeholders) } : {}),
    ...placeholders.parameters(),
  };
}

function changeText({ set, remove, add }: CheckedChange, placeholders: Placeholders): string {
  const assignments = set.map(([name, value]) => `${placeholders.name(name)} = ${placeholders.value(value)}`);
  const removals = remove.map((name) => placeholders.name(name));
  const additions = add.map(([name, amount]) => `${placeholders.name(name)} ${placeholders.value(amount)}`);
  return [
    ...(assignments.length > 0 ? [`SET ${assignments.join(', ')}`] : []),
    ...(removals.length > 0 ? [`REMOVE ${removals.join(', ')}`] : []),
    ...(additions.length > 0 ? [`ADD ${additions.join(', ')}`] : []),
  ].join(' ');
}

function conditionText(condition: Condition, placeholders: Placeholders): string {
  if ('absent' in condition) return `attribute_not_exists(${placeholders.name('pk')})`;
  if ('exists' in condition) return `attribute_exists(${placeholders.name('pk')})`;
  if ('equals' in condition) return comparison(condition.equals, '=', placeholders);
  if ('lessThan' in condition) return comparison(condition.lessThan, '<', placeholders);
  if ('greaterThan' in condition) return comparison(condition.greaterThan, '>', placeholders);
  const [parts, word] = 'any' in condition ? [condition.any, ' OR '] : [condition.all, ' AND '];
  const [only] = parts;
  // DynamoDB refuses redundant parentheses.
  if (only && parts.length === 1) return conditionText(only, placeholders);
  return parts.map((part) => `(${conditionText(part, placeholders)})`).join(word);
}

function comparison(
  operands: Readonly<Record<string, Value>>,
  operator: '=' | '<' | '>',
  placeholders: Placeholders,
): string {
  return Object.entries(operands)
    .map(([name, value]) => `${placeholders.name(name)} ${operator} ${placeholders.value(value)}`)
    .join(' AND ');
}

/** The part of a Query that names the items of one partition. */
export function partitionParameters(pk: string, prefix: string) {
  return {
    KeyConditionExpression: prefix === '' ? '#pk = :pk' : '#pk = :pk AND begins_with(#sk, :prefix)',
    ExpressionAttributeNames: { '#pk': 'pk', ...(prefix === '' ? {} : { '#sk': 'sk' }) },
    ExpressionAttributeValues: {
      ':pk': toAttribute(pk),
      ...(prefix === '' ? {} : { ':prefix': toAttribute(prefix) }),
    },
  };
}

/** The part of a Query of the index that names what is due in one queue. */
export function dueParameters(queue: string, until: number) {
  return {
    KeyConditionExpression: '#queue = :queue AND #dueAt <= :until',
    ExpressionAttributeNames: { '#queue': 'queue', '#dueAt': 'dueAt' },
    ExpressionAttributeValues: { ':queue': toAttribute(queue), ':until': toAttribute(until) },
  };
}

export function toKey({ pk, sk }: Key): Attributes {
  return { pk: { S: pk }, sk: { S: sk } };
}

/** The start key of a Query of the index: the index's keys and the table's. */
export function toDueKey({ queue, dueAt, pk, sk }: DueEntry): Attributes {
  return { queue: { S: queue }, dueAt: { N: String(dueAt) }, pk: { S: pk }, sk: { S: sk } };
}

export function toAttributes(item: Item): Attributes {
  return marshall(item, { removeUndefinedValues: true });
}

export function toAttribute(value: Value): AttributeValue {
  return marshall(value, { removeUndefinedValues: true, convertTopLevelContainer: true });
}

/** An item as DynamoDB sent it. Numbers become numbers, not big integers: none is written that is not exact. */
export function fromAttributes(attributes: Attributes): Item {
  return unmarshall(attributes, { wrapNumbers: Number }) as Item;
}

export function fromKey(attributes: Attributes): Key {
  const { pk, sk } = fromAttributes(attributes);
  return { pk, sk };
}

export function fromDueKey(attributes: Attributes): DueEntry {
  const { queue, dueAt, pk, sk } = fromAttributes(attributes);
  return { queue: String(queue), dueAt: Number(dueAt), pk, sk };
}
