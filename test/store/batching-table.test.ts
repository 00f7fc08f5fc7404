import { describe, expect, it } from 'vitest';
import { batching } from '../../lambdas/store/batching-table.ts';
import { MemoryTable } from '../../local/memory-table.ts';

const key = (number: number) => ({ pk: `partition ${number % 7}`, sk: `item ${number}` });
const NUMBERS = Array.from({ length: 350 }, (_, number) => number);

describe('a table that batches', () => {
  it('sends a single read alone, and those that wait for it together', async () => {
    const memory = new MemoryTable();
    for (const number of NUMBERS) await memory.put({ ...key(number), number });
    memory.requests.clear();
    const table = batching(memory);
    const found = await Promise.all([...NUMBERS, 999].map((number) => table.get(key(number))));
    expect(found.map((item) => item?.['number'])).toEqual([...NUMBERS, undefined]);
    // One item, and then 350 keys at a hundred a request.
    expect([...memory.requests]).toEqual([
      ['GetItem', 1],
      ['BatchGetItem', 4],
    ]);
  });

  it('gives each caller what it asked for, however many ask for the same', async () => {
    const memory = new MemoryTable();
    await memory.put({ ...key(1), number: 1 });
    const table = batching(memory);
    const [one, both, none] = await Promise.all([
      table.get(key(1)),
      table.getMany([key(1), key(2), key(1)]),
      table.getMany([key(3)]),
    ]);
    expect([one?.['number'], both.map((item) => item['number']), none]).toEqual([1, [1], []]);
  });

  it('shares the requests of unconditional writes', async () => {
    const memory = new MemoryTable();
    const table = batching(memory);
    await Promise.all(NUMBERS.slice(0, 51).map((number) => table.write([{ put: key(number) }])));
    expect(memory.requests.get('BatchWriteItem')).toBe(3);
    expect(await memory.getMany(NUMBERS.map(key))).toHaveLength(51);
  });

  it('refuses a key that cannot be, and fails nobody else', async () => {
    const table = batching(new MemoryTable());
    const outcomes = await Promise.allSettled([
      table.get(key(1)),
      table.get({ pk: '', sk: 'item' }),
      table.write([{ put: key(2) }]),
      table.write([{ remove: { pk: 'partition', sk: '' } }]),
      table.get(key(2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
  });

  it('reads what was written before it was asked, never something older', async () => {
    const memory = new MemoryTable();
    const table = batching(memory);
    await Promise.all(
      NUMBERS.slice(0, 60).map(async (number) => {
        await memory.put({ ...key(number), number: -1 });
        await memory.put({ ...key(number), number });
        expect((await table.get(key(number)))?.['number']).toBe(number);
      }),
    );
  });
});
