/** What the command line prints as JSON, and the function answers with, follows schemas/. */
import { beforeAll, describe, expect, it } from 'vitest';
import type {
  Because,
  ManifestExplanation,
  PathStep,
  VerdictKind,
} from '../../lambdas/explain/explanation.ts';
import type { PlanAnswer } from '../../lambdas/operations/operate.ts';
import { statusOf } from '../../lambdas/operations/status.ts';
import type { Plan } from '../../lambdas/plan/document.ts';
import type { DropCode, Dropped, Report } from '../../lambdas/prune/report.ts';
import { historyOf } from '../../lambdas/restore/history.ts';
import type { State } from '../../lambdas/store/items.ts';
import { PruneLock } from '../../lambdas/store/lock.ts';
import { latestRuns, readRun } from '../../lambdas/store/runs.ts';
import { digestOf, image } from '../support/images.ts';
import { schemaErrors as errors, schema } from '../support/schemas.ts';
import { JOURNAL, World } from '../support/world.ts';

const digest = digestOf(new TextEncoder().encode('anything'));
const ALL = { filters: { dangling: ['false'] } };

/** One world, and all that was said of it. */
let plan: Plan;
let answer: PlanAnswer;
let applied: Report[];
let said: Readonly<Record<string, unknown[]>>;

beforeAll(async () => {
  const world = new World();
  await world.registry.push('team/app', image('first'), 'v1');
  const second = await world.registry.push('team/app', image('second'), 'v1');
  const other = await world.registry.push('team/other', image('other'), 'v1');
  await world.registry.upload('team/app', new TextEncoder().encode('linked and unused'));
  const reindexed = await world.reindex();
  const subjects = ['team/app:v1', 'team/none:v1', `team/app@${image('first').digest}`, digest, second];
  const why = async () => await Promise.all(subjects.map((subject) => world.why(subject)));
  const resting = await why();
  await world.later();
  const rested = [...(await why()), await world.why('team/other:v1', ALL)];
  const made = await world.plan(ALL);
  if (made.plan === undefined) throw new Error(`no plan: ${JSON.stringify(made.report)}`);
  plan = made.plan;
  const { hash, totals, repositories } = plan;
  answer = { report: made.report, plan, hash, totals, repositories, location: 's3://registry/plans/1.json' };
  const refused = await new World().plan();
  await world.registry.push('team/other', image('newer'), 'v2');
  world.registry.tag('team/other', other, 'again');
  await world.reindex();
  applied = [await world.apply(plan, { dryRun: true }), await world.apply(plan)];
  await world.later();
  await world.reindex();
  applied.push(await world.apply(plan));
  const gone = [...(await why()), await world.why(plan.blobs[0]?.digest ?? digest)];
  const [, first] = applied;
  const history = await Promise.all(
    [image('first').digest, digest].map((one) =>
      historyOf({ objects: world.bucket, metadata: world.metadata }, JOURNAL, one),
    ),
  );
  const free = await statusOf(world.table, world.clock.now());
  const runs = await latestRuns(world.table, 10);
  const undone = await world.restore(first?.runId ?? '');
  const back = await why();
  const hold = async (runId: string) => {
    const request = { owner: 'somebody', deadline: world.clock.now() + 60_000, runId };
    await PruneLock.take(world.table, world.clock.now, request);
  };
  await hold('another');
  const held = await statusOf(world.table, world.clock.now());
  await world.later();
  await hold(first?.runId ?? '');
  said = {
    plan: [plan],
    'plan-answer': [answer, { report: refused.report }, { ...answer, plan: undefined }],
    'prune-report': applied,
    'restore-report': [undone],
    why: [...resting, ...rested, ...gone, ...back],
    history,
    run: [...runs, await readRun(world.table, first?.runId ?? '')],
    runs: [runs, []],
    status: [free, held, await statusOf(world.table, world.clock.now())],
    'reindex-report': [reindexed],
    init: [{ table: 'metadata', created: true, ttl: 'enabled' }],
    index: [{ applied: 1, ignored: 0, postponed: 0, failed: 0, restored: 0, lost: 0 }],
    unlock: [
      { unlocked: false, freeAt: null },
      { unlocked: true, freeAt: plan.createdAt },
    ],
  };
});

const NAMES = [
  ...['plan', 'plan-answer', 'prune-report', 'restore-report', 'why', 'history', 'run', 'runs', 'status'],
  ...['reindex-report', 'init', 'index', 'unlock'],
];

describe('what is said', () => {
  it.each(NAMES)('follows its schema: %s', (name) => {
    expect(said[name]?.length).toBeGreaterThan(0);
    for (const value of said[name] ?? []) expect(errors(name, value)).toEqual([]);
  });

  it('is of all kinds', () => {
    const explained = (said['why'] ?? []).flatMap((one) => {
      const { tag, manifests, blob } = one as { tag?: { formerly: ManifestExplanation[] } } & Record<
        'manifests' | 'blob',
        never
      >;
      return [...(tag?.formerly ?? []), ...(manifests as ManifestExplanation[]), ...(blob ? [blob] : [])];
    }) as ManifestExplanation[];
    const verdicts = new Set(explained.map(({ verdict }) => verdict));
    expect(verdicts).toEqual(new Set(['due', 'kept', 'deleted', 'unknown']));
    for (const field of ['path', 'goesWith', 'afterwards', 'deletion', 'because'] as const)
      expect([field, explained.some((one) => one[field] !== undefined)]).toEqual([field, true]);
    expect(plan.manifests.some(({ tags }) => tags.length > 0)).toBe(true);
    for (const list of ['links', 'blobs', 'repositories'] as const) expect(plan[list]).not.toEqual([]);
    expect(applied[1]?.plan?.dropped).not.toEqual([]);
    expect(Object(said['history']?.[0]).lines).not.toEqual([]);
    const [free, held, running] = said['status'] as { lock: unknown; run: unknown }[];
    expect([free?.lock, held?.run]).toEqual([null, null]);
    expect(running?.run).not.toBeNull();
  });
});

/** Fields that may be absent, of each value that has all of them. */
const OPTIONAL: readonly (readonly [name: string, value: () => unknown, optional: readonly string[]])[] = [
  ['plan', () => plan, []],
  // The one says that the others are there.
  ['plan-answer', () => answer, ['plan', 'location']],
  ['prune-report', () => applied[1], ['journal', 'plan']],
  ['restore-report', () => said['restore-report']?.[0], []],
  ['why', () => said['why']?.find((one) => Object(one).tag !== undefined), ['tag']],
  ['history', () => said['history']?.[0], []],
  [
    'run',
    () => ({
      ...(said['run']?.find((one) => Object(one).journal) as object),
      ...{ restoredAt: plan.createdAt, plan: plan.hash, progressAt: plan.createdAt, owner: 'me' },
    }),
    [
      ...['mode', 'trigger', 'startedAt', 'durationMs', 'spaceReclaimed', 'manifests', 'blobs', 'links'],
      ...['uploads', 'refusals', 'journal', 'recoverable', 'recoverableUntil', 'restoredAt', 'plan', 'owner'],
      'progressAt',
    ],
  ],
  ['status', () => said['status']?.[1], []],
  ['reindex-report', () => said['reindex-report']?.[0], []],
  ['init', () => said['init']?.[0], []],
  ['index', () => said['index']?.[0], []],
  ['unlock', () => said['unlock']?.[0], []],
];

describe('the schemas refuse', () => {
  it.each(OPTIONAL)('a field too many or too few: %s', (name, made, optional) => {
    const value = JSON.parse(JSON.stringify(made()));
    expect(errors(name, value)).toEqual([]);
    expect(errors(name, { ...value, more: 1 })).not.toEqual([]);
    const needless = Object.keys(value).filter((field) => {
      const { [field]: _, ...rest } = value;
      return errors(name, rest).length === 0;
    });
    expect(new Set(needless)).toEqual(new Set(optional));
  });

  it('a field too many in any row, however deep', () => {
    for (const name of NAMES) {
      for (const value of said[name] ?? []) {
        for (const wrong of withOneMore(JSON.parse(JSON.stringify(value)))) {
          if (errors(name, wrong).length === 0) expect.fail(`${name}: ${JSON.stringify(wrong)}`);
        }
      }
    }
  });

  it('what is no digest, no time, no count, no hash', () => {
    expect(errors('plan', { ...plan, hash: 'sha512:1' })).not.toEqual([]);
    expect(errors('plan', { ...plan, createdAt: 'today' })).not.toEqual([]);
    expect(errors('plan', { ...plan, schemaVersion: '2.0' })).not.toEqual([]);
    expect(errors('plan', { ...plan, totals: { ...plan.totals, bytes: -1 } })).not.toEqual([]);
    expect(errors('plan-answer', { ...answer, location: '/plans/1.json' })).not.toEqual([]);
    expect(errors('run', { runId: '1', version: 1, status: 'over' })).not.toEqual([]);
    expect(errors('unlock', { unlocked: true, freeAt: 'soon' })).not.toEqual([]);
    expect(errors('init', { table: 'x', created: true, ttl: 'maybe' })).not.toEqual([]);
  });
});

/** The value once for each object in it, which has one field more. Maps by names of others' choosing aside. */
function* withOneMore(value: unknown, field = ''): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [at, one] of value.entries())
      for (const wrong of withOneMore(one)) yield value.with(at, wrong);
  } else if (typeof value === 'object' && value !== null) {
    if (!MAPS.includes(field)) yield { ...value, more: [] };
    for (const [name, one] of Object.entries(value))
      for (const wrong of withOneMore(one, name)) yield { ...value, [name]: wrong };
  }
}
const MAPS = ['filters'];

it('the schemas name exactly the values that the code knows', () => {
  // Objects, so that a value added to a type and not here does not compile.
  const because = Object.keys({
    ...{ tag: 0, grace: 0, quarantine: 0, filter: 0, problem: 0, arriving: 0, departing: 0, scope: 0 },
    ...{ referenced: 0, linked: 0, 'unversioned-bucket': 0, garbage: 0 },
  } satisfies Record<Because, 0>);
  const verdict = Object.keys({ due: 0, kept: 0, deleting: 0, deleted: 0, unknown: 0 } satisfies Record<
    VerdictKind,
    0
  >);
  const by = Object.keys({ named: 0, listed: 0, refers: 0, signs: 0 } satisfies Record<
    NonNullable<PathStep['by']>,
    0
  >);
  const state = Object.keys({ live: 0, condemned: 0, deleting: 0, deleted: 0, unknown: 0 } satisfies Record<
    State | 'unknown',
    0
  >);
  const why = definitions('why');
  for (const of of [why['manifest'], why['blob']]) {
    expect(of?.properties['because'].enum).toEqual(because);
    expect(of?.properties['verdict'].enum).toEqual(verdict);
  }
  expect(why['path']?.items?.properties['by'].enum).toEqual(by);
  expect([why['state']?.enum, definitions('history')['state']?.enum]).toEqual([state, state]);

  const kinds = Object.keys({ manifest: 0, link: 0, blob: 0, upload: 0 } satisfies Record<
    Dropped['kind'],
    0
  >);
  const codes = Object.keys({
    ...{ changed: 0, needed: 0, 'not-planned': 0, unreadable: 0, filter: 0, 'unversioned-bucket': 0 },
  } satisfies Record<DropCode, 0>);
  const { dropped } = (schema('prune-report').schema as Shape).properties['plan'].properties;
  expect(dropped.items.properties.kind.enum).toEqual(kinds);
  expect(dropped.items.properties.code.enum).toEqual(codes);
});

interface Shape {
  readonly enum?: readonly string[];
  readonly items?: Shape;
  // biome-ignore lint/suspicious/noExplicitAny: a schema is JSON, and the test looks at what it needs of it.
  readonly properties: Readonly<Record<string, any>>;
}

const definitions = (name: string): Readonly<Record<string, Shape>> =>
  Object(schema(name).schema as object).$defs;
