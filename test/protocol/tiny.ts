/** Worlds so small that every order of all their calls can be run: what the reductions of the search are checked with. */
import { apply } from '../../lambdas/index/apply.ts';
import { fencedObjects } from '../../lambdas/store/fenced-objects.ts';
import { PruneAlreadyRunningError, PruneLock } from '../../lambdas/store/lock.ts';
import { MINUTE } from '../support/clock.ts';
import { condemnedLayer, L, names, one, pushed, rest } from './contents.ts';
import type { Place, WorldDefinition } from './simulation.ts';

/** A run as far as the lock and one deletion, which has to be journalled: of a key that it may delete unannounced. */
async function lockAndDelete({ dependencies, deadlines: [deadline = 0] }: Place): Promise<void> {
  const { table, now, owner, newId, objects } = dependencies;
  const lock = await PruneLock.take(table, now, { owner, runId: newId(), deadline }).catch(
    (error: unknown) => {
      if (error instanceof PruneAlreadyRunningError) return undefined;
      throw error;
    },
  );
  if (lock === undefined) return;
  await fencedObjects(objects(lock.guard), lock).deleteMany(['registry-prune/heartbeat/old']);
  await lock.release();
}

const TIMELESS: readonly WorldDefinition[] = [
  {
    name: 'a layer and its events',
    about: 'a layer is uploaded, and the events of its link and its data come side by side',
    names,
    start: rest,
    clients: { client: (client) => client.upload('app', L) },
    runs: [],
    events: /_layers|data$/,
    tags: {},
  },
  {
    name: 'a tag deleted beside its event',
    about: 'a tag is deleted while the indexer looks at it',
    names,
    start: pushed(({ registry }) => registry.push('app', one, 'v1')),
    clients: { client: (client) => client.deleteTag('app', 'v1') },
    runs: [],
    others: {
      'index v1': ({ context }) => apply(context, { kind: 'tag', name: 'app', tag: 'v1' }),
    },
    tags: {},
  },
  {
    name: 'two for the lock',
    about: 'two take the lock, delete and give it back',
    names,
    start: condemnedLayer,
    runs: [],
    others: { 'run one': lockAndDelete, 'run two': lockAndDelete },
    tags: {},
  },
];

/** Some once more, with a moment at which time goes by: past the lease, and past what a deletion may take. */
const TIMED = new Map([
  ['a tag deleted beside its event', 10 * MINUTE],
  ['two for the lock', 26 * MINUTE],
]);

export const TINY: readonly WorldDefinition[] = [
  ...TIMELESS,
  ...TIMELESS.flatMap((world) => {
    const step = TIMED.get(world.name);
    return step === undefined ? [] : [{ ...world, name: `${world.name}, in time`, clock: [step] }];
  }),
];
