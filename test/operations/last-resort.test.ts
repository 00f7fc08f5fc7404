import { setTimeout } from 'node:timers/promises';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lastResort } from '../../lambdas/last-resort.ts';

describe('a function whose time is nearly over', () => {
  beforeEach(() => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Its time is as good as over when it begins. */
  function called(run: (signal: AbortSignal) => Promise<string>) {
    const exit = vi.fn<() => void>();
    const { options, heeding } = lastResort(exit, 50);
    const handler = middy<unknown, string>(options).handler(
      heeding((_: unknown, __: Context, { signal }: { signal: AbortSignal }) => run(signal)),
    );
    const context = { getRemainingTimeInMillis: () => 5_001 } as Context;
    return {
      exit,
      answer: handler({}, context, { signal: new AbortController().signal }) as Promise<string>,
    };
  }

  it('ends with its process when its work does not heed the signal, and answers nothing', async () => {
    const { exit, answer } = called(() => new Promise(() => {}));
    const settled = vi.fn<() => void>();
    void answer.then(settled, settled);
    await vi.waitFor(() => expect(exit).toHaveBeenCalledOnce());
    expect(settled).not.toHaveBeenCalled();
  });

  it('answers what the work comes to that heeds the signal, and lives on', async () => {
    const { exit, answer } = called(
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('partial'))),
    );
    await expect(answer).resolves.toBe('partial');
    await setTimeout(150);
    expect(exit).not.toHaveBeenCalled();
  });

  it('fails by what the work throws, and lives on', async () => {
    const { exit, answer } = called(
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('over')))),
    );
    await expect(answer).rejects.toThrow('over');
    await setTimeout(150);
    expect(exit).not.toHaveBeenCalled();
  });
});
