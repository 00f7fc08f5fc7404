/** Small worlds in which several processes of one distributed run are at work. */
import { decide } from '../../lambdas/distributed/decide.ts';
import type { Order, Orders } from '../../lambdas/distributed/orders.ts';
import { NoSuchRunError, runWorker } from '../../lambdas/distributed/slice.ts';
import { startDistributed } from '../../lambdas/distributed/start.ts';
import type { World } from '../support/world.ts';
import { condemnedLayer, L, list, one, other, pushed, untagged } from './contents.ts';
import { LIFETIME, type Place, type WorldDefinition } from './simulation.ts';
import { world } from './sketch.ts';

/**
 * A start, and then a distributed run that has begun, with all shards in one lane.
 *
 * @param passes that are over already: the first is about manifests, the next about blobs.
 * @returns the order of its workers.
 */
const begun =
  (start: (world: World) => Promise<unknown>, passes = 0, body: object = {}) =>
  async (world: World): Promise<Order> => {
    await start(world);
    const prune = { ...world.dependencies, owner: 'run1@host pid 1' };
    const settings = { when: 'always', depth: 1, workers: 1 } as const;
    const started = await startDistributed({ prune, settings }, body, world.clock.now() + LIFETIME);
    let orders: Orders | undefined = started.how === 'distributed' ? started : undefined;
    for (let pass = 0; pass < passes; pass++) {
      const order = onlyOf(orders);
      await runWorker(prune, order, world.clock.now() + LIFETIME);
      orders = await decide(prune, order, LIFETIME);
    }
    return onlyOf(orders);
  };

function onlyOf(orders: Orders | undefined): Order {
  const [order] = orders?.step === 'work' ? orders.lanes : [];
  if (order === undefined) throw new Error('the run has sent out nobody');
  return order;
}

async function worker({ dependencies, deadlines: [deadline = 0], prepared }: Place): Promise<void> {
  try {
    await runWorker(dependencies, prepared as Order, deadline);
  } catch (error) {
    if (!(error instanceof NoSuchRunError)) throw error;
  }
}

/** As Step Functions may do: one whose answer was lost is sent out again while the first still works. */
const twoWorkers = { 'run1.a': worker, 'run1.b': worker };

export const DISTRIBUTED: readonly WorldDefinition[] = [
  ...world(
    {
      name: 'two workers beside a push',
      about: 'two workers of one run sweep the same layer, while an image is pushed that needs it',
      start: begun(condemnedLayer, 1),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [],
      others: twoWorkers,
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'two workers beside a tag',
      about: 'two workers of one run delete the same image, while it is tagged',
      start: begun(untagged),
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [],
      others: twoWorkers,
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'two workers beside unlinking',
      about: 'two workers of one run remove the same stale link, while an image is pushed that needs it',
      start: begun(
        pushed(({ registry }) => registry.upload('app', L)),
        1,
      ),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [],
      others: twoWorkers,
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world({
    name: 'two workers and an index',
    about: 'two workers of one run delete the same index with its child',
    start: begun(
      pushed(({ registry }) => registry.push('app', list)),
      0,
      { mode: 'offline' },
    ),
    runs: [],
    others: twoWorkers,
    tags: {},
  }),
  ...world({
    name: 'a worker that is killed beside a push',
    about: 'of two workers of one run one is killed, while an image is pushed that needs what they sweep',
    start: begun(condemnedLayer, 1),
    clients: { client: (client) => client.push('app', one, 'v1') },
    runs: [],
    others: twoWorkers,
    othersMayCrash: true,
    crashes: 1,
    tags: { 'app:v1': one.digest },
  }),
];
