import { describe, expect, it } from 'vitest';
import { freeAt, unlock, type Viewpoint } from '../../lambdas/operations/unlock.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import type { LockItem } from '../../lambdas/store/items.ts';
import {
  heldLock,
  LOOK_LASTS,
  PruneAlreadyRunningError,
  SKEW,
  UNLOCK_REST,
} from '../../lambdas/store/lock.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { image, layer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { World } from '../support/world.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const ELSEWHERE: Viewpoint = { now: () => NOW, hostname: 'elsewhere', isAlive: () => true };
const here = (isAlive: boolean): Viewpoint => ({ ...ELSEWHERE, hostname: 'here', isAlive: () => isAlive });

/** @param ago milliseconds since it was taken, for a process that lives for 15 minutes. */
const lockOf = (ago: number): LockItem => ({
  ...{ version: 1, owner: 'somebody@here pid 7', runId: 'one', fence: 1 },
  ...{ acquiredAt: NOW - ago, expiresAt: NOW - ago + 15 * MINUTE + SKEW },
});

const runOf = (ago: number) => ({
  ...{ version: 1, runId: 'one', status: 'running', progressAt: new Date(NOW - ago).toISOString() },
});

describe('when a lock that is taken away is free', () => {
  it('is a minute later where its process is gone from this machine', () => {
    expect(freeAt(lockOf(5 * SECOND), undefined, here(false))).toBe(NOW + UNLOCK_REST);
  });

  it('is after the skew where that cannot be seen', () => {
    expect(freeAt(lockOf(3 * MINUTE), undefined, ELSEWHERE)).toBe(NOW + UNLOCK_REST + SKEW);
  });

  it('is never later than without it', () => {
    expect(freeAt(lockOf(14 * MINUTE), undefined, ELSEWHERE)).toBe(lockOf(14 * MINUTE).expiresAt);
    expect(freeAt(lockOf(20 * MINUTE), undefined, here(true))).toBe(lockOf(20 * MINUTE).expiresAt);
  });

  it('is later than anything that a living holder could still sign', () => {
    expect(UNLOCK_REST).toBeGreaterThan(LOOK_LASTS);
  });

  it.each([
    ['its process lives', lockOf(10 * MINUTE), undefined, here(true), /process 7 is alive on this machine/],
    ['it was taken a moment ago', lockOf(5 * SECOND), undefined, ELSEWHERE, /it was at work 5 s ago/],
    ['its run has just told', lockOf(10 * MINUTE), runOf(9 * SECOND), ELSEWHERE, /it was at work 9 s ago/],
  ])('is refused when %s', (_, lock, run, viewpoint, message) => {
    expect(() => freeAt(lock, run, viewpoint)).toThrow(
      expect.objectContaining({ name: 'UnlockRefusedError', message: expect.stringMatching(message) }),
    );
  });
});

const IMAGES = 40;

/** A registry whose every manifest is garbage. */
async function garbage(): Promise<World> {
  const world = new World({ settings: { grace: DAY } });
  for (let at = 0; at < IMAGES; at++)
    await world.registry.push('app', image(`loose ${at}`, { layers: [layer(`layer ${at}`)] }));
  await world.reindex();
  await world.later(DAY + HOUR);
  return world;
}

describe('a holder that lives after all', () => {
  /** The n-th deletion is where it stands still, and where the lock is taken from it. */
  async function overtaken(world: World, at: number, pause: number) {
    const from = (): Viewpoint => ({ now: world.clock.now, hostname: 'x', isAlive: () => false });
    let deletions = 0;
    let afterwards = 0;
    let successor: unknown;
    let isTaken = false;
    const objects: PruneDependencies['objects'] = (guard) =>
      intercept(world.dependencies.objects(guard), {
        before: async ({ operation }) => {
          if (operation !== 'deleteMany') return;
          if (++deletions !== at) return;
          world.clock.advance(3 * MINUTE);
          const lock = await heldLock(world.table, world.clock.now());
          if (lock === undefined) throw new Error('no lock');
          const free = await unlock(world.table, lock, from());
          isTaken = true;
          world.clock.advance(pause);
          if (world.clock.now() <= free) return;
          successor = await world.prune({ dryRun: false, confirm: 100 }).catch((error: unknown) => error);
        },
        after: ({ operation }) => {
          if (operation === 'deleteMany' && isTaken) afterwards++;
        },
      });
    const before = (await world.keys()).size;
    const report = await world.prune({ confirm: 100 }, { objects, concurrency: 1 });
    return { report, afterwards, successor, before };
  }

  it.each([1, 2, 5])('deletes nothing more, at its deletion %i', async (at) => {
    const world = await garbage();
    const { report, afterwards } = await overtaken(world, at, SECOND);
    expect(report.status).toBe('partial');
    // The one under way is refused by its guard when it is signed: the lock was not looked at for too long.
    expect(afterwards).toBe(0);
  });

  it('never works beside its successor', async () => {
    const world = await garbage();
    const { afterwards, successor } = await overtaken(world, 2, UNLOCK_REST + SKEW + MINUTE);
    // Its index is stale by then, so it only gives back what the other had taken.
    expect(successor).toMatchObject({ status: 'refused', manifests: { deleted: 0 } });
    expect(afterwards).toBe(0);
  });

  it('keeps others out until then', async () => {
    const world = await garbage();
    const { successor } = await overtaken(world, 2, UNLOCK_REST);
    expect(successor).toBeUndefined();
    await expect(world.prune({ confirm: 100 })).rejects.toBeInstanceOf(PruneAlreadyRunningError);
  });
});
