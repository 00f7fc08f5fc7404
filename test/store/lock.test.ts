import { describe, expect, it } from 'vitest';
import { lockKey } from '../../lambdas/store/items.ts';
import {
  forceUnlock,
  LOOK_EVERY,
  LOOK_LASTS,
  PruneAlreadyRunningError,
  PruneLock,
  SKEW,
  UNLOCK_REST,
} from '../../lambdas/store/lock.ts';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { MINUTE, TestClock } from '../support/clock.ts';
import { intercept, once } from '../support/intercept.ts';

function setUp() {
  const clock = new TestClock();
  const table = new MemoryTable();
  const take = (runId: string, { minutes = 15, owner = `owner of ${runId}`, over = table } = {}) =>
    PruneLock.take(over, clock.now, { owner, runId, deadline: clock.now() + minutes * MINUTE });
  return { clock, table, take };
}

describe('the prune lock', () => {
  it('is taken for the whole lifetime of the process and the skew after it', async () => {
    const { clock, table, take } = setUp();
    const lock = await take('one');
    expect(lock.fence).toBe(1);
    expect(lock.deadline).toBe(clock.now() + 15 * MINUTE);
    expect(await table.get(lockKey)).toMatchObject({
      owner: 'owner of one',
      runId: 'one',
      fence: 1,
      acquiredAt: clock.now(),
      expiresAt: clock.now() + 15 * MINUTE + SKEW,
    });
  });

  it('tells a second run who holds it and until when', async () => {
    const { clock, take } = setUp();
    await take('one');
    const refused = await take('two').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PruneAlreadyRunningError);
    expect(refused).toMatchObject({
      name: 'PruneAlreadyRunningError',
      holder: {
        owner: 'owner of one',
        runId: 'one',
        expiresAt: new Date(clock.now() + 15 * MINUTE + SKEW),
      },
    });
    expect(String(refused)).toMatch(
      /a prune operation is already running: run one by owner of one, .*00:30:00/,
    );
  });

  it('is nobody elses before the lease is over, to the millisecond', async () => {
    const { clock, take } = setUp();
    await take('one');
    clock.advance(15 * MINUTE + SKEW);
    await expect(take('two')).rejects.toThrow(PruneAlreadyRunningError);
    clock.advance(1);
    expect((await take('two')).fence).toBe(2);
  });

  it('is given back at once at a clean end, and its fence goes on', async () => {
    const { table, take } = setUp();
    const one = await take('one');
    await one.release();
    const two = await take('two');
    expect(two.fence).toBe(2);
    // A second release, or one by somebody who has lost it, ends nothing.
    await one.release();
    expect(await table.get(lockKey)).toMatchObject({ runId: 'two', fence: 2 });
    await expect(take('three')).rejects.toThrow(PruneAlreadyRunningError);
  });

  it('of a run that was overtaken cannot be released under its successor', async () => {
    const { clock, take } = setUp();
    const one = await take('one');
    clock.advance(15 * MINUTE + SKEW + 1);
    await take('two');
    await one.release();
    await expect(take('three')).rejects.toThrow(PruneAlreadyRunningError);
  });

  it('goes to exactly one of many that ask at once', async () => {
    const { take } = setUp();
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((runId) => take(runId)));
    const taken = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(taken).toHaveLength(1);
  });

  it('guards until the deadline, and not at it', async () => {
    const { clock, take } = setUp();
    const lock = await take('one');
    clock.advance(15 * MINUTE - 1);
    await lock.confirm();
    expect(lock.guard).not.toThrow();
    clock.advance(1);
    expect(lock.guard).toThrow(DeadlineError);
    expect(lock.guard).toThrow(/2026-03-01T00:15:00.000Z has passed/);
  });

  it('guards for half a minute after it was seen to be held, and looks before what comes then', async () => {
    const { clock, table, take } = setUp();
    let looks = 0;
    const counted = intercept(table, {
      before: ({ operation }) => {
        if (operation === 'get') looks++;
      },
    });
    const lock = await take('one', { over: counted });
    clock.advance(LOOK_EVERY);
    await lock.confirm();
    expect(looks).toBe(0);
    clock.advance(1);
    await lock.confirm();
    expect(looks).toBe(1);
    clock.advance(LOOK_LASTS);
    expect(lock.guard).not.toThrow();
    clock.advance(1);
    expect(lock.guard).toThrow(/was not looked at for too long/);
    await lock.confirm();
    expect(lock.guard).not.toThrow();
  });

  it('guards nothing after its release', async () => {
    const { take } = setUp();
    const lock = await take('one');
    await lock.release();
    expect(lock.guard).toThrow(/has been released/);
  });

  it('is extended by another lifetime', async () => {
    const { clock, take } = setUp();
    const lock = await take('one');
    clock.advance(14 * MINUTE);
    await lock.extend(clock.now() + 15 * MINUTE);
    clock.advance(2 * MINUTE);
    await lock.confirm();
    expect(lock.guard).not.toThrow();
    clock.advance(13 * MINUTE + SKEW);
    await expect(take('two')).rejects.toThrow(PruneAlreadyRunningError);
    clock.advance(1);
    expect((await take('two')).fence).toBe(2);
  });

  it('is not extended once its deadline has passed', async () => {
    const { clock, take } = setUp();
    const lock = await take('one');
    clock.advance(15 * MINUTE);
    await expect(lock.extend(clock.now() + MINUTE)).rejects.toThrow(DeadlineError);
  });

  it('is not extended when somebody else has it: nothing is guarded any more', async () => {
    const { clock, table, take } = setUp();
    const lock = await take('one');
    await table.update(lockKey, {
      set: { runId: 'thief', expiresAt: clock.now() + MINUTE },
      add: { fence: 1 },
    });
    await expect(lock.extend(clock.now() + 20 * MINUTE)).rejects.toThrow(/no longer held/);
    expect(lock.guard).toThrow(DeadlineError);
  });

  it('is recognised when the answer to taking it was lost and the write sent again', async () => {
    const { table, take } = setUp();
    // The SDK sends a request again whose answer was lost; the second finds the first one's lock.
    const over = intercept(table, {
      before: once(
        ({ operation }) => operation === 'update',
        async ({ arguments: [key, change, condition] }) => {
          await table.update(...([key, change, condition] as Parameters<typeof table.update>));
        },
      ),
    });
    const lock = await take('one', { over });
    expect(lock.fence).toBe(1);
    expect(lock.guard).not.toThrow();
  });
});

describe('a lock that is taken away', () => {
  it('is free a minute later, with a fence of its own', async () => {
    const { clock, table, take } = setUp();
    const lost = await take('one');
    expect(await forceUnlock(table, { runId: 'one', fence: 1 }, clock.now() + UNLOCK_REST)).toBe(true);
    await expect(take('two')).rejects.toBeInstanceOf(PruneAlreadyRunningError);
    clock.advance(UNLOCK_REST + 1);
    expect((await take('two')).fence).toBe(3);
    expect(await lost.isStillHeld()).toBe(false);
  });

  it('stops its holder as soon as that looks', async () => {
    const { clock, table, take } = setUp();
    const lost = await take('one');
    expect(await lost.isStillHeld()).toBe(true);
    await forceUnlock(table, { runId: 'one', fence: 1 }, clock.now() + UNLOCK_REST);
    expect(() => lost.guard()).not.toThrow();
    expect(await lost.isStillHeld()).toBe(false);
    expect(() => lost.guard()).toThrow(DeadlineError);
    await lost.release();
    expect(await table.get(lockKey)).toMatchObject({ fence: 2, expiresAt: clock.now() + UNLOCK_REST });
  });

  it.each([
    { runId: 'one', fence: 2 },
    { runId: 'two', fence: 1 },
  ])('is only that of the run that was meant: %j', async (meant) => {
    const { clock, table, take } = setUp();
    const lock = await take('one');
    expect(await forceUnlock(table, meant, clock.now())).toBe(false);
    expect(await lock.isStillHeld()).toBe(true);
  });
});

describe('a lock that several processes share', () => {
  const share = (clock: TestClock, { fence = 1, minutes = 15, runId = 'one' } = {}) => ({
    ...{ runId, fence },
    deadline: clock.now() + minutes * MINUTE,
  });
  const leaseOf = async (table: MemoryTable) => (await table.get(lockKey))?.['expiresAt'];

  it('is held until the last of them is over, and never for less long than before', async () => {
    const { clock, table, take } = setUp();
    await take('one');
    clock.advance(10 * MINUTE);
    await PruneLock.join(table, clock.now, share(clock));
    expect(await leaseOf(table)).toBe(clock.now() + 15 * MINUTE + SKEW);
    const before = await leaseOf(table);
    const short = await PruneLock.join(table, clock.now, share(clock, { minutes: 1 }));
    expect(await leaseOf(table)).toBe(before);
    clock.advance(30_000);
    expect(await short.isStillHeld()).toBe(true);
    expect(short.guard).not.toThrow();
    clock.advance(30_000);
    expect(short.guard).toThrow(/deadline/);
  });

  it.each([
    ['another fence', { fence: 2 }],
    ['another run', { runId: 'two' }],
  ])('is not joined with %s', async (_, other) => {
    const { clock, table, take } = setUp();
    await take('one');
    const before = await table.get(lockKey);
    await expect(PruneLock.join(table, clock.now, share(clock, other))).rejects.toBeInstanceOf(DeadlineError);
    expect(await table.get(lockKey)).toEqual(before);
  });

  it('is not joined once it was given back, nor when its lease is over', async () => {
    const { clock, table, take } = setUp();
    const lock = await take('one');
    await lock.release();
    await expect(PruneLock.join(table, clock.now, share(clock))).rejects.toBeInstanceOf(DeadlineError);
    await take('two');
    clock.advance(15 * MINUTE + SKEW);
    const late = PruneLock.join(table, clock.now, share(clock, { runId: 'two', fence: 2 }));
    await expect(late).rejects.toBeInstanceOf(DeadlineError);
  });

  it('is joined though the answer was lost', async () => {
    const { clock, table, take } = setUp();
    await take('one');
    const over = intercept(table, {
      before: once(
        ({ operation }) => operation === 'update',
        async ({ arguments: args }) => {
          await table.update(...(args as Parameters<typeof table.update>));
        },
      ),
    });
    const lock = await PruneLock.join(over, clock.now, share(clock, { minutes: 20 }));
    expect(lock.guard).not.toThrow();
  });

  it('guards nothing before it was looked at', async () => {
    const { clock, table, take } = setUp();
    await take('one');
    const lock = PruneLock.of(table, clock.now, share(clock));
    expect(lock.guard).toThrow(/not looked at/);
    await lock.confirm();
    expect(lock.guard).not.toThrow();
  });

  it('is taken over for the same run, and stops those of the old fence', async () => {
    const { clock, table, take } = setUp();
    await take('one');
    const old = await PruneLock.join(table, clock.now, share(clock));
    const taken = await PruneLock.takeOver(table, clock.now, share(clock, { minutes: 60 }));
    expect(taken.fence).toBe(2);
    expect(await leaseOf(table)).toBe(clock.now() + 60 * MINUTE + SKEW);
    expect(await old.isStillHeld()).toBe(false);
    expect(old.guard).toThrow(DeadlineError);
    await expect(PruneLock.join(table, clock.now, share(clock))).rejects.toBeInstanceOf(DeadlineError);
    // Asked again, as after an answer that was lost.
    expect((await PruneLock.takeOver(table, clock.now, share(clock, { minutes: 70 }))).fence).toBe(2);
    expect(await leaseOf(table)).toBe(clock.now() + 70 * MINUTE + SKEW);
    const next = await PruneLock.join(table, clock.now, share(clock, { fence: 2 }));
    expect(await next.isStillHeld()).toBe(true);
    await next.release(clock.now() + MINUTE);
    await expect(PruneLock.takeOver(table, clock.now, share(clock))).rejects.toBeInstanceOf(DeadlineError);
  });

  it('is given back for when a worker that may live is certainly over', async () => {
    const { clock, table, take } = setUp();
    const lock = await take('one');
    const worker = await PruneLock.join(table, clock.now, share(clock));
    await lock.release(clock.now() + UNLOCK_REST + SKEW);
    expect(await worker.isStillHeld()).toBe(false);
    await expect(take('two')).rejects.toBeInstanceOf(PruneAlreadyRunningError);
    clock.advance(UNLOCK_REST + SKEW + 1);
    expect((await take('two')).runId).toBe('two');
  });
});
