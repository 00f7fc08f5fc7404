import { beforeEach, describe, expect, it } from 'vitest';
import { removeOldHeartbeats, writeHeartbeat } from '../../lambdas/index/heartbeat.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { DAY, HOUR, TestClock } from '../support/clock.ts';

describe('heartbeats', () => {
  const prefix = 'beats/';
  let clock: TestClock;
  let bucket: MemoryBucket;

  beforeEach(() => {
    clock = new TestClock();
    bucket = new MemoryBucket({ now: clock.date });
  });

  const write = (id: string) => writeHeartbeat({ objects: bucket, prefix, now: clock.now(), id });
  const tidy = () => removeOldHeartbeats({ objects: bucket, prefix, now: clock.now() });
  const keys = async () => (await bucket.list('')).objects.map(({ key }) => key);

  it('are written each under a key of its own, and leave the others alone', async () => {
    await write('1');
    clock.advance(2 * DAY);
    await write('2');
    expect(await keys()).toEqual(['beats/1', 'beats/2']);
  });

  it('of more than a day go, and nothing else does', async () => {
    await bucket.put('beat', 'not one of them');
    await write('1');
    clock.advance(HOUR);
    await write('2');
    clock.advance(DAY - HOUR / 2);
    await write('3');
    await tidy();
    expect(await keys()).toEqual(['beat', 'beats/2', 'beats/3']);
    await tidy();
    expect(await keys()).toEqual(['beat', 'beats/2', 'beats/3']);
  });
});
