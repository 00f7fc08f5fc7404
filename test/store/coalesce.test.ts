import { describe, expect, it } from 'vitest';
import { coalesce } from '../../lambdas/store/coalesce.ts';

/** A service that answers when it is told to. */
function service(limit: number) {
  const requests: { entries: readonly string[]; done: () => void; failed: (error: Error) => void }[] = [];
  const send = (entries: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      requests.push({ entries, done: () => resolve(entries.join('')), failed: reject });
    });
  return { requests, add: coalesce({ limit, send }) };
}

const tick = () => Promise.resolve();

describe('group commit', () => {
  it('sends the first call at once, and what waited meanwhile together', async () => {
    const { requests, add } = service(10);
    const calls = [add(['a']), add(['b', 'c']), add(['d'])];
    expect(requests.map(({ entries }) => entries)).toEqual([['a']]);
    requests[0]?.done();
    await calls[0];
    await tick();
    expect(requests.map(({ entries }) => entries)).toEqual([['a'], ['b', 'c', 'd']]);
    requests[1]?.done();
    expect(await Promise.all(calls)).toEqual(['a', 'bcd', 'bcd']);
  });

  it('settles no call before the request with its entries', async () => {
    const { requests, add } = service(10);
    let settled = false;
    void add(['a']);
    const second = add(['b']).then(() => {
      settled = true;
    });
    requests[0]?.done();
    await tick();
    await tick();
    expect(settled).toBe(false);
    requests[1]?.done();
    await second;
    expect(settled).toBe(true);
  });

  it('cuts at the limit, never within a call', async () => {
    const { requests, add } = service(3);
    const calls = [add(['a']), add(['b', 'c']), add(['d', 'e']), add(['f']), add(['1', '2', '3', '4', '5'])];
    for (let at = 0; at < 4; at++) {
      requests[at]?.done();
      await tick();
      await tick();
    }
    await Promise.all(calls);
    expect(requests.map(({ entries }) => entries.join(''))).toEqual(['a', 'bc', 'def', '12345']);
  });

  it('fails the calls of a failed request, and no others', async () => {
    const { requests, add } = service(2);
    const calls = [add(['a']), add(['b', 'c']), add(['d'])];
    const outcomes = Promise.allSettled(calls);
    requests[0]?.done();
    await calls[0];
    await tick();
    requests[1]?.failed(new Error('throttled'));
    await calls[1]?.catch(() => {});
    await tick();
    requests[2]?.done();
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const later = add(['e']);
    requests[3]?.done();
    expect(await later).toBe('e');
  });

  it('waits for others only after a request that tells that many are at work', async () => {
    const sizes: number[] = [];
    const waits: (() => void)[] = [];
    const add = coalesce<number, void>({
      limit: 100,
      gather: () => new Promise((resolve) => waits.push(resolve)),
      send: async (entries) => {
        sizes.push(entries.length);
      },
    });
    await add([1]);
    await add(Array.from({ length: 17 }, (_, at) => at));
    expect([sizes, waits.length]).toEqual([[1, 17], 0]);
    const calls = [add([1]), add([2]), add([3])];
    await tick();
    expect([sizes, waits.length]).toEqual([[1, 17], 1]);
    waits[0]?.();
    await Promise.all(calls);
    await add([4]);
    expect([sizes, waits.length]).toEqual([[1, 17, 3, 1], 1]);
  });
});
