import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { GROUPINGS } from '../../cli/usage/report.ts';
import { SHARDS, UnknownItemError } from '../../lambdas/store/items.ts';
import type { Item, Value } from '../../lambdas/store/table.ts';
import { DAY } from '../support/clock.ts';
import { digestOf, layer } from '../support/images.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { watchDeletions } from '../support/planned-keys.ts';
import { ROOT } from '../support/registry-writer.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { usageReport } from '../support/usage-figures.ts';
import { type Body, World } from '../support/world.ts';
import { DIGESTS, NAMES } from './arbitraries.ts';
import { expectCleanPrototypes } from './pollution.ts';
import { damageTo, populate, UUID, type Victim } from './victim.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const name = fc.oneof(fc.constantFrom('app', 'safe', 'nobody'), fc.constantFrom(...NAMES));
const digest = fc.constantFrom(...DIGESTS);
const uuid = fc.constantFrom(UUID, '', '..', 'x', '\0');
/** Of no type that any attribute has where it is read. */
const nonsense: fc.Arbitrary<Value> = fc.constantFrom<Value[]>(
  ...[
    null,
    true,
    [],
    {},
    '',
    'zombie',
    -1.5,
    [null],
    [[]],
    [{}],
    { deep: [{ deep: {} }] },
    '\0',
    'x'.repeat(300_000),
  ],
);
const value: fc.Arbitrary<Value> = fc.oneof(
  nonsense,
  digest,
  name,
  fc.constantFrom<Value[]>(0, 1, 1e15, 'live', 'condemned', 'deleting', 'deleted', ['v1'], [['a', 'b']]),
);

const partition = fc.oneof(
  name.map((one) => `REPO#${one}`),
  fc.tuple(name, digest).map(([one, of]) => `HOLDERS#${one}@${of}`),
  fc.tuple(name, digest).map(([one, of]) => `REFERRERS#${one}@${of}`),
  digest.map((of) => `BLOB#${of}`),
  name.map((one) => `UPLOAD#${one}`),
  fc.constantFrom(
    'REPOSITORIES',
    'RUNS',
    'INDEX',
    'LAST',
    'LOCK',
    'HOLDERS#',
    'BLOB#',
    '__proto__',
    'X',
    '\0',
  ),
);
const sort = fc.oneof(
  digest.map((of) => `MANIFEST#${of}`),
  fc.tuple(name, digest).map(([one, of]) => `MANIFEST#${one}@${of}`),
  name.map((one) => `TAG#${one}`),
  name.map((one) => `LINK#${one}`),
  digest.map((of) => `INDEX#${of}`),
  digest.map((of) => `SUBJECT#${of}`),
  digest.map((of) => `UNREADABLE#KEY#${of}`),
  digest.map((of) => `UNREADABLE#LINK#${of}`),
  name.map((one) => `UNREADABLE#TAG#${one}`),
  fc.constantFrom(
    'BLOB',
    'MANIFEST#',
    'TAG#',
    'LINK#',
    'UNREADABLE#',
    'INDEX#',
    'SUBJECT#',
    'zombie',
    '__proto__',
  ),
  uuid,
  name,
);
const ATTRIBUTES = [
  ...[
    'version',
    'state',
    'touchedAt',
    'mediaType',
    'size',
    'pushedAt',
    'layers',
    'children',
    'taggedAs',
    'labels',
  ],
  ...[
    'subject',
    'config',
    'unlinked',
    'problem',
    'linkedAt',
    'removedAt',
    'digest',
    'taggedAt',
    'startedAt',
    'runId',
  ],
  ...[
    'untagging',
    'condemnedAt',
    'key',
    'detail',
    'expireAt',
    'gains',
    'lastPulledAt',
    'writtenAt',
    'seenAt',
    'since',
  ],
  ...['__proto__', 'constructor', 'toString'],
];
const queue = fc
  .tuple(fc.constantFrom('manifest', 'blob', 'upload'), fc.constantFrom(...SHARDS))
  .map(([kind, shard]) => ({ queue: `${kind}#${shard}`, dueAt: 0 }));
const live = {
  version: 1,
  state: 'live',
  touchedAt: 0,
  size: 1,
  linkedAt: 0,
  pushedAt: 0,
  startedAt: 0,
  taggedAt: 0,
};
const whole = { ...live, mediaType: 'x', layers: [], children: [], taggedAs: [] };
const attributes = fc
  .array(fc.tuple(fc.constantFrom(...ATTRIBUTES), value), { maxLength: 6 })
  .map((pairs) => Object.fromEntries(pairs));

/** A row that was not there before. */
const row = fc
  .tuple(
    partition,
    sort.filter((sk) => sk !== ''),
    fc.constantFrom({}, live, whole),
    attributes,
    fc.option(queue, { nil: {} }),
  )
  .map(([pk, sk, base, own, due]): Item => ({ ...base, ...own, ...due, pk, sk }))
  .filter(({ pk, sk }) => Buffer.byteLength(pk) <= 2048 && Buffer.byteLength(sk) <= 1024);

/** What every item of its kind has, so that one without it or with something else is in no known shape. */
const REQUIRED = [
  ...[
    'version',
    'state',
    'touchedAt',
    'mediaType',
    'size',
    'pushedAt',
    'layers',
    'children',
    'taggedAs',
    'linkedAt',
  ],
  ...['digest', 'taggedAt'],
];

/** A change of a row that is there. */
const spoiling = fc.record({ at: fc.nat(), what: fc.nat(), to: fc.option(nonsense, { nil: undefined }) });

async function spoil(
  world: World,
  rows: readonly Item[],
  { at, what, to }: { at: number; what: number; to: Value },
) {
  const known = rows.filter(({ pk }) => /^(?:REPO|BLOB)#/.test(pk));
  const found = known[at % Math.max(1, known.length)];
  if (found === undefined) return;
  const names = REQUIRED.filter((one) => found[one] !== undefined);
  const one = names[what % Math.max(1, names.length)];
  // An empty list or text is of a known shape where lists and texts are, and would be a lie and no nonsense.
  if (one === undefined || typeof to === typeof found[one]) return;
  const { [one]: _, ...rest } = found;
  await world.table.put({ ...rest, ...(to === undefined ? {} : { [one]: to }), pk: found.pk, sk: found.sk });
}

/** @returns undefined for a row that says what it is in no shape that is known. */
async function unlessUnknown<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnknownItemError)) throw error;
    return undefined;
  }
}

/** A report, or an error that says so before anything is done. */
async function prune(world: World, victim: Victim, body: Body): Promise<string | undefined> {
  const { deleted, objects } = watchDeletions(world.dependencies.objects);
  const report = await unlessUnknown(async () => await world.prune(body, { objects }));
  if (report === undefined) expect([...deleted]).toEqual([]);
  for (const key of deleted) expect(key.startsWith(ROOT)).toBe(true);
  expect([...deleted].filter((key) => victim.needed.has(key))).toEqual([]);
  expect(await damageTo(world, victim)).toEqual([]);
  return report?.runId;
}

it('a table in which strangers write loses nothing that is needed, and no run crashes', async () => {
  let reported = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 8 }),
      fc.array(spoiling, { maxLength: 3 }),
      fc.constantFrom<Body>({ mode: 'offline' }, { mode: 'online' }),
      fc.boolean(),
      async (rows, spoilings, body, repaired) => {
        const world = new World();
        const victim = await populate(world);
        await world.reindex();
        world.clock.advance(2 * DAY);
        await world.reindex();
        const before = await world.items();
        for (const one of rows) await world.table.put(one, { absent: true });
        for (const one of spoilings)
          await spoil(world, before, one as { at: number; what: number; to: Value });
        const ids: string[] = [];
        for (let round = 0; round < 3; round++) {
          if (repaired) await unlessUnknown(async () => await world.reindex());
          await unlessUnknown(async () => await world.plan(body));
          const id = await prune(world, victim, body);
          if (id !== undefined) ids.push(id);
          await world.later();
        }
        const { failed } = await new LiveIndexer(world).everything();
        // Each message by itself: it will be a dead letter, which a run sees.
        if (failed.length > 0) reported += 1;
        for (const subject of victim.subjects) await unlessUnknown(async () => await world.why(subject));
        for (const by of GROUPINGS) await usageReport(world.table, by);
        await prune(world, victim, { ...body, filters: { label: ['nobody'], dangling: ['false'] } });
        for (const id of ids) await unlessUnknown(async () => await world.restore(id));
        expect(await damageTo(world, victim)).toEqual([]);
      },
    ),
    runs(50),
  );
  expect(reported).toBeGreaterThan(found(3));
});

const KNOWN = digestOf(layer('shared'));

it.each<[string, Item]>([
  [
    'an upload of no id',
    { pk: 'UPLOAD#app', sk: '..', version: 1, startedAt: 0, queue: 'upload#0', dueAt: 0 },
  ],
  [
    'an upload of no repository',
    { pk: 'UPLOAD#../x', sk: UUID, version: 1, startedAt: 0, queue: 'upload#6', dueAt: 0 },
  ],
  ['a tag of no repository', { pk: 'REPO#../x', sk: 'TAG#v1', version: 1, digest: KNOWN, taggedAt: 0 }],
  ['a tag of no name', { pk: 'REPO#app', sk: 'TAG#../..', version: 1, digest: KNOWN, taggedAt: 0 }],
  ['an edge of no kind', { pk: `BLOB#${KNOWN}`, sk: 'zombie' }],
  ['a reference of no repository', { pk: `BLOB#${KNOWN}`, sk: `MANIFEST#../x@${KNOWN}` }],
  ['a holder of no name', { pk: `HOLDERS#app@${KNOWN}`, sk: 'TAG#../..' }],
  [
    'a manifest of no repository',
    { ...whole, pk: 'REPO#../x', sk: `MANIFEST#${KNOWN}`, queue: 'manifest#0', dueAt: 0 },
  ],
  ['a blob whose version is no number', { pk: `BLOB#${KNOWN}`, sk: 'BLOB', ...live, version: 'x' }],
])('%s stops no rebuild and no run', async (_, item) => {
  const world = new World();
  const victim = await populate(world);
  await world.reindex();
  world.clock.advance(2 * DAY);
  await world.table.put(item);
  for (const mode of ['offline', 'online']) {
    await world.reindex();
    await world.plan({ mode });
    await prune(world, victim, { mode });
    await world.later();
  }
  expect((await world.keys()).has(victim.garbage)).toBe(false);
  for (const subject of victim.subjects) await unlessUnknown(async () => await world.why(subject));
});
