import { describe, expect, it } from 'vitest';
import type { ObjectVersion } from '../../lambdas/store/object-store.ts';
import { PreviewBucket } from '../../lambdas/store/preview-bucket.ts';
import { PreviewTable } from '../../lambdas/store/preview-table.ts';
import type { DueEntry, Item } from '../../lambdas/store/table.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryTable } from '../../local/memory-table.ts';

/** The same object, whose methods that write throw. */
function readOnly<T extends object>(base: T, writing: readonly (keyof T)[]): T {
  return new Proxy(base, {
    get(target, name) {
      if (writing.includes(name as keyof T)) throw new Error(`${String(name)} reached the base`);
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

const omit = (item: Item, name: string) =>
  Object.fromEntries(Object.entries(item).filter(([attribute]) => attribute !== name));

describe('a preview of the table', () => {
  const item = (n: number) => ({
    pk: `P${n}`,
    sk: 'S',
    n,
    queue: 'q',
    dueAt: Math.floor(n / 10),
    version: 1,
  });

  async function preview(count = 100) {
    const base = new MemoryTable();
    await base.write(Array.from({ length: count }, (_, n) => ({ put: item(n) })));
    base.requests.clear();
    return { base, table: new PreviewTable(readOnly(base, ['put', 'update', 'remove', 'write'])) };
  }

  it('never writes to the base', async () => {
    const { base, table } = await preview();
    await table.put({ ...item(0), n: -1 });
    await table.put({ ...item(1), n: -1 }, { exists: true });
    await table.update(item(2), { remove: ['queue', 'dueAt'] }, { equals: { version: 1 } });
    await table.remove(item(3));
    await table.remove(item(4), { absent: true });
    await table.write([{ remove: item(5) }, { put: item(1000) }]);
    expect((await table.getMany([0, 1, 2, 3, 4, 5, 1000].map(item))).map(({ n }) => n).toSorted()).toEqual([
      -1, -1, 1000, 2, 4,
    ]);
    for (const n of [0, 1, 2, 3, 4, 5]) expect(await base.get(item(n))).toEqual(item(n));
    expect(await base.get(item(1000))).toBeUndefined();
  });

  it('reads the base only for what it does not hold', async () => {
    const { base, table } = await preview();
    await table.put(item(0));
    await table.get(item(0));
    await table.getMany([item(0)]);
    await table.update(item(0), { add: { version: 1 } });
    expect(base.requests.size).toBe(0);
  });

  it('keeps the order where the base has more behind what the preview hides', async () => {
    const base = new MemoryTable();
    const sorts = ['a', 'b', 'c', 'd', 'e', 'f'];
    await base.write(['a', 'b', 'd', 'f'].map((sk) => ({ put: { pk: 'P', sk } })));
    const table = new PreviewTable(base);
    await table.write([
      { remove: { pk: 'P', sk: 'a' } },
      ...['c', 'e'].map((sk) => ({ put: { pk: 'P', sk } })),
    ]);
    const page = await table.query('P', { limit: 3 });
    expect(page.items.map(({ sk }) => sk)).toEqual(['b', 'c', 'd']);
    const rest = await table.query('P', { limit: 3, after: { pk: 'P', sk: 'd' } });
    expect(rest.items.map(({ sk }) => sk)).toEqual(['e', 'f']);
    await table.remove({ pk: 'P', sk: 'b' });
    expect((await table.query('P', { limit: 2 })).items.map(({ sk }) => sk)).toEqual(['c', 'd']);
    expect((await table.query('P')).items.map(({ sk }) => sk)).toEqual(sorts.slice(2));
  });

  it('goes on in the queue behind any entry, whatever order the base has for those of one moment', async () => {
    /** As DynamoDB may: those of one moment the other way round. */
    class Backwards extends MemoryTable {
      override async due(queue: string, options: Parameters<MemoryTable['due']>[1]) {
        const { limit = 1000, after } = options;
        const { entries: all } = await super.due(queue, { until: options.until });
        const behind = (a: DueEntry, b: DueEntry) => a.dueAt - b.dueAt || Number(b.sk) - Number(a.sk);
        const rest = all.toSorted(behind).filter((entry) => !after || behind(entry, after) > 0);
        const entries = rest.slice(0, limit);
        const last = entries.at(-1);
        return { entries, ...(last && entries.length === limit ? { next: last } : {}) };
      }
    }
    const base = new Backwards();
    const queued = (n: number) => ({ pk: 'P', sk: `${n}`, queue: 'q', dueAt: n < 2 ? 1 : n < 8 ? 2 : 3 });
    await base.write([0, 1, 2, 4, 5, 7, 8, 9].map((n) => ({ put: queued(n) })));
    const table = new PreviewTable(base);
    await table.write([{ put: queued(3) }, { put: queued(6) }, { remove: queued(4) }]);
    const expected = [0, 1, 2, 3, 5, 6, 7, 8, 9].map(queued);
    expect((await table.due('q', { until: 3 })).entries).toEqual(expected);
    for (const [index, after] of expected.entries()) {
      // Out of turn, so that no page goes on from where another ended.
      const page = await table.due('q', { until: 3, limit: 3, after });
      expect(page.entries).toEqual(expected.slice(index + 1, index + 4));
    }
  });

  it('reads the queue once, also where all entries are of one moment', async () => {
    const base = new MemoryTable();
    await base.write(Array.from({ length: 500 }, (_, n) => ({ put: { ...item(n), dueAt: 7 } })));
    base.requests.clear();
    const table = new PreviewTable(base);
    const seen: DueEntry[] = [];
    let after: DueEntry | undefined;
    do {
      const page = await table.due('q', { until: 9, limit: 50, ...(after ? { after } : {}) });
      for (const entry of page.entries) await table.update(entry, { remove: ['queue', 'dueAt'] });
      seen.push(...page.entries);
      after = page.next;
    } while (after);
    expect(new Set(seen.map(({ pk }) => pk)).size).toBe(500);
    expect(base.requests.get('Query')).toBeLessThanOrEqual(12);
  });

  it('forgets what nobody will look at again, and nothing else', async () => {
    const { base } = await preview();
    const table = new PreviewTable(base, (after, before) => after['dueAt'] === 99 && before['n'] !== 2);
    for (const n of [1, 2, 3]) {
      const changed = await table.update(item(n), { set: { dueAt: n === 3 ? 98 : 99 }, add: { version: 1 } });
      expect(changed?.['version']).toBe(2);
    }
    // What it holds already is not forgotten half.
    await table.update(item(3), { set: { dueAt: 99 }, add: { version: 1 } });
    await table.put({ ...item(1000), dueAt: 99 });
    const versions = (await table.getMany([1, 2, 3, 1000].map(item))).map(({ n, version }) => [n, version]);
    expect(versions.toSorted()).toEqual([
      [1, 1],
      [1000, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('shows what is new of an item of the base that it has changed in part', async () => {
    const { base, table } = await preview();
    await table.update(item(1), { set: { colour: 'red' }, remove: ['version'] });
    await base.update(item(1), { set: { size: 7 }, add: { version: 5 } });
    expect(await table.get(item(1))).toEqual({ ...omit(item(1), 'version'), colour: 'red', size: 7 });
    expect((await table.query(item(1).pk)).items).toEqual([await table.get(item(1))]);
    await base.remove(item(1));
    expect(await table.get(item(1))).toBeUndefined();
    expect((await table.query(item(1).pk)).items).toEqual([]);
  });

  it('keeps conditional writes atomic beside each other', async () => {
    const { table } = await preview();
    const racing = Array.from({ length: 8 }, () =>
      table.update(item(0), { add: { version: 1 } }, { equals: { version: 1 } }),
    );
    expect((await Promise.all(racing)).filter(Boolean)).toHaveLength(1);
  });
});

describe('a preview of the bucket', () => {
  const writing = ['put', 'delete', 'deleteMany', 'deleteVersion', 'deleteVersions', 'abortUpload'] as const;

  it('never writes to the base', async () => {
    const base = new MemoryBucket({ versioned: true });
    for (const key of ['a', 'b', 'c', 'd', 'd']) base.seed(key, key);
    const upload = base.seedMultipart('u', new Date(0), 7);
    const bucket = new PreviewBucket(readOnly(base, writing));
    await bucket.put('a', 'new');
    await bucket.delete('b', (await bucket.head('b'))?.etag ?? '');
    await bucket.deleteMany(['c']);
    const [version] = await bucket.versions('d');
    await bucket.deleteVersion('d', version?.versionId ?? '');
    await bucket.deleteVersions((await bucket.versions('d')).slice(0, 1));
    expect(await bucket.multipartBytes(upload)).toBe(7);
    await bucket.abortUpload(upload);
    expect((await bucket.list('')).objects.map(({ key, size }) => [key, size])).toEqual([['a', 3]]);
    for await (const left of bucket.multipartUploads('')) expect.unreachable(left.key);
    expect((await base.list('')).objects.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    expect(await base.multipartBytes(upload)).toBe(7);
  });

  it('does not ask the base about what it only deletes', async () => {
    const base = new MemoryBucket({ versioned: true });
    const keys = Array.from({ length: 1500 }, (_, n) => `k${n}`);
    for (const key of keys) base.seedSized(key, 1);
    const bucket = new PreviewBucket(base);
    await bucket.deleteMany(keys);
    expect([...base.requests.keys()]).toEqual(['GetBucketVersioning']);
    expect(await bucket.list('')).toEqual({ objects: [], prefixes: [] });
  });

  it('asks the base once for each key of which it deletes versions', async () => {
    const base = new MemoryBucket({ versioned: true });
    for (let n = 0; n < 30; n++) base.seed(`k${n % 3}`, 'x');
    const bucket = new PreviewBucket(base);
    const all = async () => {
      const found: ObjectVersion[] = [];
      for await (const page of bucket.versionsUnder('k')) found.push(...page);
      return found;
    };
    const versions = await all();
    expect(versions).toHaveLength(30);
    base.requests.clear();
    await bucket.deleteVersions(versions);
    expect([...base.requests]).toEqual([['ListObjectVersions', 3]]);
    expect(await all()).toEqual([]);
  });

  it.each([undefined, '/'])('lists what both hold, in pages of 1,000 (delimiter %s)', async (delimiter) => {
    const base = new MemoryBucket();
    const name = (n: number) => `m/${String(n).padStart(5, '0')}${n % 3 ? '' : '/x'}`;
    const bucket = new PreviewBucket(base);
    const all = new MemoryBucket();
    for (let n = 0; n < 6000; n++) {
      if (n % 2) base.seedSized(name(n), 1);
      else await bucket.put(name(n), 'x');
      if (n % 5) all.seedSized(name(n), 1);
    }
    await bucket.deleteMany(Array.from({ length: 1200 }, (_, n) => name(n * 5)));
    const names = async (store: MemoryBucket | PreviewBucket) => {
      const found: string[] = [];
      let next: string | undefined;
      do {
        const page = await store.list('m/', {
          ...(delimiter ? { delimiter } : {}),
          ...(next ? { next } : {}),
        });
        expect(page.objects.length + page.prefixes.length).toBeLessThanOrEqual(1000);
        found.push(...[...page.objects.map(({ key }) => key), ...page.prefixes].sort());
        next = page.next;
      } while (next);
      return found;
    };
    expect(await names(bucket)).toEqual(await names(all));
  });

  it('says that it cannot read an older version', async () => {
    const base = new MemoryBucket({ versioned: true });
    base.seed('a', '1');
    base.seed('a', '22');
    const bucket = new PreviewBucket(base);
    const [latest] = await bucket.versions('a');
    await bucket.deleteVersion('a', latest?.versionId ?? '');
    expect((await bucket.head('a'))?.size).toBe(1);
    await expect(bucket.get('a')).rejects.toThrow('older version');
  });
});
