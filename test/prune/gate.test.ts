import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { METRICS, metricsOf } from '../../lambdas/metric-names.ts';
import type { PruneEventDetail } from '../../lambdas/prune/event.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { observe } from '../../lambdas/prune/telemetry.ts';
import { reindexKey } from '../../lambdas/store/items.ts';
import { MemoryQueue } from '../../local/memory-queue.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { image } from '../support/images.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { HEARTBEATS, World } from '../support/world.ts';

/** A tagged image and an untagged one that is due, in an index that is in line. */
async function withGarbage() {
  const world = new World();
  await world.registry.push('app', image('garbage'));
  await world.registry.push('app', image('kept'), 'v1');
  await world.reindex();
  await world.later();
  return world;
}

const heartbeats = async (world: World): Promise<string[]> =>
  (await world.bucket.list(HEARTBEATS)).objects.map(({ key }) => key);

/** The heartbeats of runs come back by the bucket's events. */
async function seeHeartbeats(world: World): Promise<void> {
  await new LiveIndexer(world).keys(await heartbeats(world));
}

const eventOf = (world: World) => world.bus.events.at(-1)?.detail as PruneEventDetail;

async function refused(world: World, code: string, faults = {}): Promise<Report> {
  const before = await world.keys();
  const report = await world.prune({}, faults);
  expect(report).toMatchObject({
    ...{ status: 'refused', imagesDeleted: [], spaceReclaimed: 0 },
    refusals: [{ code }],
  });
  expect(await world.keys()).toEqual(before);
  return report;
}

describe('events that no longer arrive', () => {
  it('refuse every run, and its report and event say why', async () => {
    const world = await withGarbage();
    world.clock.advance(16 * MINUTE);
    const report = await refused(world, 'stale-index');
    const reason = report.refusals[0]?.message;
    expect(reason).toMatch(/960 s ago; allowed are 900 s \(MAX_INDEX_LAG\)/);
    expect(eventOf(world)).toMatchObject({ status: 'refused', refusals: ['stale-index'], reason });
  });

  it('refuse none as long as heartbeats arrive, however long ago the rebuild was', async () => {
    const world = await withGarbage();
    world.clock.advance(30 * DAY);
    await refused(world, 'stale-index');
    // The refused run has written one.
    await seeHeartbeats(world);
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'completed', manifests: { deleted: 1 }, refusals: [] });
    expect(eventOf(world)).toMatchObject({ refusals: [], reason: null });
  });

  it('refuse a run although a heartbeat arrives that was written long before', async () => {
    const world = await withGarbage();
    world.bucket.seed(`${HEARTBEATS}late`, '{}');
    world.clock.advance(HOUR);
    await seeHeartbeats(world);
    await refused(world, 'stale-index');
  });

  it('refuse every run of a table that was never built, although heartbeats arrive', async () => {
    const world = await withGarbage();
    await world.table.remove(reindexKey);
    world.bucket.seed(`${HEARTBEATS}now`, '{}');
    await seeHeartbeats(world);
    const report = await refused(world, 'stale-index');
    expect(report.refusals[0]?.message).toContain('registry-prune reindex');
  });
});

describe('events that could not be indexed', () => {
  it('refuse every run until their queue is clear', async () => {
    const world = await withGarbage();
    const dead = new MemoryQueue({ now: world.clock.now });
    const deadLetters = () => dead.depth();
    await dead.send([{ body: 'poison', delay: 0 }]);
    const report = await refused(world, 'dead-letters', { deadLetters });
    expect(report.refusals[0]?.message).toMatch(/^1 event could not be indexed/);
    expect(eventOf(world)).toMatchObject({ refusals: ['dead-letters'] });
    expect(eventOf(world).reason).toBe(report.refusals[0]?.message);

    await dead.remove(await dead.receive({ waitSeconds: 0 }));
    expect(await world.prune({}, { deadLetters })).toMatchObject({ status: 'completed', refusals: [] });
  });

  it('count while somebody looks at them', async () => {
    const world = await withGarbage();
    const dead = new MemoryQueue({ now: world.clock.now });
    await dead.send([
      { body: 'one', delay: 0 },
      { body: 'two', delay: 0 },
    ]);
    await dead.receive({ waitSeconds: 0 });
    const report = await refused(world, 'dead-letters', { deadLetters: () => dead.depth() });
    expect(report.refusals[0]?.message).toMatch(/^2 events/);
  });

  it('are supposed where their queue cannot be read', async () => {
    const world = await withGarbage();
    const deadLetters = () => Promise.reject(new Error('AccessDenied'));
    const report = await refused(world, 'dead-letters', { deadLetters });
    expect(report.refusals[0]?.message).toContain('AccessDenied');
  });

  it('refuse an offline run and a dry run too', async () => {
    const world = await withGarbage();
    for (const body of [{ mode: 'offline' }, { dryRun: true }]) {
      const report = await world.prune(body, { deadLetters: async () => 1 });
      expect(report).toMatchObject({ status: 'refused', refusals: [{ code: 'dead-letters' }] });
    }
  });
});

describe('the heartbeat of a run', () => {
  it('is written by each run and by no dry run', async () => {
    const world = await withGarbage();
    await world.prune({ dryRun: true });
    expect(await heartbeats(world)).toEqual([]);
    const { runId } = await world.prune();
    expect(await heartbeats(world)).toEqual([`${HEARTBEATS}${runId}`]);
  });

  it('is deleted by nobody here: no role of a run may', async () => {
    const world = await withGarbage();
    const first = await world.prune();
    await world.later(HOUR);
    const second = await world.prune();
    expect(await heartbeats(world)).toHaveLength(2);
    await world.later(DAY - MINUTE);
    const third = await world.prune();
    expect(await heartbeats(world)).toEqual(
      [first, second, third].map(({ runId }) => `${HEARTBEATS}${runId}`),
    );
    expect(first.runId).not.toBe(second.runId);
  });
});

describe('telemetry', () => {
  afterEach(() => vi.restoreAllMocks());

  /** What a report makes of logs and metrics, a JSON document a line. */
  function observed(report: Report) {
    const lines: Record<string, unknown>[] = [];
    const read = (chunk: unknown) => {
      lines.push(JSON.parse(String(chunk)));
    };
    for (const name of ['log', 'info', 'warn'] as const) vi.spyOn(console, name).mockImplementation(read);
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      read(chunk);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      read(chunk);
      return true;
    });
    observe('prune', report, {
      logger: new Logger({ serviceName: 'test', logLevel: 'INFO' }),
      metrics: new Metrics(metricsOf('prune', 'my-registry')),
    });
    vi.restoreAllMocks();
    return { lines, metrics: lines.filter((line) => '_aws' in line) };
  }

  it('of a refused run has a metric by reason, apart from the others', async () => {
    const world = await withGarbage();
    const report = await world.prune({}, { deadLetters: async () => 3 });
    const { lines, metrics } = observed(report);
    expect(metrics).toHaveLength(2);
    const [totals, refusal] = metrics;
    expect(totals).toMatchObject({ Refusals: 1, ManifestsDeleted: 0, RunsRefused: 1, RunsSucceeded: 0 });
    expect(totals).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Dimensions: [['service', 'Bucket']] }] },
    });
    expect(totals).not.toHaveProperty('Reason');
    expect(refusal).toMatchObject({ RunsRefused: 1, Reason: 'dead-letters' });
    expect(refusal).toMatchObject({
      _aws: {
        CloudWatchMetrics: [{ Namespace: 'RegistryPrune', Dimensions: [['service', 'Bucket', 'Reason']] }],
      },
    });
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ level: 'WARN', message: 'not deleted', code: 'dead-letters', runId: report.runId },
        reason: report.refusals[0]?.message,
      }),
    );
  });

  it('of any other run has none', async () => {
    const world = await withGarbage();
    const { metrics } = observed(await world.prune());
    expect(metrics).toHaveLength(1);
    expect(metrics[0]).toMatchObject({ RunsRefused: 0, RunsSucceeded: 1 });
    // What the stack looks at, and only that; errors are published by themselves.
    const [{ Metrics: published }] = Object(metrics[0])['_aws'].CloudWatchMetrics;
    expect(
      published
        .map(({ Name }: { Name: string }) => Name)
        .concat('RunErrors')
        .sort(),
    ).toEqual([...METRICS.prune].sort());
  });
});
