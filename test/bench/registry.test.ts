import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../bench/phases.ts';
import { Catalog } from '../../bench/registry/catalog.ts';
import { factsOf, inspect } from '../../bench/registry/facts.ts';
import type { Times } from '../../bench/registry/items.ts';
import { RegistryObjects } from '../../bench/registry/objects.ts';
import { RegistryTable } from '../../bench/registry/table.ts';
import { tombstoneExpiry } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { allOf, itemsOf, LAYOUT, RealRegistry } from './seeded.ts';

const SINCE = Date.parse('2026-01-01T00:00:00Z');
const NOW = Date.parse('2026-03-01T00:00:00Z');
// More than one repository, and one that has changed its base image.
const OPTIONS = { images: 620, seed: 3, since: SINCE };
const TAGGED = new Catalog({ ...OPTIONS, garbage: 0 });
const CATALOG = new Catalog({ ...OPTIONS, garbage: 0.4 });

type Stage = 'indexed' | 'settled' | 'condemned';

async function seeded(stage: Stage, times: Partial<Times>): Promise<Map<string, Item>> {
  const { grace, quarantine } = SETTINGS;
  const none = { indexedAt: NOW, untaggedAt: NOW, deletedAt: NOW, condemnedAt: NOW, grace, quarantine };
  const base = new RegistryTable({ catalog: CATALOG, stage, times: { ...none, ...times } });
  return await itemsOf(new MemoryTable(undefined, base));
}

/** How often an item was written, and by which run. */
const COUNTS = ['version', 'stamp', 'gains', 'runId', 'fence'];

function without(items: ReadonlyMap<string, Item>, attributes: (item: Item) => readonly string[]) {
  return new Map(
    [...items].map(([key, item]) => {
      const left = new Set(attributes(item));
      return [key, Object.fromEntries(Object.entries(item).filter(([name]) => !left.has(name)))];
    }),
  );
}

/** By which of its holders it was touched last depends on which of them is looked at first. */
const isBelow = ({ pk, sk, taggedAs }: Item): boolean =>
  pk.startsWith('REPO#') && sk.startsWith('MANIFEST#') && Array.isArray(taggedAs) && taggedAs.length === 0;

describe('the seeded table', () => {
  it('indexed: is what a rebuild makes of the bucket', async () => {
    const real = new RealRegistry(CATALOG, NOW);
    await real.reindex();
    const varying = (item: Item) => [...COUNTS, ...(isBelow(item) ? ['touchedAt', 'dueAt'] : [])];
    expect(without(await seeded('indexed', {}), varying)).toEqual(without(await real.items(), varying));
  }, 60_000);

  it('settled: is what a rebuild, a prune of nothing and the events of the untagging leave', async () => {
    const real = await settled();
    const untaggedAt = real.now;
    const varying = (item: Item) => [...COUNTS, ...(isBelow(item) ? ['touchedAt'] : [])];
    const expected = without(await real.items(), varying);
    expect(without(await seeded('settled', { untaggedAt }), varying)).toEqual(expected);
  }, 60_000);

  it('condemned: is what prunes leave of each blob when they condemn it, and of all manifests', async () => {
    const real = await settled();
    const expected = await condemned(real);
    const got = await seeded('condemned', {});
    // When, differs: an index goes first, then its children, each with its blobs.
    const times = ['touchedAt', 'condemnedAt', 'dueAt', 'removedAt', 'expireAt', 'since'];
    const varying = (item: Item) => [...COUNTS, ...(isLive(item) ? [] : times)];
    expect(without(got, varying)).toEqual(without(expected, varying));
    for (const items of [got, expected]) {
      for (const item of items.values()) expect(timesOf(item)).toEqual(consistent(item));
    }
  }, 60_000);
});

it('what is made when it is asked for is pruned as what is stored, by the same requests', async () => {
  const { grace, quarantine } = SETTINGS;
  const untaggedAt = NOW - grace - quarantine;
  const times = { indexedAt: NOW, untaggedAt, deletedAt: 0, condemnedAt: 0, grace, quarantine };
  const based = new MemoryTable(undefined, new RegistryTable({ catalog: CATALOG, stage: 'settled', times }));
  const stored = new MemoryTable();
  await stored.write([...(await allOf(based)).values()].map((put) => ({ put })));
  for (const table of [based, stored]) table.requests.clear();
  const made = new RealRegistry(CATALOG, NOW, based);
  const held = new RealRegistry(CATALOG, NOW, stored, true);
  for (let run = 0; run < 5; run++) {
    const { journal: _, ...report } = await made.prune();
    expect(report).toMatchObject({ status: 'completed' });
    expect(report).toEqual((({ journal: __, ...other }) => other)(await held.prune()));
    for (const real of [made, held]) real.rest();
  }
  expect(based.requests).toEqual(stored.requests);
  expect(made.bucket.requests).toEqual(held.bucket.requests);
  // Version ids are numbered as objects are stored.
  const varying = () => ['deleteMarker'];
  expect(without(await allOf(based), varying)).toEqual(without(await allOf(stored), varying));
  const keysOf = async ({ bucket }: RealRegistry) => (await listed(bucket)).map(({ key }) => key);
  expect(await keysOf(made)).toEqual(await keysOf(held));
}, 60_000);

/** Edges and links of what is not garbage keep their times. */
const isLive = ({ sk, removedAt }: Item): boolean =>
  removedAt === undefined && /^(?:LINK|TAG|INDEX)#/.test(sk);

/** The times that follow from others. */
function consistent(item: Item) {
  const { removedAt, state, condemnedAt } = item;
  return {
    ...timesOf(item),
    ...(typeof removedAt === 'number' ? { expireAt: tombstoneExpiry(removedAt) } : {}),
    ...(state === 'condemned' ? { dueAt: Number(condemnedAt) + SETTINGS.quarantine } : {}),
  };
}

const timesOf = ({ expireAt, dueAt }: Item) => ({ expireAt, dueAt });

async function settled(): Promise<RealRegistry> {
  const real = new RealRegistry(TAGGED, NOW);
  await real.reindex();
  real.rest();
  expect(await real.prune()).toMatchObject({ manifests: { deleted: 0 }, blobs: { condemned: 0 } });
  await real.untag(CATALOG);
  return real;
}

/** Runs until nothing is left; the partition of each blob as the run that condemned it left it. */
async function condemned(real: RealRegistry): Promise<Map<string, Item>> {
  const blobs = new Map<string, Map<string, Item>>();
  let items = new Map<string, Item>();
  for (let quiet = false; !quiet; ) {
    real.rest();
    const { manifests, blobs: done, status } = await real.prune();
    expect(status).toBe('completed');
    items = await real.items();
    for (const { pk, sk, state } of items.values()) {
      if (sk !== 'BLOB' || state !== 'condemned') continue;
      blobs.set(pk, new Map([...items].filter(([, item]) => item.pk === pk)));
    }
    quiet = manifests.deleted + done.condemned + done.deleted === 0;
  }
  expect(blobs.size).toBe(factsOf(CATALOG).garbageBlobs);
  const others = [...items].filter(([, { pk }]) => !blobs.has(pk));
  return new Map([...others, ...[...blobs.values()].flatMap((partition) => [...partition])]);
}

describe('the generated bucket', () => {
  const bytesOf = (size: number) => `a layer of ${size} bytes`;
  const objects = (stage: 'settled' | 'condemned' | 'pruned') =>
    new RegistryObjects({ catalog: CATALOG, layout: LAYOUT, stage, bytesOf });

  it('is what its releases push, one after the other', async () => {
    const pushed = new MemoryBucket();
    for (let number = 0; number < CATALOG.releases; number++) {
      const release = CATALOG.release(number);
      const tags = CATALOG.isGarbage(number) ? ['main'] : ['main', release.tag];
      for (const [key, body] of objects('settled').push(release, tags)) {
        const isCurrent = key.endsWith('/current/link');
        if (!isCurrent && (await pushed.head(key)) !== undefined) continue;
        pushed.seed(key, typeof body === 'number' ? bytesOf(body) : body, release.pushedAt);
      }
    }
    const based = new MemoryBucket({ base: objects('settled') });
    expect(await listed(based)).toEqual(await listed(pushed));
    for (const { key } of await listed(pushed)) expect(await based.get(key)).toEqual(await pushed.get(key));
  }, 60_000);

  it('is listed from any key on as one that is held', async () => {
    const based = new MemoryBucket({ base: objects('condemned') });
    const all = await listed(based);
    const held = new MemoryBucket();
    for (const { key } of all) held.seed(key, (await based.get(key))?.body ?? '');
    const prefixes = all
      .filter((_, at) => at % 97 === 0)
      .map(({ key }) => key.slice(0, key.length - (key.length % 23)));
    for (const prefix of [LAYOUT.blobsPrefix, LAYOUT.repositoriesPrefix, ...prefixes]) {
      const names = async (bucket: MemoryBucket, options: { delimiter?: string; next?: string }) => {
        const { objects: found, prefixes: common } = await bucket.list(prefix, options);
        return [found.map(({ key }) => key), common];
      };
      expect(await names(based, {})).toEqual(await names(held, {}));
      expect(await names(based, { delimiter: '/' })).toEqual(await names(held, { delimiter: '/' }));
    }
  }, 60_000);

  it('shows what is missing and what is left over', async () => {
    const bucket = new MemoryBucket({ base: objects('pruned') });
    const look = async () => await inspect(iterated(await listed(bucket)), objects('pruned'), LAYOUT);
    expect(await look()).toMatchObject({ missing: 0, surplus: 0 });
    const [first, second] = await listed(bucket);
    await bucket.deleteMany([first?.key ?? '']);
    bucket.seed(second?.key ?? '', 'other');
    bucket.seed(LAYOUT.tagCurrent('team-0/service-0', 'more'), 'sha256:');
    expect(await look()).toMatchObject({ missing: 2, surplus: 1 });
  });
});

async function listed(bucket: MemoryBucket) {
  const all = [];
  let next: string | undefined;
  do {
    const page = await bucket.list(LAYOUT.prefix, next === undefined ? {} : { next });
    all.push(...page.objects);
    next = page.next;
  } while (next !== undefined);
  return all;
}

async function* iterated<T>(values: Iterable<T>) {
  yield* values;
}
