/** Small worlds in which others than clients and online runs are at work: what an operator starts, and other kinds of runs. */
import { reindex } from '../../lambdas/index/reindex.ts';
import { UnlockRefusedError, unlock } from '../../lambdas/operations/unlock.ts';
import { applyPlan } from '../../lambdas/plan/apply-plan.ts';
import type { Plan } from '../../lambdas/plan/document.ts';
import { restoreRun } from '../../lambdas/restore/run.ts';
import { blobKey, blobQueue } from '../../lambdas/store/items.ts';
import { heldLock, PruneLock } from '../../lambdas/store/lock.ts';
import { DAY, SECOND } from '../support/clock.ts';
import { digestOf } from '../support/images.ts';
import type { World } from '../support/world.ts';
import type { Client } from './client.ts';
import { condemnedLayer, L, one, other, pushed, rest, untagged, untagging } from './contents.ts';
import type { Place, WorldDefinition } from './simulation.ts';
import { world } from './sketch.ts';

const UPLOAD = '5f2c6a9e-0b1d-4c3e-8f7a-6d5b4c3a2b1e';

/** From another terminal of the same machine, where the run's process is not to be seen. */
async function unlockByForce({ dependencies: { table, now } }: Place): Promise<void> {
  const lock = await heldLock(table, now());
  if (lock === undefined) return;
  await unlock(table, lock, { now, hostname: 'host', isAlive: () => false }).catch((error: unknown) => {
    if (!(error instanceof UnlockRefusedError)) throw error;
  });
}

/** What the next run begins with. */
async function takeTheLock({ dependencies, deadlines: [deadline = 0] }: Place): Promise<void> {
  const { table, now, owner, newId } = dependencies;
  await PruneLock.take(table, now, { owner, runId: newId(), deadline });
}

async function undo({ dependencies: all, prepared, deadlines }: Place): Promise<void> {
  const { onProgress: _, ...dependencies } = all;
  await restoreRun(dependencies, String(prepared), { deadlines });
}

const rebuild = ({ context }: Place): Promise<unknown> => reindex(context, { concurrency: 1 });

async function applyThePlan({ dependencies, prepared, deadlines, report }: Place): Promise<void> {
  report(await applyPlan(dependencies, prepared as Plan, { trigger: 'cli', deadlines }));
}

/** A start, and then a plan of all that is garbage. */
const planned =
  (start: (world: World) => Promise<unknown>) =>
  async (world: World): Promise<Plan | undefined> => {
    await start(world);
    return (await world.plan()).plan;
  };

/** A start, and then a run. @returns its id. */
const pruned =
  (start: (world: World) => Promise<unknown>, body = {}) =>
  async (world: World): Promise<string> => {
    await start(world);
    return (await world.prune(body)).runId;
  };

/** A layer that a dead run had taken, in an index of days ago. */
async function leftWithoutAnIndex(world: World): Promise<void> {
  await condemnedLayer(world);
  const digest = digestOf(L);
  const item = await world.metadata.blobItem(digest);
  const taken = {
    state: 'deleting',
    runId: 'dead',
    fence: 1,
    queue: blobQueue(digest),
    dueAt: world.clock.now(),
  };
  await world.metadata.transition(blobKey(digest), item?.version ?? 0, taken);
  world.clock.advance(4 * DAY);
}

const LOCKS = [
  ...world({
    name: 'unlocked beside a run that lives',
    about: 'the lock is taken away from a run that stands still, another begins, and the first goes on',
    start: condemnedLayer,
    runs: [{}],
    others: { unlock: unlockByForce, run2: takeTheLock },
    clock: [61 * SECOND],
    // From a machine on which its process is gone: what it has signed has arrived.
    flight: 30 * SECOND,
    tags: {},
  }),
];

const UNDONE = [
  ...world(
    {
      name: 'undo beside a push',
      about: 'a run that has deleted an untagged image is undone while the image is pushed anew',
      start: pruned(untagged),
      clients: { client: (client) => client.push('app', one, 'v2') },
      runs: [],
      others: { undo },
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'undo beside a new tag',
      about: 'a run that has deleted an image with its tag is undone while the tag is put on another',
      start: pruned(
        pushed(({ registry }) => registry.push('app', one, 'v1')),
        untagging,
      ),
      clients: { client: (client) => client.push('app', other, 'v1') },
      runs: [],
      others: { undo },
      tags: { 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world({
    name: 'undo beside a run',
    about: 'a run is undone while another is at work: one of them waits, or comes first',
    start: pruned(
      pushed(({ registry }) => registry.push('app', one, 'v1')),
      untagging,
    ),
    runs: [{}],
    others: { undo },
    tags: {},
  }),
];

const REBUILT = [
  ...world({
    name: 'rebuild beside a sweep and a push',
    about: 'the table is rebuilt while a layer is swept that an image is pushed with',
    start: condemnedLayer,
    clients: { client: (client) => client.push('app', one, 'v1') },
    runs: [{}],
    others: { reindex: rebuild },
    tags: { 'app:v1': one.digest },
  }),
  ...world({
    name: 'rebuild beside a deletion',
    about: 'the table is rebuilt while a run deletes an image that is tagged',
    start: untagged,
    clients: { client: (client) => client.tag('app', one.digest, 'v2') },
    runs: [{}],
    others: { reindex: rebuild },
    tags: { 'app:v2': one.digest, 'app:v1': other.digest },
  }),
];

const PLANNED = [
  ...world(
    {
      name: 'plan beside a tag',
      about: 'a plan is applied while an image is tagged that it names',
      start: planned(untagged),
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [],
      others: { 'run by plan': applyThePlan },
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'plan beside a push',
      about: 'a plan is applied while an image is pushed that needs a layer which it names',
      start: planned(condemnedLayer),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [],
      others: { 'run by plan': applyThePlan },
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
];

/** An upload that was begun some time ago is finished, and the image pushed that it was for, beside a run. */
const finishing = (age: number) => ({
  start: async (world: World) => {
    await pushed(({ registry }) => registry.push('app', other, 'v1'))(world);
    world.registry.startUpload('app', UPLOAD, L);
    world.clock.advance(age);
    await rest(world);
  },
  clients: {
    client: async (client: Client) => {
      await client.finishUpload('app', UPLOAD, L);
      await client.push('app', one, 'v2');
    },
  },
  runs: [{}],
  tags: { 'app:v1': other.digest, 'app:v2': one.digest },
});

const UPLOADS = [
  ...world({
    name: 'abandoned upload gone on with',
    about: 'an upload of long ago is finished while a run deletes it',
    ...finishing(7 * DAY),
  }),
  ...world({
    name: 'finished upload beside a run',
    about: 'what an upload has left under its markers goes while the image that it was for is pushed',
    ...finishing(0),
  }),
];

const OTHER_RUNS = [
  ...world({
    name: 'offline beside a push',
    about: 'an image is pushed though the registry was said to be stopped',
    start: untagged,
    clients: { client: (client) => client.push('app', one, 'v2') },
    runs: [{ body: { mode: 'offline' } }],
    tags: { 'app:v2': one.digest, 'app:v1': other.digest },
  }),
  ...world({
    name: 'offline alone',
    about: 'all garbage goes in one pass',
    start: untagged,
    runs: [{ body: { mode: 'offline' } }],
    tags: { 'app:v1': other.digest },
  }),
  ...world({
    name: 'stale index',
    about: 'nothing is heard of the index, and a dead run has left a layer that an image is pushed with',
    start: leftWithoutAnIndex,
    clients: { client: (client) => client.push('app', one, 'v1') },
    runs: [{}],
    tags: { 'app:v1': one.digest },
    wrong: (reports) => {
      const { status, spaceReclaimed = 0 } = reports.get('run1') ?? {};
      if (status === 'refused' && spaceReclaimed === 0) return undefined;
      return `a run over a stale index is ${status} and reclaims ${spaceReclaimed} bytes`;
    },
  }),
];

const EARLY = [
  ...world(
    {
      name: 'early events of an unlinking',
      about: 'the event of a run that unlinks comes at any moment, beside a push',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      early: /_layers/,
      tags: { 'app:v1': one.digest },
    },
    'none',
  ),
  ...world(
    {
      name: 'early events of a deletion',
      about: 'the event of a run that deletes an image comes at any moment, while the image is tagged',
      start: untagged,
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [{}],
      early: /revisions/,
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'early events of a sweep',
      about: 'the event of a run that sweeps comes at any moment, beside a push',
      start: condemnedLayer,
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      early: /data$/,
      tags: { 'app:v1': one.digest },
    },
    'none',
  ),
  ...world(
    {
      name: 'twice beside unlinking',
      about: 'the event of a push comes twice, side by side, while a run unlinks',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      twice: /./,
      tags: { 'app:v1': one.digest },
    },
    ...(['of manifests', 'of links'] as const),
  ),
  ...world(
    {
      name: 'twice beside deletion',
      about: 'the event of a tag comes twice, side by side, while a run deletes what it names',
      start: untagged,
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [{}],
      twice: /./,
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    'of tags',
  ),
];

export const OPERATED: readonly WorldDefinition[] = [
  ...[...LOCKS, ...UNDONE, ...REBUILT, ...PLANNED, ...UPLOADS, ...OTHER_RUNS, ...EARLY],
];
