import { describe, expect, it } from 'vitest';
import { BucketJournal, noJournal } from '../../lambdas/store/journal.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { TestClock } from '../support/clock.ts';
import { neverPushed } from '../support/images.ts';
import { intercept, once } from '../support/intercept.ts';

const unlink = (seed: string) =>
  ({
    action: 'unlink',
    reason: 'stale',
    repository: 'app',
    digest: neverPushed(seed),
    size: 1,
    gains: 0,
  }) as const;

function setUp() {
  const bucket = new MemoryBucket();
  const journal = (objects = bucket, writer = 'w1') =>
    new BucketJournal({
      objects,
      bucket: 'registry',
      prefix: 'journal',
      runId: 'run',
      writer,
      now: new TestClock().date,
    });
  const objects = async () => {
    const stored = new Map<string, unknown[]>();
    for (const { key } of (await bucket.list('')).objects) {
      const text = new TextDecoder().decode((await bucket.get(key))?.body);
      expect(text.endsWith('\n')).toBe(true);
      stored.set(
        key,
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
    }
    return stored;
  };
  return { bucket, journal, objects };
}

describe('the journal', () => {
  it('never writes over what is there', async () => {
    const { bucket, journal } = setUp();
    await bucket.put('journal/run/w1-000001.ndjson', 'of a run before');
    // The same writer again is its own attempt whose answer was lost, so that the write counts as done.
    await journal().write([unlink('a')]);
    const stored = await bucket.get('journal/run/w1-000001.ndjson');
    expect(new TextDecoder().decode(stored?.body)).toBe('of a run before');
  });

  it('stores lines under the prefix of its run, with run and time', async () => {
    const { journal, objects } = setUp();
    const one = journal();
    expect(one.location).toBeUndefined();
    await one.write([unlink('a'), unlink('b')]);
    expect(one.location).toBe('s3://registry/journal/run/');
    const line = { time: '2026-03-01T00:00:00.000Z', run: 'run' };
    expect([...(await objects())]).toEqual([
      [
        'journal/run/w1-000001.ndjson',
        [
          { ...line, ...unlink('a') },
          { ...line, ...unlink('b') },
        ],
      ],
    ]);
  });

  it('returns when the lines are stored, not before', async () => {
    const { bucket, journal, objects } = setUp();
    let stored = false;
    const slow = intercept(bucket, {
      after: async () => {
        await Promise.resolve();
        stored = true;
      },
    });
    await journal(slow).write([unlink('a')]);
    expect(stored).toBe(true);
    expect((await objects()).size).toBe(1);
  });

  it('stores together what waited for the object before, never over another', async () => {
    const { journal, objects } = setUp();
    const one = journal();
    const seeds = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(seeds.map((seed) => one.write([unlink(seed)])));
    await journal(undefined, 'w2').write([unlink('f')]);
    const stored = await objects();
    expect([...stored.keys()]).toEqual([
      'journal/run/w1-000001.ndjson',
      'journal/run/w1-000002.ndjson',
      'journal/run/w2-000001.ndjson',
    ]);
    const digests = [...stored.values()].flat().map((line) => Reflect.get(Object(line), 'digest'));
    expect(digests).toEqual([...seeds, 'f'].map((seed) => neverPushed(seed)));
  });

  it('throws when the lines could not be stored, so that nothing is deleted unannounced', async () => {
    const { bucket, journal, objects } = setUp();
    const broken = intercept(bucket, {
      before: once(
        ({ operation }) => operation === 'put',
        () => {
          throw new Error('503');
        },
      ),
    });
    const one = journal(broken);
    await expect(one.write([unlink('a')])).rejects.toThrow('503');
    await one.write([unlink('b')]);
    expect([...(await objects()).values()].flat()).toEqual([expect.objectContaining(unlink('b'))]);
  });

  it('stores nothing for no lines', async () => {
    const { bucket, journal } = setUp();
    await journal().write([]);
    expect(bucket.requests.size).toBe(0);
  });

  it('of a dry run keeps nothing and is nowhere', async () => {
    await noJournal.write([unlink('a')]);
    expect(noJournal.location).toBeUndefined();
  });
});
