/** A registry whose collector meets faults at the wire, and what must hold whatever it met. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, paginateScan, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { EXIT } from '../../cli/exit-codes.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import {
  type Artifact,
  image,
  index,
  layer,
  sbom,
  signature,
  signatureTag,
} from '../../local/demo-images.ts';
import { goneBetween, notWhole, type Reached, sum, walkTags } from '../../local/demo-proof.ts';
import { DemoRegistry, ROOT } from '../../local/demo-registry.ts';
import { readView, type View } from '../../local/demo-view.ts';
import { type Ended, type Environment, spawnCli } from '../cli/support.ts';
import type { FaultPlan, Service } from './faults.ts';
import { startFaultyProxy } from './faulty-proxy.ts';
import { JournalWitness } from './journal-witness.ts';
import { watchedBy } from './wire-witness.ts';

/** Of a run. */
type Needed = Extract<Service, 's3' | 'dynamodb' | 'events'>;

/** Where the services are, and what is there already: an empty bucket. */
export interface Place {
  readonly endpoints: Readonly<Record<Needed, string>> & { readonly lambda?: string };
  readonly bucket: string;
  readonly table: string;
  /** Whether what a run deletes can come back. */
  readonly versioned: boolean;
  readonly environment: Environment;
}

type Row = Readonly<Record<string, unknown>>;

export type Way = 'online' | 'offline' | 'planned';

/** A command that ended, and with what. */
export interface Step {
  readonly command: string;
  readonly ended: Ended;
}

const BASES = [layer('base', 600), layer('other base', 500)] as const;
const CODES: readonly number[] = Object.values(EXIT);
/** For a command, however busy the machine is. */
const PATIENCE_MS = 300_000;
/** Of a command that fails under faults, before it is left. */
const TRIES = 4;

export class FaultyWorld {
  readonly #place: Place;
  readonly #plan: FaultPlan;
  readonly #s3: S3Client;
  readonly #dynamoDb: DynamoDBClient;
  readonly #registry: DemoRegistry;
  readonly #witness = new JournalWitness();
  readonly #stops: (() => Promise<unknown>)[] = [];
  #environment: Environment = {};
  #folder = '';
  /** What the tags led to when it was pushed. */
  #owed: ReadonlyMap<string, Reached> = new Map();
  #before: View = { objects: new Map(), repositories: new Map() };
  readonly steps: Step[] = [];
  readonly reports = new Map<string, Report>();
  /** How often all that was deleted was said to be back. */
  undone = 0;
  /** What was found not to hold; empty is what is wanted. */
  readonly findings: string[] = [];

  private constructor(place: Place, plan: FaultPlan) {
    this.#place = place;
    this.#plan = plan;
    const local = {
      region: place.environment['AWS_REGION'] ?? '',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    this.#s3 = new S3Client({ ...local, endpoint: place.endpoints.s3, forcePathStyle: true });
    this.#dynamoDb = new DynamoDBClient({ ...local, endpoint: place.endpoints.dynamodb });
    this.#registry = new DemoRegistry(this.#s3, place.bucket);
  }

  static async start(place: Place, plan: FaultPlan): Promise<FaultyWorld> {
    const world = new FaultyWorld(place, plan);
    await world.#begin();
    return world;
  }

  async #begin(): Promise<void> {
    const { endpoints, environment, versioned } = this.#place;
    this.#folder = await mkdtemp(join(tmpdir(), 'faulty-'));
    const { lambda } = endpoints;
    const before = async (service: Service, endpoint = endpoints[service as Needed]): Promise<string> => {
      const watched = service === 's3' ? watchedBy(this.#witness) : {};
      const proxy = await startFaultyProxy({ ...{ endpoint, service }, plan: this.#plan, ...watched });
      this.#stops.push(() => proxy.stop());
      return proxy.endpoint;
    };
    this.#environment = {
      ...environment,
      AWS_ENDPOINT_URL_S3: await before('s3'),
      AWS_ENDPOINT_URL_DYNAMODB: await before('dynamodb'),
      AWS_ENDPOINT_URL_EVENTBRIDGE: await before('events'),
      ...(lambda === undefined
        ? {}
        : { AWS_ENDPOINT_URL_LAMBDA: await before('lambda', lambda), RESTORE_FUNCTION: 'restorer' }),
      ...{ GRACE: '0s', QUARANTINE: '0s', ALLOW_UNVERSIONED: String(!versioned) },
    };
    await this.#command('init');
  }

  async stop(): Promise<void> {
    this.#s3.destroy();
    this.#dynamoDb.destroy();
    for (const stop of this.#stops) await stop();
    await rm(this.#folder, { recursive: true });
  }

  /** Some of everything, with and without a holder. */
  async #push(): Promise<void> {
    const app = (version: string) => image([BASES[0], layer(`app ${version}`, 700)]);
    const registry = this.#registry;
    await registry.push('team/app', app('1'), 'v1', 'v1.0');
    await registry.push('team/app', app('2'), 'v1');
    await registry.push('team/app', app('3'), 'v1');
    const list = (build: string): Artifact =>
      index([image([BASES[1], layer(`list ${build}`, 400)]), image([BASES[0]], 'arm64')]);
    for (const build of ['1', '2']) {
      const artifact = list(build);
      await registry.push('team/list', artifact, 'main');
      await registry.push('team/list', sbom(artifact));
      await registry.push('team/list', signature(artifact), signatureTag(artifact));
    }
    await registry.upload('team/list', layer('left', 300));
    this.#before = await this.#view();
    this.#owed = walkTags(this.#before);
  }

  /** A collector's work in one of its ways, under faults; and after them, until there is rest. */
  async live(way: Way): Promise<void> {
    await this.#push();
    this.#plan.begin();
    await this.#untilDone('reindex', '--json');
    await this.#checkTags('reindex');
    await this.#prune(way);
    await this.#checkTags(way);
    if (this.#place.versioned) await this.#undo();
    this.#plan.end();
    await this.#recover();
    await this.#check();
  }

  async #prune(way: Way): Promise<void> {
    switch (way) {
      case 'online':
        await this.#untilDone('prune', '--yes', '--json');
        return;
      case 'offline':
        await this.#untilDone('prune', '--mode', 'offline', '--yes', '--json');
        return;
      case 'planned': {
        const file = join(this.#folder, 'plan.json');
        const planned = await this.#untilDone('plan', '-o', file, '--json');
        if (planned.code === EXIT.done) await this.#untilDone('apply', file, '--yes', '--json');
        return;
      }
    }
  }

  /** Of all runs, newest first. What came back is garbage again, for the runs after the faults. */
  async #undo(): Promise<void> {
    const runs = (await this.#items()).flatMap(({ pk, sk }) => (pk === 'RUNS' ? String(sk) : []));
    const codes: number[] = [];
    for (const runId of runs.sort().reverse())
      codes.push((await this.#untilDone('restore', runId, '--yes', '--json')).code);
    await this.#checkTags('the undo');
    // One that has said that it could not bring everything back is not held to it.
    if (codes.some((code) => code !== EXIT.done)) return;
    this.undone++;
    const missing = goneBetween(this.#before, await this.#view());
    for (const key of missing.keys()) {
      const isNeeded = key.startsWith(`${ROOT}blobs/`) || /\/(?:revisions|_layers|current)\//.test(key);
      if (isNeeded) this.findings.push(`not brought back: ${key}`);
    }
  }

  async #recover(): Promise<void> {
    await this.#freeLock();
    await this.#quietly('reindex', '--json');
    // Offline, one pass finishes; and the one after it finds nothing.
    const first = await this.#quietly('prune', '--mode', 'offline', '--yes', '--json');
    const second = await this.#quietly('prune', '--mode', 'offline', '--yes', '--json');
    this.#expect('the first run after the faults', JSON.parse(first.stdout).status, 'completed');
    const { status, spaceReclaimed, manifests, blobs, links } = JSON.parse(second.stdout);
    this.#expect('the second run after the faults', [status, spaceReclaimed], ['completed', 0]);
    this.#expect('what it deleted', [manifests.deleted, blobs.deleted, links.deleted], [0, 0, 0]);
    const { added, removed, lost } = JSON.parse((await this.#quietly('reindex', '--json')).stdout);
    const drift = [added, removed].flatMap((counts) => Object.entries<number>(counts));
    const wrong = drift.filter(([kind, count]) => kind !== 'uploads' && count > 0);
    this.#expect('the drift after it', [wrong, lost], [[], []]);
  }

  async #quietly(...args: readonly string[]): Promise<Ended> {
    const ended = await this.#command(...args);
    if (ended.code !== EXIT.done) this.findings.push(`without faults: ${args.join(' ')}: ${ended.stderr}`);
    return ended;
  }

  async #untilDone(...args: readonly string[]): Promise<Ended> {
    let ended = await this.#command(...args);
    for (let tries = 1; ended.code !== EXIT.done && tries < TRIES; tries++) {
      await this.#freeLock();
      ended = await this.#command(...args);
    }
    await this.#freeLock();
    return ended;
  }

  /** Nothing that goes wrong is kept quiet. */
  async #command(...args: readonly string[]): Promise<Ended> {
    const ended = await spawnCli(args, this.#environment, PATIENCE_MS);
    const { code, stdout, stderr } = ended;
    const command = args.join(' ');
    this.steps.push({ command, ended });
    if (!CODES.includes(code)) this.findings.push(`${command} ended with ${code}`);
    const report: Report | undefined =
      args.includes('--json') && stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
    const isRun = args[0] === 'prune' || args[0] === 'apply';
    if (isRun && report !== undefined) this.#told(command, code, report);
    if (code === EXIT.error && stderr.trim() === '') this.findings.push(`${command} failed without a word`);
    return ended;
  }

  #told(command: string, code: number, report: Report): void {
    this.reports.set(report.runId, report);
    const { status, refusals } = report;
    const codes: Readonly<Record<Report['status'], number>> = {
      completed: EXIT.done,
      partial: EXIT.partial,
      refused: EXIT.refused,
    };
    this.#expect(`the exit code of ${command}, ${status}`, code, codes[status]);
    if (status !== 'completed' && refusals.length === 0 && report.plan === undefined)
      this.findings.push(`${command} is ${status} and does not say why`);
    if (status === 'completed' && refusals.some(({ code: why }) => why === 'failed'))
      this.findings.push(`${command} is completed although something failed`);
  }

  /**
   * The lease of a run whose last words did not reach the table lasts for the life of a process and more: nobody waits for
   * it here. Its process is gone here.
   */
  async #freeLock(): Promise<void> {
    this.#plan.signIn();
    const { table } = this.#place;
    await this.#dynamoDb
      .send(
        new UpdateItemCommand({
          TableName: table,
          Key: { pk: { S: 'LOCK' }, sk: { S: 'prune' } },
          UpdateExpression: 'SET expiresAt = :over',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeValues: { ':over': { N: '0' } },
        }),
      )
      .catch((error: unknown) => {
        // Before the first run there is no lock.
        if (!(error instanceof Error && error.name === 'ConditionalCheckFailedException')) throw error;
      });
  }

  /** Every tag leads to all it led to, and to the right bytes. */
  async #checkTags(after: string): Promise<void> {
    const lost = notWhole(this.#owed, walkTags(await this.#view()), this.#mayGo());
    this.findings.push(...lost.map((text) => `after ${after}: ${text}`));
  }

  /** Tags of signatures go with what they sign. */
  #mayGo(): Set<string> {
    return new Set([...this.#owed.keys()].filter((tag) => /:sha256-[0-9a-f]{64}\.sig$/.test(tag)));
  }

  async #check(): Promise<void> {
    await this.#checkTags('all of it');
    this.findings.push(
      ...this.#witness.unannounced.map((key) => `deleted and not journalled before: ${key}`),
    );
    const items = await this.#items();
    for (const { pk, sk, state, queue } of items) {
      if (state === 'deleting' || state === 'condemned') this.findings.push(`${pk} ${sk} is ${state}`);
      if (queue !== undefined && !String(queue).startsWith('upload#'))
        this.findings.push(`${pk} ${sk} is queued`);
    }
    await this.#checkBytes(items);
  }

  /** What each run says that it reclaimed is what went by it, and all of them together what is gone. */
  async #checkBytes(items: readonly Row[]): Promise<void> {
    const buried = new Map<string, number>();
    for (const { sk, state, runId, size } of items) {
      if (sk !== 'BLOB' || state !== 'deleted' || typeof runId !== 'string') continue;
      buried.set(runId, (buried.get(runId) ?? 0) + Number(size ?? 0));
    }
    const gone = goneBetween(this.#before, await this.#view());
    const bytes = sum(gone, (key) => key.startsWith(`${ROOT}blobs/`));
    this.#expect(
      'bytes gone',
      [...buried.values()].reduce((all, one) => all + one, 0),
      bytes,
    );
    // What came back was counted by the run that was undone, and again by the one that took it at last.
    if (this.#place.versioned) return;
    for (const { pk, sk, status, spaceReclaimed = 0 } of items) {
      // One whose last words did not reach the table has told nobody.
      if (pk !== 'RUNS' || status === 'running') continue;
      const runId = String(sk);
      const said = this.reports.get(runId)?.spaceReclaimed ?? Number(spaceReclaimed);
      this.#expect(`bytes of run ${runId}`, said, buried.get(runId) ?? 0);
    }
  }

  /** What is left of the registry, but for uploads, whose names differ each time. */
  async left(): Promise<string[]> {
    return [...(await this.#view()).objects.keys()].filter((key) => !key.includes('/_uploads/'));
  }

  async #view(): Promise<View> {
    return await readView(this.#s3, this.#place.bucket);
  }

  async #items(): Promise<Row[]> {
    const items: Row[] = [];
    const request = { TableName: this.#place.table, ConsistentRead: true };
    for await (const page of paginateScan({ client: this.#dynamoDb }, request)) {
      for (const row of page.Items ?? []) items.push(unmarshall(row));
    }
    return items;
  }

  #expect(what: string, is: unknown, due: unknown): void {
    if (JSON.stringify(is) !== JSON.stringify(due))
      this.findings.push(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(due)}`);
  }
}
