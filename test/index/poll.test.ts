import { expect, it } from 'vitest';
import type { BatchResult } from '../../lambdas/index/batch.ts';
import { pollQueue } from '../../lambdas/index/poll.ts';
import type { EventQueue } from '../../lambdas/store/event-queue.ts';
import { MemoryQueue } from '../../local/memory-queue.ts';
import { MINUTE } from '../support/clock.ts';
import { image, layer } from '../support/images.ts';
import { busEvent, LiveIndexer } from '../support/indexer.ts';
import { intercept } from '../support/intercept.ts';
import { World } from '../support/world.ts';

/** Polls until the queue has nothing more to show. */
async function poll(world: World, queue: EventQueue, more: Partial<Parameters<typeof pollQueue>[0]> = {}) {
  const end = new AbortController();
  const results: BatchResult[] = [];
  const errors: unknown[] = [];
  const waits: number[] = [];
  const ending: EventQueue = intercept(queue, {
    after: ({ operation }, messages) => {
      if (operation === 'receive' && Array.isArray(messages) && messages.length === 0) end.abort();
    },
  });
  await pollQueue({
    indexer: new LiveIndexer(world).indexer(),
    queue: ending,
    signal: end.signal,
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
    },
    onBatch: (result) => results.push(result),
    onError: (error) => errors.push(error),
    pollers: 1,
    ...more,
  });
  return { results, errors, waits };
}

async function withMessages(extra: readonly string[] = []) {
  const world = new World();
  const queue = new MemoryQueue({ now: world.clock.now, visibility: MINUTE });
  await world.registry.push('app', image('one', { layers: [layer('a'), layer('b')] }), 'v1');
  await world.registry.push('app', image('two'), 'v2');
  const bodies = [...extra, ...[...(await world.keys()).keys()].map((key) => busEvent(key))];
  await queue.send(bodies.map((body) => ({ body, delay: 0 })));
  return { world, queue };
}

it('works off the queue, more than one receive of it, until it is stopped', async () => {
  const { world, queue } = await withMessages();
  expect(await queue.depth()).toBeGreaterThan(10);
  const { results, errors } = await poll(world, queue);
  expect(errors).toEqual([]);
  expect(results.length).toBeGreaterThan(1);
  expect(await queue.depth()).toBe(0);
  expect((await world.reindex()).added).toMatchObject({ manifests: 0, tags: 0, links: 0, blobs: 0 });
});

it('works side by side', async () => {
  const { world, queue } = await withMessages();
  const { errors } = await poll(world, queue, { pollers: 4 });
  expect(errors).toEqual([]);
  expect(await queue.depth()).toBe(0);
});

it('removes what succeeded and nothing else', async () => {
  const { world, queue } = await withMessages(['poison']);
  await poll(world, queue);
  expect(queue.waiting.map(({ body }) => body)).toEqual(['poison']);
});

it('leaves to the dead-letter queue what keeps failing', async () => {
  const world = new World();
  const dead = new MemoryQueue({ now: world.clock.now });
  const queue = new MemoryQueue({
    now: world.clock.now,
    visibility: MINUTE,
    redrive: { to: dead, after: 3 },
  });
  await queue.send([{ body: 'poison', delay: 0 }]);
  for (let round = 0; round < 4; round++) {
    await poll(world, queue);
    world.clock.advance(2 * MINUTE);
  }
  expect([await queue.depth(), await dead.depth()]).toEqual([0, 1]);
});

it.each(['receive', 'remove'] as const)(
  'goes on after a %s that failed, and not at once',
  async (operation) => {
    const { world, queue } = await withMessages();
    let calls = 0;
    const flaky = intercept(queue, {
      before: (call) => {
        if (call.operation === operation && ++calls === 1) throw new Error('the queue is away');
      },
    });
    const { errors, waits } = await poll(world, flaky);
    expect(errors).toEqual([new Error('the queue is away')]);
    expect(waits).toEqual([1_000]);
    // What was not removed is looked at again.
    world.clock.advance(2 * MINUTE);
    await poll(world, queue);
    expect(await queue.depth()).toBe(0);
  },
);

/** As the SDK does it: the wait for messages ends with an error of this name. */
const waiting = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    const abort = () => reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
  });

it('ends while it waits for messages, without a word', async () => {
  const world = new World();
  const end = new AbortController();
  const errors: unknown[] = [];
  let receives = 0;
  const empty: EventQueue = {
    receive: ({ signal }) => {
      if (++receives === 4) queueMicrotask(() => end.abort());
      return waiting(signal);
    },
    remove: () => Promise.reject(new Error('nothing to remove')),
    send: () => Promise.reject(new Error('nothing to send')),
    depth: async () => 0,
  };
  await pollQueue({
    indexer: new LiveIndexer(world).indexer(),
    ...{ queue: empty, signal: end.signal, sleep: async () => {} },
    onError: (error) => errors.push(error),
  });
  expect(errors).toEqual([]);
  expect(receives).toBe(4);
});

it('finishes the batch under way when it is stopped', async () => {
  const { world, queue } = await withMessages();
  const before = await queue.depth();
  const end = new AbortController();
  const once = intercept(queue, {
    after: ({ operation }) => {
      if (operation === 'receive') end.abort();
    },
  });
  const { results } = await poll(world, once, { signal: end.signal });
  expect(results).toHaveLength(1);
  expect(await queue.depth()).toBe(before - 10);
});
