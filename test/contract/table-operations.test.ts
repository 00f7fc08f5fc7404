import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareDue } from '../../lambdas/store/order.ts';
import { PreviewTable } from '../../lambdas/store/preview-table.ts';
import type { Change, Condition, DueEntry, EdgeWrite, Item, Key, Table } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { startDynamoDb } from './table-implementations.ts';

/** Few keys and values, so that operations meet. */
const key = fc.record({ pk: fc.constantFrom('A', 'B'), sk: fc.constantFrom('a#1', 'a#2', 'b#1', 'é', '😀') });
const attribute = fc.constantFrom('version', 'n', 'state');
const value = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('live', 'deleted'), fc.boolean());
const queued = fc.oneof(
  fc.constant({}),
  fc.record({ queue: fc.constantFrom('q1', 'q2'), dueAt: fc.integer({ min: 1, max: 4 }) }),
);
const item = fc
  .tuple(key, fc.dictionary(attribute, value), queued)
  .map(([{ pk, sk }, attributes, due]): Item => ({ ...attributes, ...due, pk, sk }));
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    fc.constant<Condition>({ absent: true }),
    fc.constant<Condition>({ exists: true }),
    fc.record({ equals: fc.dictionary(attribute, value, { minKeys: 1 }) }),
    fc.record({ lessThan: fc.dictionary(attribute, fc.integer({ min: 0, max: 4 }), { minKeys: 1 }) }),
    fc.record({ greaterThan: fc.dictionary(attribute, fc.integer({ min: 0, max: 4 }), { minKeys: 1 }) }),
    fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
  ),
}));
const change: fc.Arbitrary<Change> = fc.record(
  {
    set: fc.oneof(fc.dictionary(attribute, value), queued),
    remove: fc.uniqueArray(fc.constantFrom('version', 'state', 'queue', 'dueAt')),
    add: fc.dictionary(fc.constantFrom('version', 'n'), fc.integer({ min: -2, max: 2 })),
  },
  { requiredKeys: [] },
);
const maybeCondition = fc.option(condition, { nil: undefined });
const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
const write: fc.Arbitrary<EdgeWrite> = fc.oneof(fc.record({ put: item }), fc.record({ remove: key }));

type Operation = (table: Table) => Promise<unknown>;
/** An operation that shows itself in a counterexample. */
const named = (name: string, details: unknown, run: Operation) =>
  Object.assign(run, { toString: () => `${name} ${JSON.stringify(details)}` });

const operation = fc.oneof(
  key.map((k) => named('get', k, (table) => table.get(k))),
  fc
    .array(key)
    .map((keys) => named('getMany', keys, async (table) => (await table.getMany(keys)).toSorted(byKey))),
  fc.tuple(item, maybeCondition).map(([i, c]) => named('put', { i, c }, (table) => table.put(i, c))),
  fc
    .tuple(key, change, maybeCondition)
    .map(([k, d, c]) => named('update', { k, d, c }, (table) => table.update(k, d, c))),
  fc.tuple(key, maybeCondition).map(([k, c]) => named('remove', { k, c }, (table) => table.remove(k, c))),
  fc.array(write, { maxLength: 4 }).map((writes) => named('write', writes, (table) => table.write(writes))),
  fc
    .tuple(fc.constantFrom('A', 'B'), fc.constantFrom('', 'a#', 'é', 'x'), limit)
    .map(([pk, prefix, n]) => named('query', { pk, prefix, n }, (table) => queryAll(table, pk, prefix, n))),
  fc
    .tuple(fc.constantFrom('q1', 'q2'), fc.integer({ min: 1, max: 4 }), limit)
    .map(([queue, until, n]) => named('due', { queue, until, n }, (table) => dueAll(table, queue, until, n))),
  fc.constant(named('scan', {}, scanAll)),
);

describe('the same operations have the same results', () => {
  let running: Awaited<ReturnType<typeof startDynamoDb>>;
  beforeAll(async () => {
    running = await startDynamoDb();
  });
  afterAll(() => running.stop());

  it('over memory, over DynamoDB, and over previews of any moment', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.nat(40),
        async (operations, begun) => {
          const memory = new MemoryTable();
          const dynamo = await running.empty();
          const seen: unknown[] = [];
          for (const run of operations) {
            const expected = await resultOf(run, memory);
            expect(await resultOf(run, dynamo), `DynamoDB: ${run}`).toEqual(expected);
            seen.push(expected);
          }
          // A preview begun in the middle goes on as if everything had happened in it, whatever it is over:
          // DynamoDB orders entries of one moment in its own way.
          for (const base of [new MemoryTable(), await running.empty()]) {
            for (const run of operations.slice(0, begun)) await resultOf(run, base);
            const before = await scanAll(base);
            const preview = new PreviewTable(base);
            for (const [index, run] of operations.entries()) {
              if (index >= begun)
                expect(await resultOf(run, preview), `preview: ${run}`).toEqual(seen[index]);
            }
            expect(await scanAll(preview)).toEqual(await scanAll(operations.length > begun ? memory : base));
            expect(await scanAll(base)).toEqual(before);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

async function resultOf(run: Operation, table: Table): Promise<unknown> {
  try {
    return await run(table);
  } catch {
    return 'refused';
  }
}

/** All pages; what each page held is compared as well. */
async function queryAll(table: Table, pk: string, prefix: string, n: number | undefined) {
  const pages: unknown[] = [];
  let after: Key | undefined;
  do {
    const page = await table.query(pk, { prefix, ...(n ? { limit: n } : {}), ...(after ? { after } : {}) });
    pages.push(page);
    after = page.next;
  } while (after);
  return pages;
}

/** In an order of their own those of one moment; the times of each page are compared. */
async function dueAll(table: Table, queue: string, until: number, n: number | undefined) {
  const entries: DueEntry[] = [];
  const times: number[][] = [];
  let after: DueEntry | undefined;
  do {
    const options = { until, ...(n ? { limit: n } : {}), ...(after ? { after } : {}) };
    const page = await table.due(queue, options);
    // A page is the same when it is asked for again.
    expect(await table.due(queue, options)).toEqual(page);
    entries.push(...page.entries);
    times.push(page.entries.map(({ dueAt }) => dueAt));
    after = page.next;
  } while (after);
  return { entries: entries.toSorted(compareDue), times };
}

async function scanAll(table: Table) {
  const items: Item[] = [];
  for (const segment of [0, 1]) {
    let after: Key | undefined;
    do {
      const page = await table.scan({ segment, segments: 2, ...(after ? { after } : {}) });
      items.push(...page.items);
      after = page.next;
    } while (after);
  }
  return items.toSorted(byKey);
}

function byKey(a: Key, b: Key): number {
  return `${a.pk} ${a.sk}` < `${b.pk} ${b.sk}` ? -1 : 1;
}
