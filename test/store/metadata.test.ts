import { describe, expect, it } from 'vitest';
import {
  blobKey,
  blobQueue,
  linkKey,
  manifestKey,
  referenceKey,
  UnknownItemError,
} from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { neverPushed } from '../support/images.ts';
import { intercept, once } from '../support/intercept.ts';

const digest = neverPushed('blob');
const touch = { at: 1_000, grace: 50 };

function setUp() {
  const table = new MemoryTable();
  let serial = 0;
  const over = (tableOfIt = table) => new Metadata(tableOfIt, () => `stamp-${++serial}`);
  return { table, over, metadata: over() };
}

const blob = (attributes: Partial<Item>): Item =>
  ({ ...blobKey(digest), version: 3, state: 'live', touchedAt: 500, ...attributes }) as Item;

describe('a transition', () => {
  it('happens on the version that was read, and adds one to it', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ size: 7 }));
    expect(await metadata.transition(blobKey(digest), 3, { state: 'condemned' }, ['size'])).toBe(4);
    const after = await table.get(blobKey(digest));
    expect(after).toEqual({ ...blob({}), state: 'condemned', version: 4, stamp: expect.any(String) });
  });

  it('does not happen on any other version', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({}));
    expect(await metadata.transition(blobKey(digest), 2, { state: 'deleted' })).toBeUndefined();
    expect(await metadata.transition(blobKey(digest), 0, { state: 'deleted' })).toBeUndefined();
    expect(await table.get(blobKey(digest))).toEqual(blob({}));
  });

  it('from nothing is version 0', async () => {
    const { metadata } = setUp();
    expect(await metadata.transition(blobKey(digest), 0, { state: 'live' })).toBe(1);
  });

  it('recognises its own write when the answer to it was lost', async () => {
    const { table, over } = setUp();
    await table.put(blob({}));
    const lossy = intercept(table, {
      before: once(
        ({ operation }) => operation === 'update',
        async ({ arguments: args }) => {
          await table.update(...(args as Parameters<typeof table.update>));
        },
      ),
    });
    expect(await over(lossy).transition(blobKey(digest), 3, { state: 'deleted' })).toBe(4);
    expect(await table.get(blobKey(digest))).toMatchObject({ version: 4, state: 'deleted' });
  });
});

describe('a touch', () => {
  it.each(['live', 'condemned'])(
    'makes a %s blob live and queues it for the end of the grace',
    async (state) => {
      const { table, metadata } = setUp();
      await table.put(blob({ state, condemnedAt: 1 }));
      expect(await metadata.touchBlob(digest, touch)).toBe('live');
      expect(await table.get(blobKey(digest))).toMatchObject({
        state: 'live',
        touchedAt: 1_000,
        queue: blobQueue(digest),
        dueAt: 1_050,
        version: 4,
      });
    },
  );

  it('never makes a blob look older', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ touchedAt: 2_000 }));
    await metadata.touchBlob(digest, touch);
    expect(await table.get(blobKey(digest))).toMatchObject({ touchedAt: 2_000, dueAt: 2_050, version: 4 });
  });

  it('makes the item of a blob that has none', async () => {
    const { table, metadata } = setUp();
    expect(await metadata.touchBlob(digest, touch)).toBe('live');
    expect(await table.get(blobKey(digest))).toMatchObject({ state: 'live', version: 1, dueAt: 1_050 });
  });

  it('makes no item of a manifest that has none', async () => {
    const { metadata, table } = setUp();
    expect(await metadata.touchManifest('app', digest, touch)).toBe('absent');
    expect(await table.get(manifestKey('app', digest))).toBeUndefined();
  });

  it('marks what is being deleted for rescue, and changes its version', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ state: 'deleting', queue: 'blob#0', dueAt: 9 }));
    expect(await metadata.touchBlob(digest, touch)).toBe('deleting');
    expect(await table.get(blobKey(digest))).toMatchObject({
      state: 'deleting',
      rescue: true,
      version: 4,
      dueAt: 9,
      touchedAt: 500,
    });
  });

  it('by a lost edge rescues nothing', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ state: 'deleting' }));
    await metadata.releaseBlob(digest, touch);
    expect(await table.get(blobKey(digest))).toEqual(blob({ state: 'deleting' }));
  });

  it('leaves a tombstone to the caller', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ state: 'deleted' }));
    expect(await metadata.touchBlob(digest, touch)).toBe('deleted');
    expect(await table.get(blobKey(digest))).toEqual(blob({ state: 'deleted' }));
  });

  it.each([{ state: 'resting' }, { state: 'condemned', version: 'three' }, { touchedAt: 'yesterday' }])(
    'refuses an item with %j',
    async (attributes) => {
      const { table, metadata } = setUp();
      await table.put(blob(attributes));
      await expect(metadata.touchBlob(digest, touch)).rejects.toThrow(UnknownItemError);
    },
  );
});

describe('all that is known of a blob', () => {
  const manifest = neverPushed('manifest');

  it('comes from one partition: the item, links, references', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({ size: 7 }));
    await table.put({ ...linkKey(digest, 'team/app'), version: 1, linkedAt: 5, removedAt: 6 });
    await table.put({ ...referenceKey(digest, 'team/app', manifest), since: 5 });
    expect(await metadata.blob(digest)).toMatchObject({
      item: { digest, size: 7, state: 'live' },
      links: [{ name: 'team/app', linkedAt: 5, removedAt: 6 }],
      references: [{ name: 'team/app', manifest }],
      complete: true,
    });
  });

  it('is refused when part of it has an unknown shape', async () => {
    const { table, metadata } = setUp();
    await table.put(blob({}));
    await table.put({ ...linkKey(digest, 'app'), version: 1, linkedAt: 'long ago' });
    await expect(metadata.blob(digest)).rejects.toThrow(UnknownItemError);
  });

  it('is read no further than it takes to know where many images share it', async () => {
    const { table, metadata } = setUp();
    const names = (count: number) => Array.from({ length: count }, (_, at) => `team/${1000 + at}`);
    const shared = async (links: number, references: number) => {
      const rows = [
        ...names(links).map((name) => ({ ...linkKey(digest, name), version: 1, linkedAt: 400 })),
        ...Array.from({ length: references }, (_, at) => at).map((at) => ({
          ...referenceKey(digest, names(links)[at % links] ?? '', neverPushed(`manifest ${at}`)),
          since: 500,
        })),
      ];
      await table.write([{ put: blob({}) }, ...rows.map((put) => ({ put }))]);
      table.requests.clear();
      return await metadata.blob(digest);
    };
    const one = await shared(1, 5_000);
    expect([one.complete, one.links.length, table.requests.get('Query')]).toEqual([false, 1, 1]);
    expect(one.references.length).toBeLessThan(300);
    // A reference of one repository tells nothing of the links of all others.
    const many = await shared(200, 5_000);
    const without = many.links.filter(({ name }) => !many.references.some((edge) => edge.name === name));
    expect([many.links.length, without.length <= 4]).toEqual([200, true]);
    expect((await metadata.blob(digest, { all: true })).references.length).toBeGreaterThan(9_000);
  });

  it('tells a reference of a repository from one of another whose name begins alike', async () => {
    const { table, metadata } = setUp();
    await table.put({ ...referenceKey(digest, 'team/app', manifest), since: 5 });
    expect(await metadata.referencedIn(digest, 'team/app')).toBe(true);
    expect(await metadata.referencedIn(digest, 'team')).toBe(false);
    expect(await metadata.referencedIn(digest, 'team/ap')).toBe(false);
  });

  it('does not take a removed reference for one in force', async () => {
    const { table, metadata } = setUp();
    await table.put({ ...referenceKey(digest, 'app', manifest), removedAt: 5 });
    expect(await metadata.referencedIn(digest, 'app')).toBe(false);
  });
});
