import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ResourceNotFoundException,
  ScanCommand,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { backOff, chunked, type Pause, REAL_PAUSE } from './backoff.ts';
import {
  type Attributes,
  conditionParameters,
  dueParameters,
  fromAttributes,
  fromDueKey,
  fromKey,
  partitionParameters,
  toAttributes,
  toDueKey,
  toKey,
  updateParameters,
} from './dynamodb-expressions.ts';
import { assertKey, assertLimit, checkChange, storable } from './evaluate.ts';
import { MAX_BATCH_GET_KEYS, MAX_BATCH_WRITES } from './limits.ts';
import { nameOf } from './order.ts';
import { sideBySide } from './side-by-side.ts';
import {
  type Change,
  type Condition,
  type DueEntry,
  type DuePage,
  type EdgeWrite,
  type Item,
  type Key,
  type Page,
  type Table,
  TableMissingError,
} from './table.ts';
import { DUE_INDEX } from './table-definition.ts';

/** Tries in a row in which DynamoDB took nothing of a batch. */
const MAX_FRUITLESS_TRIES = 8;
const BATCHES_AT_ONCE = 8;

export interface DynamoDbTableOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** @default the system's timer and randomness */
  readonly pause?: Pause;
}

/**
 * The metadata table in DynamoDB.
 *
 * When the answer to a conditional write is lost, the SDK sends the write again and its condition may then fail
 * because of its own first attempt: `false` means that the condition does not hold now, not that nothing was
 * written. Callers that must know read the item again.
 * @example const table = new DynamoDbTable({ client: dynamoDbClient(), tableName: 'registry-prune' });
 */
export class DynamoDbTable implements Table {
  readonly #client: DynamoDBClient;
  readonly #tableName: string;
  readonly #pause: Pause;

  constructor({ client, tableName, pause = REAL_PAUSE }: DynamoDbTableOptions) {
    this.#client = client;
    this.#tableName = tableName;
    this.#pause = pause;
  }

  async get(key: Key): Promise<Item | undefined> {
    assertKey(key);
    const { Item: found } = await this.#known(
      this.#client.send(new GetItemCommand({ ...this.#table, Key: toKey(key), ConsistentRead: true })),
    );
    return found && fromAttributes(found);
  }

  async getMany(keys: readonly Key[]): Promise<Item[]> {
    const unique = new Map<string, Attributes>();
    for (const key of keys) {
      assertKey(key);
      unique.set(nameOf(key), toKey(key));
    }
    const batches = chunked([...unique.values()], MAX_BATCH_GET_KEYS);
    const found = await sideBySide(batches, (batch) => this.#getBatch(batch), BATCHES_AT_ONCE);
    return found.flat();
  }

  async query(
    pk: string,
    options: { readonly prefix?: string; readonly limit?: number; readonly after?: Key } = {},
  ): Promise<Page<Item>> {
    const { prefix = '', limit, after } = options;
    assertLimit(limit);
    const { Items = [], LastEvaluatedKey: last } = await this.#known(
      this.#client.send(
        new QueryCommand({
          ...this.#table,
          ...partitionParameters(pk, prefix),
          ConsistentRead: true,
          ...(limit === undefined ? {} : { Limit: limit }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toKey(after) }),
        }),
      ),
    );
    return { items: Items.map(fromAttributes), ...(last ? { next: fromKey(last) } : {}) };
  }

  async due(
    queue: string,
    options: { readonly until: number; readonly limit?: number; readonly after?: DueEntry },
  ): Promise<DuePage> {
    const { until, limit, after } = options;
    assertLimit(limit);
    const { Items = [], LastEvaluatedKey: last } = await this.#known(
      this.#client.send(
        new QueryCommand({
          ...this.#table,
          IndexName: DUE_INDEX,
          ...dueParameters(queue, until),
          ...(limit === undefined ? {} : { Limit: limit }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toDueKey(after) }),
        }),
      ),
    );
    return { entries: Items.map(fromDueKey), ...(last ? { next: fromDueKey(last) } : {}) };
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    const command = new PutItemCommand({
      ...this.#table,
      Item: toAttributes(storable(item)),
      ...conditionParameters(condition),
    });
    return (await this.#conditional(this.#client.send(command))) !== undefined;
  }

  async update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined> {
    assertKey(key);
    const command = new UpdateItemCommand({
      ...this.#table,
      Key: toKey(key),
      ...updateParameters(checkChange(change), condition),
      ReturnValues: 'ALL_NEW',
    });
    const output = await this.#conditional(this.#client.send(command));
    return output?.Attributes && fromAttributes(output.Attributes);
  }

  async remove(key: Key, condition?: Condition): Promise<boolean> {
    assertKey(key);
    const command = new DeleteItemCommand({
      ...this.#table,
      Key: toKey(key),
      ...conditionParameters(condition),
    });
    return (await this.#conditional(this.#client.send(command))) !== undefined;
  }

  async write(writes: readonly EdgeWrite[]): Promise<void> {
    // DynamoDB refuses a batch that names a key twice; the last word on a key is what a sequence would leave.
    const unique = new Map<string, WriteRequest>();
    for (const write of writes) {
      const key = 'put' in write ? write.put : write.remove;
      assertKey(key);
      unique.set(nameOf(key), toWriteRequest(write));
    }
    const batches = chunked([...unique.values()], MAX_BATCH_WRITES);
    // When one fails, nothing may be under way any more: it could come after what is written to the same keys next.
    await sideBySide(batches, (batch) => this.#writeBatch(batch), BATCHES_AT_ONCE);
  }

  async scan(options: {
    readonly segment: number;
    readonly segments: number;
    readonly after?: Key;
  }): Promise<Page<Item>> {
    const { segment, segments, after } = options;
    const { Items = [], LastEvaluatedKey: last } = await this.#known(
      this.#client.send(
        new ScanCommand({
          ...this.#table,
          Segment: segment,
          TotalSegments: segments,
          ...(after === undefined ? {} : { ExclusiveStartKey: toKey(after) }),
        }),
      ),
    );
    return { items: Items.map(fromAttributes), ...(last ? { next: fromKey(last) } : {}) };
  }

  async #getBatch(keys: readonly Attributes[]): Promise<Item[]> {
    const found: Item[] = [];
    await this.#untilTaken('read', keys, async (left) => {
      const output = await this.#client.send(
        new BatchGetItemCommand({
          RequestItems: { [this.#tableName]: { Keys: left, ConsistentRead: true } },
        }),
      );
      found.push(...(output.Responses?.[this.#tableName] ?? []).map(fromAttributes));
      return output.UnprocessedKeys?.[this.#tableName]?.Keys ?? [];
    });
    return found;
  }

  async #writeBatch(requests: readonly WriteRequest[]): Promise<void> {
    await this.#untilTaken('write', requests, async (left) => {
      const output = await this.#client.send(
        new BatchWriteItemCommand({ RequestItems: { [this.#tableName]: left } }),
      );
      return output.UnprocessedItems?.[this.#tableName] ?? [];
    });
  }

  /** Sends what DynamoDB has left of a batch again until nothing is; gives up when it takes nothing at all. */
  async #untilTaken<T>(verb: string, all: readonly T[], send: (left: T[]) => Promise<T[]>): Promise<void> {
    let left = [...all];
    for (let fruitless = 0; left.length > 0; ) {
      const rest = await this.#known(send(left));
      if (rest.length === 0) return;
      fruitless = rest.length < left.length ? 1 : fruitless + 1;
      left = rest;
      if (fruitless >= MAX_FRUITLESS_TRIES) {
        throw new Error(
          `DynamoDB left ${left.length} of ${all.length} items of a batch to ${verb} in table ` +
            `"${this.#tableName}" after ${fruitless} tries`,
        );
      }
      await backOff(fruitless, this.#pause);
    }
  }

  get #table(): { TableName: string } {
    return { TableName: this.#tableName };
  }

  /** The answer; undefined when the condition did not hold. */
  async #conditional<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#known(answer);
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  }

  async #known<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
      throw new TableMissingError(
        `The metadata table "${this.#tableName}" does not exist or lacks the index "${DUE_INDEX}"; ` +
          'create it with `registry-prune init` or deploy the stack',
        { cause: error },
      );
    }
  }
}

function toWriteRequest(write: EdgeWrite): WriteRequest {
  return 'put' in write
    ? { PutRequest: { Item: toAttributes(storable(write.put)) } }
    : { DeleteRequest: { Key: toKey(write.remove) } };
}
