import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { reindex } from '../../lambdas/index/reindex.ts';
import {
  holderKey,
  linkKey,
  referenceKey,
  referrersPk,
  tagKey,
  uploadKey,
} from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { generate, history, REPOSITORIES } from '../support/generated-registry.ts';
import { neverPushed } from '../support/images.ts';
import { historyKey } from '../support/registry-writer.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { inForce } from '../support/table-view.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const none = { repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 };

type View = Map<string, Record<string, unknown>>;

async function view(world: World, items?: readonly Item[]): Promise<View> {
  const keys = await world.keys();
  return inForce(items ?? (await world.items()), (name, tag, digest) =>
    keys.has(historyKey(name, tag, digest)),
  );
}

/** Without what stays known though the bucket has nothing of it: emptied repositories, blobs that were only named. */
function ofTheBucket(items: View): View {
  const isOfTable = (key: string, item: Readonly<Record<string, unknown>>) =>
    key.startsWith('REPOSITORIES ') || (key.endsWith(' BLOB') && item['size'] === undefined);
  return new Map([...items].filter(([key, item]) => !isOfTable(key, item)));
}

/** What is in a table that was built from nothing. */
async function rebuilt(world: World): Promise<Item[]> {
  const table = new MemoryTable();
  await reindex({ ...world.index, metadata: new Metadata(table, world.newId) });
  const page = await table.scan({ segment: 0, segments: 1 });
  expect(page.next).toBeUndefined();
  return [...page.items];
}

/** Edges and items of what was never there. */
function stale(at: number, digest: `sha256:${string}`): Item[] {
  const name = REPOSITORIES[at % REPOSITORIES.length] ?? 'base';
  const nobody = neverPushed('holder');
  const since = 1;
  const all: Item[] = [
    { ...holderKey(name, digest, { kind: 'tag', tag: 'nowhere' }), since },
    { ...holderKey(name, digest, { kind: 'index', digest: nobody }), since },
    { ...holderKey(name, digest, { kind: 'subject', digest: nobody }), since },
    { pk: referrersPk(name, digest), sk: `MANIFEST#${nobody}`, since },
    { ...referenceKey(digest, name, nobody), since },
    { ...linkKey(neverPushed('blob'), name), version: 1, linkedAt: 1 },
    { ...tagKey(name, 'nowhere'), version: 1, digest, taggedAt: 1 },
    {
      ...uploadKey(name, '99999999-0000-4000-8000-000000000000'),
      version: 1,
      startedAt: 1,
      queue: 'upload#9',
      dueAt: 2,
    },
  ];
  return all.filter((_, index) => (at >> index) % 2 === 0);
}

describe('a rebuild', () => {
  it('finds nothing to do when it is run again, and comes to the same as one from nothing', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const world = new World();
        await generate(world, steps);
        const before = await view(world);
        const keys = await world.keys();
        const report = await world.reindex();
        expect(report.added).toEqual(none);
        expect(report.removed).toEqual(none);
        expect(await view(world)).toEqual(before);
        expect(await world.keys()).toEqual(keys);
        expect(ofTheBucket(before)).toEqual(ofTheBucket(await view(world, await rebuilt(world))));
      }),
      runs(100),
    );
  });

  it('puts back what was lost from the table, and removes what does not belong there', async () => {
    const damage = fc.record({ lost: fc.array(fc.nat(), { maxLength: 10 }), edges: fc.nat() });
    await fc.assert(
      fc.asyncProperty(history, damage, async (steps, { lost, edges }) => {
        const world = new World();
        await generate(world, steps);
        const before = await view(world);
        const items = (await world.items()).filter(({ pk, sk }) => before.has(`${pk} ${sk}`));
        for (const at of lost) {
          const item = items[at % Math.max(1, items.length)];
          if (item !== undefined) await world.table.remove(item);
        }
        // What cannot be read may hold and name anything, so its edges stay whatever they say.
        const readable = items.filter(({ problem }) => problem === undefined);
        const digests = readable.flatMap(({ sk }) => /^MANIFEST#(sha256:[0-9a-f]{64})$/.exec(sk)?.[1] ?? []);
        const target = (digests[edges % Math.max(1, digests.length)] ??
          neverPushed('target')) as `sha256:${string}`;
        await world.table.write(stale(edges, target).map((put) => ({ put })));
        await world.reindex();
        expect(ofTheBucket(await view(world))).toEqual(ofTheBucket(before));
        const again = await world.reindex();
        expect(again.added).toEqual(none);
        expect(again.removed).toEqual(none);
      }),
      runs(100),
    );
  });

  it('repairs what changed in the bucket behind the table', async () => {
    await fc.assert(
      fc.asyncProperty(history, history, async (steps, more) => {
        const world = new World();
        await generate(world, steps);
        await generate(world, more);
        const now = await view(world);
        expect(ofTheBucket(now)).toEqual(ofTheBucket(await view(world, await rebuilt(world))));
      }),
      runs(60),
    );
  });
});
