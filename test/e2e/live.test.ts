import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBucket } from './support/bucket.ts';
import { type Bus, type BusEvent, createBus } from './support/bus.ts';
import { type CliResult, cliEnvironment, type RunningCli, runCli, startCli } from './support/cli.ts';
import { type RegistryClient, registryClient } from './support/client.ts';
import { type Artifact, type Image, image, index, layer, pushArtifact, referrer } from './support/images.ts';
import { createEventQueue, type EventQueue, eventually } from './support/live.ts';
import { failureLines, pullEverything } from './support/pulls.ts';
import { type Service, startMoto, startRegistry } from './support/services.ts';
import { JOURNAL_PREFIX, type Report, reportOf, succeeded } from './support/world.ts';

const none = { repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 };

interface Live {
  readonly client: RegistryClient;
  readonly bus: Bus;
  readonly queue: EventQueue;
  readonly cli: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<CliResult>;
  readonly prune: (env?: Readonly<Record<string, string>>) => Promise<{ code: number; report: Report }>;
  readonly startIndexer: () => Promise<void>;
  /** The totals it ended with. */
  readonly stopIndexer: () => Promise<{ result: CliResult; totals: Record<string, number> }>;
  readonly stop: () => Promise<void>;
}

/** A registry whose bucket's events go by a rule to a queue, with an index built once. Nothing has to rest. */
async function createLive(moto: Service, name: string, versioned: boolean): Promise<Live> {
  const endpoint = moto.url;
  const bucket = `live-${name}`;
  await createBucket(endpoint, bucket, { versioned });
  const [queue, bus] = [await createEventQueue(endpoint, bucket), await createBus(endpoint, `bus-${name}`)];
  const registry = await startRegistry({ s3Endpoint: endpoint, bucket });
  const environment = {
    ...cliEnvironment({
      ...{ endpoint, table: `table-${name}`, bucket, bus: bus.name, journalPrefix: JOURNAL_PREFIX },
      ...{ grace: '0s', quarantine: '0s' },
    }),
    DEAD_LETTER_QUEUE: queue.deadLetters,
  };
  const cli: Live['cli'] = (args, env = {}) => runCli(args, { ...environment, ...env });
  succeeded(await cli(['init']));
  succeeded(await cli(['reindex']));
  let indexer: RunningCli | undefined;
  const stopIndexer = async () => {
    if (indexer === undefined) throw new Error('no indexer runs');
    const result = await indexer.stop();
    indexer = undefined;
    return { result, totals: JSON.parse(result.stdout) };
  };
  return {
    ...{ client: registryClient(registry.url), bus, queue, cli, stopIndexer },
    prune: async (env = {}) => {
      const { code, stdout } = await cli(['prune', '--yes', '--json'], env);
      return { code, report: reportOf({ code: 0, stdout, stderr: '' }) };
    },
    startIndexer: async () => {
      const started = startCli(['index', '--queue', queue.url, '--heartbeat', '1s', '--json'], environment);
      indexer = started;
      await eventually(() => started.stderr().includes('indexing events'));
    },
    stop: async () => {
      if (indexer !== undefined) await indexer.stop();
      await registry.stop();
    },
  };
}

const picture = (seed: string): Image => image({ layers: [layer(`${seed} one`), layer(`${seed} two`)] });

/** Pushed under a tag of its own, which then goes to another image: nothing holds it any more. */
async function pushGarbage({ client }: Live, repo: string, artifact: Artifact): Promise<void> {
  await pushArtifact(client, repo, artifact, 'moving');
  await pushArtifact(client, repo, picture('in its stead'), 'moving');
}

const named = (events: readonly BusEvent[], detailType: string) =>
  events.filter((event) => event.detailType === detailType).map(({ detail }) => detail);

const pullFailures = async ({ client }: Live) => failureLines((await pullEverything(client)).failures);

let moto: Service;
beforeAll(async () => {
  moto = await startMoto();
});
afterAll(() => moto?.stop());

describe('the live index', () => {
  let live: Live;
  beforeAll(async () => {
    live = await createLive(moto, 'versioned', true);
    await live.startIndexer();
  });
  afterAll(() => live?.stop());

  it('is in line with the bucket after whatever clients do', async () => {
    const { client, queue, cli } = live;
    const [first, second] = [picture('first'), picture('second')];
    const both = index([first, second]);
    await pushArtifact(client, 'team/app', both, 'v1');
    await pushArtifact(client, 'team/app', referrer(both, layer('sbom')));
    await pushArtifact(client, 'team/app', first, 'v2');
    await pushArtifact(client, 'team/app', second, 'v2');
    await pushArtifact(client, 'base', picture('deleted'), 'v1');
    await client.deleteManifest('base', picture('deleted').digest);
    await client.mountBlob('base', first.layerDigests[0] ?? '', 'team/app');
    await client.startUpload('base', layer('left'));
    await queue.drained();
    const report = JSON.parse(succeeded(await cli(['reindex', '--json'])).stdout);
    expect(report).toMatchObject({ added: none, removed: none, unreadable: [], lost: [], postponed: 0 });
    expect(report.found).toMatchObject({ repositories: 2, manifests: 4, tags: 2 });
  });

  it('that no longer gets events makes runs refuse, and go on when they come again', async () => {
    const { bus, queue, prune } = live;
    const env = { MAX_INDEX_LAG: '3s' };
    await eventually(async () => (await prune(env)).code === 0, 500);
    await queue.cut();
    await bus.receive();
    let refused: Report | undefined;
    await eventually(async () => {
      const { code, report } = await prune(env);
      if (code === 4) refused = report;
      return code === 4;
    }, 500);
    expect(refused).toMatchObject({ status: 'refused', refusals: [{ code: 'stale-index' }] });
    const told = named(await bus.receive(), 'Registry Prune').at(-1);
    expect(told).toMatchObject({
      ...{ status: 'refused', refusals: ['stale-index'] },
      reason: expect.stringContaining('MAX_INDEX_LAG'),
    });
    await queue.connect();
    await eventually(async () => (await prune(env)).code === 0, 500);
  });

  it('with a message that it cannot understand makes runs refuse until the dead letter is gone', async () => {
    const { bus, queue, prune } = live;
    await queue.send('poison');
    await eventually(async () => (await queue.deadLetterCount()) === 1);
    await bus.receive();
    const { code, report } = await prune();
    expect(code).toBe(4);
    expect(report).toMatchObject({ status: 'refused', refusals: [{ code: 'dead-letters' }] });
    expect(named(await bus.receive(), 'Registry Prune')).toMatchObject([{ refusals: ['dead-letters'] }]);
    await queue.purgeDeadLetters();
    expect(await prune()).toMatchObject({ code: 0, report: { status: 'completed' } });
  });

  it('that is late heals what a run has deleted meanwhile', async () => {
    const { client, bus, queue, prune, startIndexer, stopIndexer } = live;
    const late = picture('late');
    await pushGarbage(live, 'team/late', late);
    await queue.drained();
    const { result, totals } = await stopIndexer();
    expect(result.code).toBe(0);
    expect(totals).toMatchObject({ lost: 0, restored: 0 });
    expect(totals['applied']).toBeGreaterThan(50);
    expect(totals['failed']).toBeGreaterThan(0);

    // The registry finds the data and writes links alone; the run that deletes the data does not know of them.
    await pushArtifact(client, 'other/late', late, 'v1');
    const { report } = await prune({ MAX_INDEX_LAG: '15m' });
    expect(report.imagesDeleted).toContainEqual({ deleted: late.digest });
    expect(await pullFailures(live)).not.toEqual([]);
    await bus.receive();

    await startIndexer();
    await queue.drained();
    expect(await pullFailures(live)).toEqual([]);
    const restored = named(await bus.receive(), 'Blob Restored');
    expect(restored.map(({ digest }) => digest)).toContain(late.digest);
    expect(restored).toHaveLength(late.blobs.length + 1);
    for (const detail of restored) {
      expect(detail).toMatchObject({ deletedBy: report.runId, repositories: ['other/late'] });
    }
    const again = await prune();
    expect(again.report).toMatchObject({ status: 'completed', refusals: [] });
    expect(await pullFailures(live)).toEqual([]);
  });

  it('ends on SIGTERM with its totals', async () => {
    const { result, totals } = await live.stopIndexer();
    expect(result.code).toBe(0);
    expect(totals).toMatchObject({ failed: 0, lost: 0, restored: 4 });
  });
});

describe('the live index of a bucket without versions', () => {
  let live: Live;
  beforeAll(async () => {
    live = await createLive(moto, 'unversioned', false);
  });
  afterAll(() => live?.stop());

  it('says that what a run has deleted is lost, and nothing else', async () => {
    const { client, bus, queue, cli, prune, startIndexer, stopIndexer } = live;
    const late = picture('lost');
    await pushGarbage(live, 'team/late', late);
    await startIndexer();
    await queue.drained();
    await stopIndexer();
    await pushArtifact(client, 'other/late', late, 'v1');
    const { report } = await prune({ ALLOW_UNVERSIONED: 'true' });
    expect(report.imagesDeleted).toContainEqual({ deleted: late.digest });
    await bus.receive();

    await startIndexer();
    await queue.drained();
    const { result, totals } = await stopIndexer();
    expect(result.stderr).toMatch(/LOST: blob sha256:/);
    expect(totals).toMatchObject({ restored: 0 });
    const events = await bus.receive();
    expect(named(events, 'Blob Restored')).toEqual([]);
    const lost = new Set(named(events, 'Blob Lost').map(({ digest }) => digest));
    expect(lost).toContain(late.digest);
    expect(named(events, 'Blob Lost')[0]).toMatchObject({ action: 'lost', deletedBy: report.runId });
    expect(await pullFailures(live)).toEqual(['other/late:v1 v1']);
    const rebuilt = JSON.parse(succeeded(await cli(['reindex', '--json'])).stdout);
    expect(new Set(rebuilt.lost)).toContain(late.digest);
    expect(rebuilt.restored).toEqual([]);
  });
});
