/** Ends, and what comes late or twice: answers that were lost, workers that nobody waits for. */
import { describe, expect, it } from 'vitest';
import { report } from '../../lambdas/distributed/progress.ts';
import type { ActiveWorker } from '../../lambdas/distributed/slice.ts';
import { Tally } from '../../lambdas/prune/tally.ts';
import { lockKey } from '../../lambdas/store/items.ts';
import { freeEnded, heldLock, PruneLock, SKEW, UNLOCK_REST } from '../../lambdas/store/lock.ts';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { changePart, readCourse, workerKey } from '../../lambdas/store/run-parts.ts';
import { MINUTE } from '../support/clock.ts';
import { distribute, Functions } from '../support/distributed.ts';
import { goneBy, mixedRegistry } from '../support/distributed-world.ts';
import { intercept } from '../support/intercept.ts';
import type { World } from '../support/world.ts';

const OFFLINE = { mode: 'offline' };

async function begun(world: World, workers = 2) {
  const functions = new Functions(world, { settings: { workers } });
  const started = await functions.start({ request: OFFLINE, execution: 'x' });
  if (started.how === 'single' || started.step !== 'work') throw new Error('there is no work');
  const { runId, pass, lanes } = started;
  const fence = lanes[0]?.fence ?? 0;
  const finish = () => functions.finish({ state: { runId }, execution: 'x' });
  return { functions, runId, pass, lanes, fence, finish };
}

const heldNow = (world: World) => heldLock(world.table, world.clock.now());

it('a request may name its action, as the function’s does', async () => {
  const [one, other] = [await mixedRegistry(), await mixedRegistry()];
  const { report: expected } = await distribute(one, OFFLINE);
  const { report: got } = await distribute(other, { ...OFFLINE, action: 'prune' });
  expect(got?.status).toBe('completed');
  expect(goneBy(got)).toEqual(goneBy(expected));
});

describe('the lock at the end of a run', () => {
  it('lets a worker join no more, and is free at once when none lives', async () => {
    const world = await mixedRegistry(1);
    const { runId, fence, finish } = await begun(world);
    await finish();
    expect(await heldNow(world)).toBeUndefined();
    expect(await world.table.get(lockKey)).toMatchObject({
      fence: fence + 1,
      endedFrom: fence,
      expiresAt: 0,
    });
    const late = { runId, fence, deadline: world.clock.now() + MINUTE };
    await expect(PruneLock.join(world.table, world.clock.now, late)).rejects.toBeInstanceOf(DeadlineError);
  });

  it('is nobody’s for as long as a worker may live that joined while the end was told, asked for twice too', async () => {
    const world = await mixedRegistry(1);
    const { functions, runId, fence, finish } = await begun(world);
    // It registers, and joins, while the event is published.
    const publish = world.bus.publish.bind(world.bus);
    world.bus.publish = async (events) => {
      const late = { fence, pass: 1, lane: 0, startedAt: world.clock.now() };
      await changePart(world.table, workerKey(runId, 'late'), { ...late, deadline: late.startedAt + MINUTE });
      await publish(events);
    };
    await finish();
    const until = world.clock.now() + UNLOCK_REST + SKEW;
    expect((await heldNow(world))?.expiresAt).toBe(until);
    await finish();
    expect((await heldNow(world))?.expiresAt).toBe(until);
    expect(functions.report?.runId).toBe(runId);
  });

  it('is nobody’s while what a dead worker signed may arrive, whose run could not go on', async () => {
    const world = await mixedRegistry(1);
    const { functions, runId, pass, fence, finish } = await begun(world);
    const dead = { fence, pass: 1, lane: 0, startedAt: world.clock.now() };
    await changePart(world.table, workerKey(runId, 'dead'), { ...dead, deadline: dead.startedAt + MINUTE });
    expect(await functions.decide({ runId, pass })).toMatchObject({ step: 'wait' });
    await finish();
    expect((await heldNow(world))?.expiresAt).toBe(world.clock.now() + UNLOCK_REST + SKEW);
    expect(functions.report).toMatchObject({ status: 'partial' });
    expect(JSON.stringify(functions.report?.refusals)).toContain('worker dead of lane 0 failed');
  });

  it('is not freed when somebody else has raised its fence', async () => {
    const world = await mixedRegistry(1);
    const { runId, fence } = await begun(world);
    const before = await world.table.get(lockKey);
    await freeEnded(world.table, { runId, fence });
    await freeEnded(world.table, { runId, fence: fence - 1 });
    expect(await world.table.get(lockKey)).toEqual(before);
  });
});

it('a takeover whose answer was lost, or after which the course was not written, is gone on with', async () => {
  const world = await mixedRegistry(1);
  const { functions, runId, pass, fence } = await begun(world);
  const dead = { fence, pass: 1, lane: 0, startedAt: world.clock.now() };
  await changePart(world.table, workerKey(runId, 'dead'), { ...dead, deadline: dead.startedAt + MINUTE });
  const { fence: taken } = await PruneLock.takeOver(world.table, world.clock.now, {
    ...{ runId, fence, deadline: world.clock.now() + MINUTE },
  });
  expect(await functions.decide({ runId, pass })).toMatchObject({ step: 'wait', pass });
  expect(await readCourse(world.table, runId)).toMatchObject({ fence: taken, pass: pass + 1 });
});

it('a halt that a worker comes to while it looks for another’s stays', async () => {
  const world = await mixedRegistry(1);
  const { runId, lanes } = await begun(world, 1);
  const halted = { code: 'pushes-arriving', message: 'of its own' } as const;
  const state: Partial<ActiveWorker['state']> = { recordedAt: 0, halted: undefined };
  const table = intercept(world.table, {
    before: (call) => {
      if (JSON.stringify(call.arguments).includes('COURSE')) state.halted = halted;
    },
  });
  const worker = {
    dependencies: { ...world.dependencies, table },
    run: { tally: new Tally(), stop: () => {} },
    lock: { isStillHeld: async () => true },
    share: { slice: 'one', exchangeObstacles: async () => {} },
    ...{ state, runId, lanes },
  } as unknown as ActiveWorker;
  await changePart(world.table, workerKey(runId, 'one'), {
    ...{ fence: 1, pass: 1, lane: 0, startedAt: 0, deadline: 1 },
  });
  await report(worker);
  expect(state.halted).toEqual(halted);
});

it('what a dead worker told to have looked at counts beside what others have', () => {
  const [sum, told, other] = [new Tally(), new Tally(), new Tally()];
  for (const id of ['a@1', 'a@2']) other.examineManifest(id);
  told.examineManifest('a@2');
  told.manifests.examined = 5;
  told.manifests.skipped = 2;
  for (const part of [other, told]) sum.merge(part.toJSON());
  expect(sum.manifests).toMatchObject({ examined: 6, skipped: 2 });
});
