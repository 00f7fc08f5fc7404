/** Reads and writes of many workers, sent in shared requests. */
import { coalesce } from './coalesce.ts';
import { assertKey, storable } from './evaluate.ts';
import { MAX_BATCH_GET_KEYS, MAX_BATCH_WRITES } from './limits.ts';
import { nameOf } from './order.ts';
import type { EdgeWrite, Item, Key, Table } from './table.ts';

/** Requests of one batch, which the table sends side by side. */
const REQUESTS = 4;

/**
 * A table whose single reads, and whose unconditional writes, go out together with those of whoever calls meanwhile: a
 * hundred reads cost one request then. Each read is as consistent as it is alone, since DynamoDB reads each item of a batch
 * by itself; conditional writes go alone, since DynamoDB knows no batch of them but transactions, at twice the price.
 *
 * What a shared request fails of, all of its callers fail of.
 * @example const table = batching(new DynamoDbTable({ client, tableName }));
 */
export function batching(table: Table): Table {
  const read = coalesce<Key, ReadonlyMap<string, Item>>({
    limit: REQUESTS * MAX_BATCH_GET_KEYS,
    send: async (keys) => {
      const [first] = keys;
      if (first !== undefined && keys.length === 1) return byName(defined(await table.get(first)));
      return byName(await table.getMany(keys));
    },
  });
  const write = coalesce<EdgeWrite, void>({
    limit: REQUESTS * MAX_BATCH_WRITES,
    send: (writes) => table.write(writes),
  });
  return {
    get: async (key) => {
      // Here, or one key that cannot be would fail all others.
      assertKey(key);
      return (await read([key])).get(nameOf(key));
    },
    getMany: async (keys) => {
      if (keys.length === 0) return [];
      for (const key of keys) assertKey(key);
      const found = await read(keys);
      const wanted = new Set(keys.map(nameOf));
      return defined(...[...wanted].map((name) => found.get(name)));
    },
    write: async (writes) => {
      if (writes.length === 0) return;
      const checked = writes.map((one) => ('put' in one ? { put: storable(one.put) } : one));
      for (const one of checked) assertKey('put' in one ? one.put : one.remove);
      await write(checked);
    },
    query: (pk, options) => table.query(pk, options),
    due: (queue, options) => table.due(queue, options),
    put: (item, condition) => table.put(item, condition),
    update: (key, change, condition) => table.update(key, change, condition),
    remove: (key, condition) => table.remove(key, condition),
    scan: (options) => table.scan(options),
  };
}

const byName = (items: readonly Item[]): ReadonlyMap<string, Item> =>
  new Map(items.map((item) => [nameOf(item), item]));

const defined = (...items: readonly (Item | undefined)[]): Item[] =>
  items.filter((item) => item !== undefined);
