import { describe, expect, it } from 'vitest';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryBus } from '../../local/memory-bus.ts';
import { MemoryTable } from '../../local/memory-table.ts';

describe('the table in memory', () => {
  it('counts requests as DynamoDB needs them', async () => {
    const table = new MemoryTable();
    const items = Array.from({ length: 260 }, (_, n) => ({ pk: 'P', sk: `${n}` }));
    await table.write(items.map((put) => ({ put })));
    await table.getMany([...items, ...items]);
    await table.query('P');
    await table.due('q', { until: 1 });
    await table.put({ pk: 'P', sk: 'x' }, { exists: true });
    await table.update({ pk: 'P', sk: '1' }, { add: { version: 1 } });
    await table.remove({ pk: 'P', sk: '1' });
    await table.scan({ segment: 0, segments: 1 });
    await table.get({ pk: 'P', sk: '1' });
    expect(Object.fromEntries(table.requests)).toEqual({
      BatchWriteItem: 11,
      BatchGetItem: 3,
      Query: 2,
      PutItem: 1,
      UpdateItem: 1,
      DeleteItem: 1,
      Scan: 1,
      GetItem: 1,
    });
  });

  it('counts units by size, refused writes and changes of the index too', async () => {
    const table = new MemoryTable();
    await table.put({ pk: 'P', sk: 'S', text: 'x'.repeat(1500), queue: 'q', dueAt: 1 });
    expect(table.units.write).toBe(3);
    await table.update({ pk: 'P', sk: 'S' }, { set: { dueAt: 2 } });
    expect(table.units.write).toBe(7);
    await table.update({ pk: 'P', sk: 'S' }, { set: { dueAt: 3 } }, { absent: true });
    expect(table.units.write).toBe(9);
    await table.get({ pk: 'P', sk: 'S' });
    await table.due('q', { until: 9 });
    expect(table.units.read).toBe(1.5);
  });

  it('is quick with 20,000 manifests of 10 edges in one partition', async () => {
    const table = new MemoryTable();
    for (let n = 0; n < 20_000; n++) {
      const name = (n * 7919) % 20_011;
      await table.put({ pk: 'REPO#a', sk: `MANIFEST#${name}`, version: 1, queue: 'manifest#0', dueAt: name });
      await table.write(
        Array.from({ length: 10 }, (_, edge) => ({
          put: { pk: `BLOB#${(n + edge) % 50}`, sk: `MANIFEST#a@${name}` },
        })),
      );
    }
    const begun = performance.now();
    for (let n = 0; n < 1000; n++) {
      const { entries } = await table.due('manifest#0', { until: 1e9, limit: 1 });
      const [first] = entries;
      if (!first) throw new Error('the queue is empty');
      expect((await table.query(`BLOB#${n % 50}`, { prefix: 'MANIFEST#', limit: 1 })).items).toHaveLength(1);
      await table.update(first, { remove: ['queue', 'dueAt'] });
    }
    // A walk over everything in each step would take minutes.
    expect(performance.now() - begun).toBeLessThan(5000);
  }, 30_000);
});

describe('the bucket in memory', () => {
  it('counts requests as S3 bills them', async () => {
    const bucket = new MemoryBucket();
    const keys = Array.from({ length: 2500 }, (_, n) => `k${n}`);
    for (const key of keys) bucket.seedSized(key, 1);
    let next: string | undefined;
    do next = (await bucket.list('', next ? { next } : {})).next;
    while (next);
    await bucket.deleteMany(keys);
    expect(Object.fromEntries(bucket.requests)).toEqual({ ListObjectsV2: 3, DeleteObjects: 3 });
  });

  it('keeps the times it is given, and sizes without bytes', async () => {
    const bucket = new MemoryBucket({ now: () => new Date(5) });
    bucket.seed('a', 'x', new Date(1));
    bucket.seedSized('b', 1e12, new Date(2));
    await bucket.put('c', 'x');
    const { objects } = await bucket.list('');
    expect(objects.map(({ size, lastModified }) => [size, lastModified.getTime()])).toEqual([
      [1, 1],
      [1e12, 2],
      [1, 5],
    ]);
    await expect(bucket.get('b', 100)).rejects.toMatchObject({ name: 'ObjectTooLargeError' });
    await expect(bucket.get('b')).rejects.toThrow('without its bytes');
  });

  it('refuses the deletions it is told to', async () => {
    const bucket = new MemoryBucket();
    for (const key of ['a', 'b']) bucket.seed(key, key);
    bucket.refusedDeletes.set('a', 'InternalError');
    const { deleted, failed } = await bucket.deleteMany(['a', 'b']);
    expect(deleted).toEqual([{ key: 'b' }]);
    expect(failed).toMatchObject([{ key: 'a', code: 'InternalError' }]);
    expect(await bucket.head('a')).toBeDefined();
  });

  it('has multipart uploads until they are aborted', async () => {
    const bucket = new MemoryBucket();
    const first = bucket.seedMultipart('a/1', new Date(1), 10);
    const second = bucket.seedMultipart('a/2', new Date(2), 20);
    bucket.seedMultipart('b', new Date(3));
    await bucket.abortUpload(first);
    const found = [];
    for await (const upload of bucket.multipartUploads('a/')) found.push(upload);
    expect(found).toEqual([second]);
    expect(await bucket.multipartBytes(second)).toBe(20);
    expect(await bucket.multipartBytes(first)).toBe(0);
  });
});

it('the bus in memory keeps what could have been sent', async () => {
  const bus = new MemoryBus();
  const detail = { a: 1, at: new Date(0), gone: undefined };
  await bus.publish({ source: 's', detailType: 'd', detail, time: new Date(0) });
  detail.a = 2;
  expect(bus.events[0]?.detail).toEqual({ a: 1, at: '1970-01-01T00:00:00.000Z' });
});
