import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Condition, DueEntry, Item, Key, Table } from '../../lambdas/store/table.ts';
import { TABLES } from './table-implementations.ts';

describe.each(TABLES)('the table: $name', ({ start }) => {
  let table: Table;
  let running: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.stop());
  beforeEach(async () => {
    table = await running.empty();
  });

  const key = { pk: 'REPO#a', sk: 'MANIFEST#1' };

  describe('one item', () => {
    it('is what was put, with all kinds of values', async () => {
      const item: Item = {
        ...key,
        text: 'é😀',
        empty: '',
        whole: 5_000_000_000_000,
        fraction: -1.5,
        yes: true,
        nothing: null,
        list: ['a', 1, [], {}],
        map: { 'org.example/name with space': 'x', nested: { deep: [null] } },
      };
      expect(await table.put(item)).toBe(true);
      expect(await table.get(key)).toEqual(item);
    });

    it('is stored without undefined members, at any depth', async () => {
      await table.put({ ...key, gone: undefined, map: { gone: undefined, kept: 1 } } as unknown as Item);
      expect(await table.get(key)).toEqual({ ...key, map: { kept: 1 } });
    });

    it('is absent until put and after being removed', async () => {
      expect(await table.get(key)).toBeUndefined();
      await table.put({ ...key });
      expect(await table.remove(key)).toBe(true);
      expect(await table.get(key)).toBeUndefined();
      expect(await table.remove(key)).toBe(true);
    });

    it('is replaced as a whole by a put', async () => {
      await table.put({ ...key, a: 1, b: 2 });
      await table.put({ ...key, b: 3 });
      expect(await table.get(key)).toEqual({ ...key, b: 3 });
    });

    it('does not change with the object it was put from', async () => {
      const list = ['a'];
      await table.put({ ...key, list });
      list.push('b');
      expect(await table.get(key)).toEqual({ ...key, list: ['a'] });
    });

    it.each([
      ['an empty key', { pk: '', sk: 'x' }],
      ['a key that is too long', { pk: 'x'.repeat(2049), sk: 'x' }],
      ['a queue that is no text', { ...key, queue: 1, dueAt: 1 }],
      ['a due time that is no number', { ...key, queue: 'q', dueAt: 'soon' }],
      ['an item of more than 400 KB', { ...key, text: 'x'.repeat(400 * 1024) }],
      ['a number that is not exact', { ...key, n: 2 ** 60 }],
      ['a number that is none', { ...key, n: Number.NaN }],
    ])('is refused: %s', async (_, item) => {
      await expect(table.put(item)).rejects.toThrow();
      await expect(table.write([{ put: item }])).rejects.toThrow();
    });
  });

  describe('conditions', () => {
    const stored = { ...key, version: 3, state: 'live', yes: true };
    const cases: [string, Condition, whenStored: boolean, whenAbsent: boolean][] = [
      ['absent', { absent: true }, false, true],
      ['exists', { exists: true }, true, false],
      ['equal', { equals: { version: 3, state: 'live', yes: true } }, true, false],
      ['one not equal', { equals: { version: 3, state: 'deleted' } }, false, false],
      ['equal in another type', { equals: { version: '3' } }, false, false],
      ['equal to an absent attribute', { equals: { other: 0 } }, false, false],
      ['less', { lessThan: { version: 4 } }, true, false],
      ['not less', { lessThan: { version: 3 } }, false, false],
      ['less of a text', { lessThan: { state: 4 } }, false, false],
      ['less of an absent attribute', { lessThan: { other: 4 } }, false, false],
      ['greater', { greaterThan: { version: 2 } }, true, false],
      ['not greater', { greaterThan: { version: 3 } }, false, false],
      ['greater of a text', { greaterThan: { state: 0 } }, false, false],
      ['greater of an absent attribute', { greaterThan: { other: -1 } }, false, false],
      ['any', { any: [{ absent: true }, { lessThan: { version: 9 } }] }, true, true],
      ['all', { all: [{ exists: true }, { equals: { version: 4 } }] }, false, false],
      [
        'nested',
        { all: [{ any: [{ absent: true }, { equals: { version: 3 } }] }, { any: [{ exists: true }] }] },
        true,
        false,
      ],
    ];

    it.each(cases)('%s: decides on put, update and remove', async (_, condition, whenStored, whenAbsent) => {
      await table.put(stored);
      expect(await table.put({ ...stored, by: 'put' }, condition)).toBe(whenStored);
      expect((await table.get(key))?.['by']).toBe(whenStored ? 'put' : undefined);

      await table.put(stored);
      expect(await table.update(key, { set: { by: 'update' } }, condition)).toEqual(
        whenStored ? { ...stored, by: 'update' } : undefined,
      );
      expect((await table.get(key))?.['by']).toBe(whenStored ? 'update' : undefined);

      await table.put(stored);
      expect(await table.remove(key, condition)).toBe(whenStored);
      expect((await table.get(key)) === undefined).toBe(whenStored);

      await table.remove(key);
      expect(await table.remove(key, condition)).toBe(whenAbsent);
      expect(await table.update(key, { set: { by: 'update' } }, condition)).toEqual(
        whenAbsent ? { ...key, by: 'update' } : undefined,
      );
      await table.remove(key);
      expect(await table.put(stored, condition)).toBe(whenAbsent);
    });

    it.each<[string, Condition]>([
      ['equals nothing', { equals: {} }],
      ['any of none', { any: [] }],
      ['all of none', { all: [{ all: [] }] }],
    ])('without content are refused: %s', async (_, condition) => {
      await expect(table.put({ ...key }, condition)).rejects.toThrow();
      await expect(table.update(key, { set: { a: 1 } }, condition)).rejects.toThrow();
      await expect(table.remove(key, condition)).rejects.toThrow();
    });

    it('let only one of many racing writers through', async () => {
      await table.put({ ...key, version: 1 });
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, writer) =>
          table.update(key, { add: { version: 1 }, set: { writer } }, { equals: { version: 1 } }),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await table.get(key)).toEqual(results.find(Boolean));
    });
  });

  describe('a change', () => {
    it('sets, removes and adds, and answers with the item after it', async () => {
      await table.put({ ...key, a: 1, b: 2, version: 1 });
      const after = await table.update(key, {
        set: { c: ['x'] },
        remove: ['a', 'none'],
        add: { version: 1, n: 5 },
      });
      expect(after).toEqual({ ...key, b: 2, c: ['x'], version: 2, n: 5 });
      expect(await table.get(key)).toEqual(after);
    });

    it('creates an item, but not when it only removes', async () => {
      expect(await table.update(key, { remove: ['a'] })).toBeUndefined();
      expect(await table.get(key)).toBeUndefined();
      expect(await table.update(key, { add: { version: 1 } })).toEqual({ ...key, version: 1 });
    });

    it('knows reserved words and odd names', async () => {
      const set = { state: 's', size: 1, 'a.b': 2, '#x': 3, 'ä ö': 4 };
      expect(await table.update(key, { set }, { any: [{ absent: true }, { equals: { 'a.b': 1 } }] })).toEqual(
        {
          ...key,
          ...set,
        },
      );
    });

    it.each([
      ['empty', {}],
      ['only undefined', { set: { a: undefined } }],
      ['of the key', { set: { pk: 'x' } }],
      ['naming an attribute twice', { set: { a: 1 }, remove: ['a'] }],
      ['adding a fraction', { add: { a: 0.1 } }],
      ['adding to a text', { add: { text: 1 } }],
    ])('is refused: %s', async (_, change) => {
      await table.put({ ...key, text: 'x' });
      await expect(table.update(key, change as never)).rejects.toThrow();
      expect(await table.get(key)).toEqual({ ...key, text: 'x' });
    });
  });

  describe('many items', () => {
    const items = Array.from({ length: 260 }, (_, n): Item => ({ pk: `BLOB#${n % 7}`, sk: `X#${n}`, n }));

    it('are written and read in any number', async () => {
      await table.write(items.map((put) => ({ put })));
      const wanted: Key[] = [...items, { pk: 'none', sk: 'none' }, ...items.slice(0, 3)];
      expect(byKey(await table.getMany(wanted))).toEqual(byKey(items));
      await table.write(items.slice(10).map((remove) => ({ remove: { pk: remove.pk, sk: remove.sk } })));
      expect(byKey(await table.getMany(items))).toEqual(byKey(items.slice(0, 10)));
    });

    it('may be none', async () => {
      await table.write([]);
      expect(await table.getMany([])).toEqual([]);
    });

    it('name a key twice: the last wins', async () => {
      await table.write([{ put: { ...key, n: 1 } }, { remove: key }, { put: { ...key, n: 2 } }]);
      expect(await table.get(key)).toEqual({ ...key, n: 2 });
      await table.write([{ put: { ...key, n: 3 } }, { remove: key }]);
      expect(await table.get(key)).toBeUndefined();
    });
  });

  describe('a query', () => {
    const sorts = [
      'A',
      'LINK#a',
      'LINK#b',
      'MANIFEST#1',
      'MANIFEST#10',
      'MANIFEST#2',
      'a',
      'é',
      '\uffee',
      '😀',
    ];

    beforeEach(async () => {
      const writes = sorts.toReversed().map((sk) => ({ put: { pk: 'P', sk, n: sorts.indexOf(sk) } }));
      await table.write([...writes, { put: { pk: 'P2', sk: 'A' } }, { put: { pk: 'O', sk: 'Z' } }]);
    });

    it('answers with one partition in the order of UTF-8', async () => {
      const page = await table.query('P');
      expect(page.items.map(({ sk }) => sk)).toEqual(sorts);
      expect(page.next).toBeUndefined();
      expect((await table.query('none')).items).toEqual([]);
    });

    it('answers with what begins with a prefix', async () => {
      const { items } = await table.query('P', { prefix: 'MANIFEST#' });
      expect(items.map(({ sk }) => sk)).toEqual(['MANIFEST#1', 'MANIFEST#10', 'MANIFEST#2']);
    });

    it.each([1, 2, 3, 9, 10, 11])('goes on after a page of %i', async (limit) => {
      expect(
        (await drain((after) => table.query('P', { limit, ...after }), limit)).map(({ sk }) => sk),
      ).toEqual(sorts);
      const links = await drain((after) => table.query('P', { prefix: 'LINK#', limit, ...after }), limit);
      expect(links.map(({ sk }) => sk)).toEqual(['LINK#a', 'LINK#b']);
    });

    it('goes on when what it stopped at is gone, and finds what came since', async () => {
      const first = await table.query('P', { limit: 3 });
      await table.write([{ remove: { pk: 'P', sk: 'LINK#b' } }, { put: { pk: 'P', sk: 'LINK#c' } }]);
      const second = await table.query('P', { limit: 2, ...(first.next ? { after: first.next } : {}) });
      expect(second.items.map(({ sk }) => sk)).toEqual(['LINK#c', 'MANIFEST#1']);
    });

    it('ends its pages by size', async () => {
      const large = Array.from({ length: 30 }, (_, n) => ({
        pk: 'L',
        sk: `${n + 10}`,
        text: 'x'.repeat(100_000),
      }));
      await table.write(large.map((put) => ({ put })));
      const first = await table.query('L');
      expect(first.items.length).toBeLessThan(30);
      expect(first.next).toBeDefined();
      const all = await drain((after) => table.query('L', after));
      expect(all.map(({ sk }) => sk)).toEqual(large.map(({ sk }) => sk));
    });

    it('refuses a limit below one', async () => {
      await expect(table.query('P', { limit: 0 })).rejects.toThrow();
      await expect(table.due('q', { until: 1, limit: 0 })).rejects.toThrow();
    });
  });

  describe('the due queue', () => {
    /** Several of one moment, as a rebuild leaves them. */
    const queued = [5, 1, 3, 3, 3, 3, 3, 9, 2].map((dueAt, n) => ({
      pk: `M#${(n * 5) % 9}`,
      sk: 'X',
      queue: 'manifest#0',
      dueAt: dueAt * 1_700_000_000_000,
      version: 1,
    }));
    const until = 5 * 1_700_000_000_000;
    const due = queued
      .filter(({ dueAt }) => dueAt <= until)
      .map(({ version: _, ...entry }): DueEntry => entry);
    const all = (limit?: number, queue = 'manifest#0') =>
      drainDue((after) => table.due(queue, { until, ...(limit ? { limit } : {}), ...after }), limit);

    beforeEach(async () => {
      await table.write([
        ...queued.map((put) => ({ put })),
        { put: { pk: 'N', sk: 'X', queue: 'blob#0', dueAt: 1 } },
        { put: { pk: 'O', sk: 'X', queue: 'manifest#0' } },
        { put: { pk: 'Q', sk: 'X', dueAt: 1 } },
      ]);
    });

    it('holds what has a queue and a time, up to and including a moment', async () => {
      expect(byKey(await all())).toEqual(byKey(due));
      expect((await table.due('none', { until })).entries).toEqual([]);
    });

    it.each([1, 2, 3, 8, 20])('comes earliest first, in pages of %i, each once', async (limit) => {
      const entries = await all(limit);
      expect(entries.map(({ dueAt }) => dueAt)).toEqual(due.map(({ dueAt }) => dueAt).sort((a, b) => a - b));
      expect(byKey(entries)).toEqual(byKey(due));
    });

    it('follows every kind of write', async () => {
      const [a, b, c, d] = due.map(({ pk, sk }) => ({ pk, sk }));
      if (!a || !b || !c || !d) throw new Error('too few');
      await table.update(a, { remove: ['queue', 'dueAt'], add: { version: 1 } });
      await table.update(b, { set: { dueAt: until + 1 } });
      await table.remove(c);
      await table.put({ ...d });
      expect(byKey(await all())).toEqual(byKey(due.slice(4)));
      await table.update(a, { set: { queue: 'manifest#0', dueAt: 7 } });
      expect((await all())[0]).toEqual({ ...a, queue: 'manifest#0', dueAt: 7 });
      await table.update(a, { set: { queue: 'upload#0' } });
      expect(await all(undefined, 'upload#0')).toEqual([{ ...a, queue: 'upload#0', dueAt: 7 }]);
      expect(byKey(await all())).toEqual(byKey(due.slice(4)));
    });

    it.each([1, 2, 3])('loses nothing when each page of %i is taken out before the next', async (limit) => {
      const seen: DueEntry[] = [];
      let after: DueEntry | undefined;
      do {
        const page = await table.due('manifest#0', { until, limit, ...(after ? { after } : {}) });
        for (const entry of page.entries) {
          seen.push(entry);
          const unqueue = seen.length % 2 === 0;
          await table.update(entry, unqueue ? { remove: ['queue', 'dueAt'] } : { add: { version: 1 } });
        }
        after = page.next;
      } while (after);
      expect(byKey(seen)).toEqual(byKey(due));
    });
  });

  it.each([1, 3, 8])('is walked in %i segments, each item once', async (segments) => {
    const items = Array.from(
      { length: 40 },
      (_, n): Item => ({ pk: `P${n % 13}`, sk: `${n}`, text: 'x'.repeat(90_000) }),
    );
    await table.write(items.map((put) => ({ put })));
    const parts = await Promise.all(
      Array.from({ length: segments }, (_, segment) =>
        drain((after) => table.scan({ segment, segments, ...after })),
      ),
    );
    expect(byKey(parts.flat())).toEqual(byKey(items));
  });
});

function byKey<T extends Key>(items: readonly T[]): Record<string, T> {
  const entries = items.map((item) => [`${item.pk} ${item.sk}`, item] as const);
  expect(new Set(entries.map(([name]) => name)).size).toBe(items.length);
  return Object.fromEntries(entries);
}

async function drain(
  read: (after: { after?: Key }) => Promise<{ items: readonly Item[]; next?: Key }>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const all: Item[] = [];
  let after: Key | undefined;
  do {
    const page = await read(after ? { after } : {});
    expect(page.items.length).toBeLessThanOrEqual(limit);
    all.push(...page.items);
    after = page.next;
  } while (after);
  return all;
}

async function drainDue(
  read: (after: { after?: DueEntry }) => Promise<{ entries: readonly DueEntry[]; next?: DueEntry }>,
  limit = Number.POSITIVE_INFINITY,
): Promise<DueEntry[]> {
  const all: DueEntry[] = [];
  let after: DueEntry | undefined;
  do {
    const page = await read(after ? { after } : {});
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    all.push(...page.entries);
    after = page.next;
  } while (after);
  return all;
}
