import { describe, expect, it } from 'vitest';
import { settled, sideBySide } from '../../lambdas/store/side-by-side.ts';

/** Work that is done when it is told to. */
function work() {
  const done: (() => void)[] = [];
  const failed: ((error: Error) => void)[] = [];
  const start = (value: string) =>
    new Promise<string>((resolve, reject) => {
      done.push(() => resolve(value));
      failed.push(reject);
    });
  return { done, failed, start };
}

/** Everything that can go on goes on. */
async function idle(): Promise<void> {
  for (let tick = 0; tick < 50; tick++) await Promise.resolve();
}

/** Whether a promise is settled after everything that can go on has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settledNow = false;
  promise.then(
    () => {
      settledNow = true;
    },
    () => {
      settledNow = true;
    },
  );
  await idle();
  return settledNow;
}

describe('work side by side', () => {
  it('comes back in the order of the items', async () => {
    const { done, start } = work();
    const all = sideBySide(['a', 'b'], start, 2);
    await idle();
    done[1]?.();
    done[0]?.();
    expect(await all).toEqual(['a', 'b']);
  });

  it('fails only when nothing is under way any more, and begins nothing new', async () => {
    const { done, failed, start } = work();
    const all = sideBySide(['a', 'b', 'c'], start, 2);
    await idle();
    failed[0]?.(new Error('first'));
    expect(await isSettled(all)).toBe(false);
    expect(done).toHaveLength(2);
    failed[1]?.(new Error('second'));
    await expect(all).rejects.toThrow('first');
    expect(done).toHaveLength(2);
  });
});

describe('work that is under way', () => {
  it('comes back in order', async () => {
    expect(await settled([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
    expect(await settled([])).toEqual([]);
  });

  it('fails only when all of it has ended, whoever fails beside', async () => {
    const { done, failed, start } = work();
    const all = settled([start('a'), start('b'), start('c')]);
    failed[1]?.(new Error('first'));
    expect(await isSettled(all)).toBe(false);
    failed[2]?.(new Error('second'));
    expect(await isSettled(all)).toBe(false);
    done[0]?.();
    await expect(all).rejects.toThrow('first');
  });
});
