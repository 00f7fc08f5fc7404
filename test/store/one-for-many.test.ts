import { describe, expect, it } from 'vitest';
import { OneForMany } from '../../lambdas/store/one-for-many.ts';

/** Work that ends when it is told to. */
function pieces() {
  const begun: { readonly name: string; readonly end: () => void; readonly fail: (error: Error) => void }[] =
    [];
  const work = (name: string) => () =>
    new Promise<void>((end, fail) => {
      begun.push({ name, end, fail });
    });
  return { begun, work };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('one for many', () => {
  it('begins at once, and once more for all who asked meanwhile', async () => {
    const { begun, work } = pieces();
    const shared = new OneForMany();
    const calls = ['first', 'second', 'third', 'fourth'].map((name) => shared.do('layer', work(name)));
    expect(begun.map(({ name }) => name)).toEqual(['first']);
    begun[0]?.end();
    await calls[0];
    await turn();
    expect(begun.map(({ name }) => name)).toEqual(['first', 'second']);
    begun[1]?.end();
    await Promise.all(calls);
    expect(begun).toHaveLength(2);
  });

  it('never serves who asks after it has begun', async () => {
    const { begun, work } = pieces();
    const shared = new OneForMany();
    const first = shared.do('layer', work('first'));
    const second = shared.do('layer', work('second'));
    begun[0]?.end();
    await first;
    await turn();
    const third = shared.do('layer', work('third'));
    expect(begun).toHaveLength(2);
    begun[1]?.end();
    await second;
    await turn();
    expect(begun.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
    begun[2]?.end();
    await third;
  });

  it('does different things side by side', async () => {
    const { begun, work } = pieces();
    const shared = new OneForMany();
    const calls = [shared.do('a', work('a')), shared.do('b', work('b'))];
    expect(begun).toHaveLength(2);
    for (const { end } of begun) end();
    await Promise.all(calls);
  });

  it('fails those it was done for, and goes on for the next', async () => {
    const { begun, work } = pieces();
    const shared = new OneForMany();
    const outcomes = Promise.allSettled(['1', '2', '3'].map((name) => shared.do('layer', work(name))));
    begun[0]?.fail(new Error('throttled'));
    await turn();
    begun[1]?.end();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    const later = shared.do('layer', work('later'));
    begun[2]?.end();
    await later;
  });
});
