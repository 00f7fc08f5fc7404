import { expect, it } from 'vitest';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { pacedObjects } from '../../lambdas/store/paced-objects.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { TestClock } from '../support/clock.ts';

function setUp(perSecond: number, until = Number.POSITIVE_INFINITY) {
  const clock = new TestClock();
  const bucket = new MemoryBucket({ versioned: true, now: clock.date });
  const waits: number[] = [];
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds);
    clock.advance(milliseconds);
  };
  return {
    clock,
    bucket,
    waits,
    objects: pacedObjects(bucket, { perSecond, now: clock.now, sleep, until: () => until }),
  };
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

it('refuses a turn for which there would be no time, without taking it', async () => {
  const { bucket, waits, objects, clock } = setUp(1, new TestClock().now() + 5_000);
  await objects.deleteMany(['a', 'b', 'c', 'd', 'e', 'f']);
  await expect(objects.deleteMany(['g'])).rejects.toThrow('at 1 deletions a second there is no time left');
  expect(waits).toEqual([]);
  expect(bucket.requests.get('DeleteObjects')).toBe(1);
  clock.advance(1_000);
  await expect(objects.deleteMany(['g'])).rejects.toThrow(DeadlineError);
});

it('has what only reads or writes not wait', async () => {
  const { waits, objects } = setUp(1);
  await objects.deleteMany(['a']);
  await objects.put('b', 'x');
  expect((await objects.list('')).objects.map(({ key }) => key)).toEqual(['b']);
  expect(waits).toEqual([]);
});
