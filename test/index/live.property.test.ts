import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { reindex } from '../../lambdas/index/reindex.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { arrivals, clientStep, Deliveries } from '../support/deliveries.ts';
import { historyKey } from '../support/registry-writer.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { inForce } from '../support/table-view.ts';
import type { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const none = { repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 };

type View = Map<string, Record<string, unknown>>;

/**
 * What a rebuild would say too: without repositories that are empty now and blobs that were only named. Of the names a
 * manifest ever had, those whose history is in the bucket; the table remembers more, a rebuild cannot.
 */
async function view(world: World, items: readonly Item[]): Promise<View> {
  const keys = await world.keys();
  const items_ = inForce(items, (name, tag, digest) => keys.has(historyKey(name, tag, digest)));
  return new Map(
    [...items_].filter(
      ([key, item]) =>
        !key.startsWith('REPOSITORIES ') && !(key.endsWith(' BLOB') && item['size'] === undefined),
    ),
  );
}

async function rebuilt(world: World): Promise<Item[]> {
  const table = new MemoryTable();
  await reindex({ ...world.index, metadata: new Metadata(table, world.newId) });
  const page = await table.scan({ segment: 0, segments: 1 });
  expect(page.next).toBeUndefined();
  return [...page.items];
}

const order = fc.array(fc.nat(1000), { minLength: 1, maxLength: 20 });

describe('events twice, out of order and late', () => {
  it('bring the table to what a rebuild says of the bucket', async () => {
    const plan = fc.array(
      fc.oneof({ weight: 3, arbitrary: clientStep }, { weight: 2, arbitrary: arrivals(clientStep) }),
      {
        minLength: 1,
        maxLength: 40,
        size: 'max',
      },
    );
    await fc.assert(
      fc.asyncProperty(plan, order, async (steps, numbers) => {
        const deliveries = new Deliveries();
        const { world } = deliveries;
        for (const one of steps) {
          world.clock.advance(1000);
          if (one.do === 'arrive') await deliveries.arrive(one);
          else await deliveries.take(one);
        }
        await deliveries.arriveAll(numbers);
        expect(await view(world, await world.items())).toEqual(await view(world, await rebuilt(world)));
        const report = await world.reindex();
        expect(report.added).toEqual(none);
        expect(report.removed).toEqual(none);
      }),
      runs(100),
    );
  });
});
