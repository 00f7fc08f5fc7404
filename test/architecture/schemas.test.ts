import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { BlobEventDetail } from '../../lambdas/index/blob-events.ts';
import { type PruneEventDetail, pruneEvent } from '../../lambdas/prune/event.ts';
import type { PlanProgress, RefusalCode, Report, Status } from '../../lambdas/prune/report.ts';
import type { Mode, Trigger } from '../../lambdas/prune/request.ts';
import type { RestoreReport, RestoreStatus, SkippedCode } from '../../lambdas/restore/report.ts';
import { DAY } from '../support/clock.ts';
import { digestOf, image, layer } from '../support/images.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { layerKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const SCHEMAS = join(import.meta.dirname, '../../schemas');

function schema(name: string): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  return ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8')));
}

const report = schema('prune-report');
const event = schema('prune-event');
const blobEvent = schema('blob-event');
const restoreReport = schema('restore-report');

function errors(validate: ValidateFunction, value: unknown): string[] {
  // As callers get it: what JSON leaves of it.
  validate(JSON.parse(JSON.stringify(value)));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const digest = digestOf(new TextEncoder().encode('anything'));

/** With every field that a report can have. */
const FULL: Report = {
  runId: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  status: 'completed',
  dryRun: false,
  mode: 'online',
  trigger: 'cli',
  imagesDeleted: [
    { untagged: 'team/app:v1', lastPulledAt: '2026-11-20T08:00:00.000Z' },
    { deleted: digest, lastPulledAt: '2026-11-24T08:00:00.000Z' },
  ],
  spaceReclaimed: 21_568_540,
  manifests: { examined: 5, deleted: 3, kept: 2, skipped: 0 },
  blobs: { examined: 9, condemned: 0, condemnedBytes: 0, deleted: 7, rescued: 0, failed: 0 },
  links: { deleted: 7 },
  uploads: { deleted: 0, bytes: 0 },
  refusals: [{ code: 'kept', message: 'why', repository: 'team/app', digest }],
  journal: 's3://my-registry/registry-prune/journal/01KAV3M2Q8Z5N6W4R7T9Y1B3CD/',
  plan: {
    hash: `sha256:${'0'.repeat(64)}`,
    manifests: { planned: 4, gone: 3, pending: 0, dropped: 1 },
    links: { planned: 7, gone: 7, pending: 0, dropped: 0 },
    blobs: { planned: 9, gone: 7, pending: 2, dropped: 0 },
    uploads: { planned: 0, gone: 0, pending: 0, dropped: 0 },
    nextAt: '2026-11-25T16:50:00.000Z',
    dropped: [{ kind: 'manifest', what: `team/app@${digest}`, code: 'changed', reason: 'why' }],
  },
  startedAt: '2026-11-24T16:50:00.000Z',
  durationMs: 5210,
};

const PLAN = FULL.plan as PlanProgress;

const RESTORED: BlobEventDetail = {
  schemaVersion: '1.0',
  type: 'blob',
  action: 'restored',
  digest,
  bucket: 'my-registry',
  size: 1024,
  deletedBy: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  repositories: ['team/app'],
  time: '2026-11-24T16:50:05.210Z',
};

const UNDONE: RestoreReport = {
  runId: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  dryRun: false,
  status: 'partial',
  manifests: { restored: 3, present: 0, skipped: 1 },
  tags: { restored: 1, present: 0, skipped: 1 },
  links: { restored: 7, present: 0, skipped: 0 },
  blobs: { restored: 7, bytes: 21_568_540, present: 0, lost: 1 },
  uploads: 2,
  skipped: [{ code: 'lost', what: digest, reason: 'no version of its data is left in the bucket' }],
  startedAt: '2026-11-24T18:00:00.000Z',
  durationMs: 1840,
};

const detailOf = (of: Report) => pruneEvent(of, 'my-registry', new Date('2026-11-24T16:50:05.210Z')).detail;

// Objects, so that a value added to a type and not here does not compile.
const CODES = Object.keys({
  'stale-index': 0,
  'dead-letters': 0,
  'pushes-arriving': 0,
  'blast-radius': 0,
  'unversioned-bucket': 0,
  unreadable: 0,
  kept: 0,
  lost: 0,
  failed: 0,
  'event-not-published': 0,
} satisfies Record<RefusalCode, 0>) as RefusalCode[];
const STATUSES = Object.keys({ completed: 0, partial: 0, refused: 0 } satisfies Record<
  Status,
  0
>) as Status[];
const UNDO_STATUSES = Object.keys({ restored: 0, partial: 0 } satisfies Record<RestoreStatus, 0>);
const SKIPPED = Object.keys({
  'newer-tag': 0,
  'client-deleted': 0,
  'other-run': 0,
  'manifest-missing': 0,
  lost: 0,
  failed: 0,
  unreadable: 0,
  unfinished: 0,
} satisfies Record<SkippedCode, 0>);
const TRIGGERS = Object.keys({ schedule: 0, manual: 0, cli: 0 } satisfies Record<Trigger, 0>) as Trigger[];
const MODES = Object.keys({ online: 0, offline: 0 } satisfies Record<Mode, 0>) as Mode[];

describe('the schemas', () => {
  it('accept every value of every field', () => {
    const reports: Report[] = [
      FULL,
      ...STATUSES.map((status) => ({ ...FULL, status })),
      ...TRIGGERS.map((trigger) => ({ ...FULL, trigger })),
      ...MODES.map((mode) => ({ ...FULL, mode })),
      { ...FULL, imagesDeleted: [{ untagged: 'team/app:v1' }, { deleted: digest }] },
      { ...FULL, plan: { ...PLAN, nextAt: null, dropped: [] } },
      { ...FULL, refusals: CODES.map((code) => ({ code, message: 'why' })) },
    ];
    for (const one of reports) {
      expect(errors(report, one)).toEqual([]);
      expect(errors(event, detailOf(one))).toEqual([]);
    }
  });

  it('accept an event of a blob of which little is known', () => {
    const lost = { ...RESTORED, action: 'lost', size: null, deletedBy: null, repositories: [] };
    for (const one of [RESTORED, lost]) expect(errors(blobEvent, one)).toEqual([]);
  });

  it('name exactly the values that the code knows', () => {
    const properties = (validate: ValidateFunction) => (validate.schema as { properties: never }).properties;
    const { status, trigger, mode, refusals } = properties(report) as Record<string, { enum: string[] }> & {
      refusals: { items: { properties: { code: { enum: string[] } } } };
    };
    expect([status?.enum, trigger?.enum, mode?.enum]).toEqual([STATUSES, TRIGGERS, MODES]);
    expect(refusals.items.properties.code.enum).toEqual(CODES);
    const undone = properties(restoreReport) as { status: { enum: string[] }; skipped: typeof refusals };
    expect(undone.status.enum).toEqual(UNDO_STATUSES);
    expect(undone.skipped.items.properties.code.enum).toEqual(SKIPPED);
    const published = properties(event) as Record<string, { enum: string[] }>;
    expect([published['status']?.enum, published['trigger']?.enum, published['mode']?.enum]).toEqual([
      STATUSES,
      TRIGGERS,
      MODES,
    ]);
  });

  it.each([
    { name: 'prune-report', validate: report, value: FULL as object, optional: ['journal', 'plan'] },
    { name: 'prune-event', validate: event, value: detailOf(FULL), optional: [] },
    { name: 'blob-event', validate: blobEvent, value: RESTORED, optional: [] },
    { name: 'restore-report', validate: restoreReport, value: UNDONE, optional: [] },
  ])('refuse a field too many or too few: $name', ({ validate, value, optional }) => {
    expect(errors(validate, { ...value, more: 1 })).not.toEqual([]);
    const needless = Object.keys(value).filter((field) => {
      const { [field]: _, ...rest } = value as Record<string, unknown>;
      return errors(validate, rest).length === 0;
    });
    expect(needless).toEqual(optional);
  });

  it.each(['manifests', 'blobs', 'links', 'uploads'] as const)('refuse a count too many: %s', (field) => {
    expect(errors(report, { ...FULL, [field]: { ...FULL[field], more: 1 } })).not.toEqual([]);
  });

  it('refuse a field too many or too few in what became of a plan', () => {
    expect(errors(report, { ...FULL, plan: { ...PLAN, more: 1 } })).not.toEqual([]);
    for (const field of Object.keys(PLAN)) {
      const { [field]: _, ...rest } = PLAN as unknown as Record<string, unknown>;
      expect([field, errors(report, { ...FULL, plan: rest }).length]).not.toEqual([field, 0]);
    }
    const links = { ...PLAN.links, more: 1 };
    expect(errors(report, { ...FULL, plan: { ...PLAN, links } })).not.toEqual([]);
    const dropped = PLAN.dropped.map((one) => ({ ...one, more: 1 }));
    expect(errors(report, { ...FULL, plan: { ...PLAN, dropped } })).not.toEqual([]);
  });

  it('refuse what is no digest, no time, no count', () => {
    expect(errors(report, { ...FULL, plan: { ...PLAN, hash: 'sha512:0' } })).not.toEqual([]);
    expect(errors(report, { ...FULL, plan: { ...PLAN, nextAt: 'soon' } })).not.toEqual([]);
    expect(errors(report, { ...FULL, imagesDeleted: [{ deleted: 'sha256:abc' }] })).not.toEqual([]);
    const [lastPulledAt, untagged] = ['yesterday', 'team/app:v1'];
    expect(errors(report, { ...FULL, imagesDeleted: [{ untagged, lastPulledAt }] })).not.toEqual([]);
    expect(errors(report, { ...FULL, startedAt: '24 Nov 2026' })).not.toEqual([]);
    expect(errors(report, { ...FULL, spaceReclaimed: -1 })).not.toEqual([]);
    expect(errors(event, { ...detailOf(FULL), recoverableUntil: 'never' })).not.toEqual([]);
    expect(errors(blobEvent, { ...RESTORED, digest: 'sha256:abc' })).not.toEqual([]);
    expect(errors(blobEvent, { ...RESTORED, size: -1 })).not.toEqual([]);
    expect(errors(blobEvent, { ...RESTORED, action: 'found' })).not.toEqual([]);
    expect(errors(restoreReport, { ...UNDONE, uploads: -1 })).not.toEqual([]);
    expect(errors(restoreReport, { ...UNDONE, tags: { ...UNDONE.tags, more: 1 } })).not.toEqual([]);
  });
});

describe('what real runs report and publish', () => {
  async function published(world: World): Promise<PruneEventDetail[]> {
    return world.bus.events.map(({ detail }) => detail as PruneEventDetail);
  }

  it.each([
    {
      title: 'a run that deletes',
      versioned: true,
      body: { mode: 'offline', filters: { dangling: ['false'] } },
    },
    { title: 'a dry run', versioned: true, body: { mode: 'offline', dryRun: true } },
    { title: 'an online run that must not delete data', versioned: false, body: {} },
  ])('$title', async ({ versioned, body }) => {
    const world = new World({ versioned });
    await world.registry.push('team/app', image('tagged'), 'v1');
    await world.registry.push('team/app', image('untagged'));
    await world.reindex();
    await world.later();
    const made = await world.prune(body);

    expect(errors(report, made)).toEqual([]);
    expect(made.manifests.deleted).toBeGreaterThan(0);
    const events = await published(world);
    expect(events).toHaveLength(made.dryRun ? 0 : 1);
    for (const detail of events) expect(errors(event, detail)).toEqual([]);
  });

  it('a refused run', async () => {
    const world = new World();
    const made = await world.prune();
    expect(made).toMatchObject({ status: 'refused', refusals: [{ code: 'stale-index' }] });
    expect(errors(report, made)).toEqual([]);
    for (const detail of await published(world)) expect(errors(event, detail)).toEqual([]);
  });

  it.each([
    { action: 'restored', versioned: true },
    { action: 'lost', versioned: false },
  ])('a late reference to what a run has deleted: $action', async ({ action, versioned }) => {
    const world = new World({ versioned });
    const blob = await world.registry.upload('team/app', layer('late'));
    await world.reindexAndPrune({ mode: 'offline' });
    world.registry.mount('team/app', blob);
    await new LiveIndexer(world).keys([layerKey('team/app', blob)]);
    const { detail } = world.bus.events.at(-1) ?? {};
    expect(detail).toMatchObject({ action, digest: blob });
    expect(errors(blobEvent, detail)).toEqual([]);
  });

  it.each([true, false])('an undo, dry run: %s', async (dryRun) => {
    const world = new World();
    await world.registry.push('team/app', image('one'), 'v1');
    await world.registry.push('team/app', image('two'), 'v2');
    const { runId } = await world.reindexAndPrune({ mode: 'offline', filters: { dangling: ['false'] } });
    await world.registry.push('team/app', image('newer'), 'v1');
    const made = await world.restore(runId, { dryRun });
    expect(made).toMatchObject({ status: 'restored', skipped: [{ code: 'newer-tag' }] });
    expect(errors(restoreReport, made)).toEqual([]);
  });

  it('the examples of the documentation', () => {
    const readme = readFileSync(join(SCHEMAS, '../README.md'), 'utf8');
    const examples = Array.from(readme.matchAll(/```json\n([\s\S]*?)```/g), ([, text = '']) =>
      JSON.parse(text),
    );
    const shown = examples.find((example) => 'imagesDeleted' in example);
    const sent = examples.find((example) => 'detail-type' in example);
    expect(errors(report, shown)).toEqual([]);
    expect(errors(event, sent.detail)).toEqual([]);
    const { bucket, time, recoverableUntil } = sent.detail;
    expect(Date.parse(recoverableUntil) - Date.parse(shown.startedAt)).toBe(14 * DAY);
    expect(sent.detail).toEqual(pruneEvent(shown, bucket, new Date(time), { recoverableUntil }).detail);
  });
});
