import { expect, it } from 'vitest';
import { pacedObjects } from '../../lambdas/store/paced-objects.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { TestClock } from '../support/clock.ts';

function setUp(perSecond: number) {
  const clock = new TestClock();
  const bucket = new MemoryBucket({ versioned: true, now: clock.date });
  const waits: number[] = [];
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds);
    clock.advance(milliseconds);
  };
  return { clock, bucket, waits, objects: pacedObjects(bucket, { perSecond, now: clock.now, sleep }) };
}

it('waits between deletions for as long as those before take at the pace', async () => {
  const { bucket, waits, objects, clock } = setUp(10);
  for (const key of ['a', 'b', 'c']) bucket.seed(key, 'x');
  const { versionId = '', etag } = (await objects.head('c')) ?? { etag: '' };
  await objects.deleteMany(['a', 'b']);
  expect(waits).toEqual([]);
  await objects.delete('c', etag);
  await objects.deleteVersion('c', versionId);
  await objects.deleteVersions([{ key: 'a', versionId: 'none' }]);
  expect(waits).toEqual([200, 100, 100]);
  clock.advance(1000);
  await objects.deleteMany(['b']);
  expect(waits).toHaveLength(3);
  expect((await bucket.list('')).objects).toEqual([]);
});

it('has what only reads or writes not wait', async () => {
  const { waits, objects } = setUp(1);
  await objects.deleteMany(['a']);
  await objects.put('b', 'x');
  expect((await objects.list('')).objects.map(({ key }) => key)).toEqual(['b']);
  expect(waits).toEqual([]);
});
