/** Clients push and pull, and beside them runs and the indexer are killed; and what must hold when they are left alone. */
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../../bench/random.ts';
import { EXIT } from '../../../cli/exit-codes.ts';
import { check } from '../../e2e/soak/checks.ts';
import type { Attempted } from '../../e2e/soak/client-retry.ts';
import { Contents } from '../../e2e/soak/contents.ts';
import { Locks } from '../../e2e/soak/locks.ts';
import { Model } from '../../e2e/soak/model.ts';
import { Prober } from '../../e2e/soak/prober.ts';
import { drained } from '../../e2e/soak/settle.ts';
import { REPOSITORIES, runClient } from '../../e2e/soak/workload.ts';
import { listVersions, readObject, snapshotBucket } from '../../e2e/support/bucket.ts';
import { pushArtifact } from '../../e2e/support/images.ts';
import { registryRoot } from '../../e2e/support/reach.ts';
import { snapshotTable } from '../../e2e/support/table.ts';
import { JOURNAL_PREFIX, reportOf } from '../../e2e/support/world.ts';
import type { Exchange } from '../../support/faulty-proxy.ts';
import { add, asResult, difference, sumOf } from './counting.ts';
import type { Ended, Sentence } from './execution.ts';
import type { LiveKillWorld } from './live-world.ts';

export interface LiveOptions {
  /** Of runs, at least; and at least a quarter as many of the indexer. */
  readonly kills: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

export interface LiveFigures {
  readonly seconds: number;
  /** Acknowledged. */
  readonly pushes: number;
  /** Looks at acknowledged images, all the way down. */
  readonly pulls: number;
  /** Images that were not whole until the index had caught up, and the longest time in milliseconds. */
  readonly outages: number;
  readonly longest: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly places: Readonly<Record<string, number>>;
  /** Runs that nobody killed. */
  readonly ended: number;
  readonly bytes: number;
}

type Command = 'prune online' | 'reindex' | 'restore' | 'index';

const CLIENTS = 3;
/** Clients wait while more events than this do: the grace has to be longer than the delay of the index. */
const MOST_WAITING = 150;
const SAMPLE_MS = 200;
/** Keys that wait are looked at after a second, two, four, and so on up to a quarter of an hour. */
const PATIENCE_MS = 600_000;
/** Writes up to which a command is killed, until one has shown how many it makes. */
const WRITES: Readonly<Record<Command, number>> = { 'prune online': 12, reindex: 8, restore: 20, index: 400 };
/** In turn. */
const COMMANDS = ['prune online', 'prune online', 'restore', 'prune online', 'reindex'] as const;
const BLOBS = `${registryRoot()}blobs/`;
const digestIn = (key: string): string => `sha256:${key.split('/').at(-2) ?? ''}`;

export class LiveKills {
  readonly #world: LiveKillWorld;
  readonly #options: LiveOptions;
  readonly #random: Random;
  readonly #kills = new Map<string, number>();
  readonly #places = new Map<string, number>();
  /** Of each command when it was last left alone. */
  readonly #writes = new Map<Command, number>();
  readonly #killing = new AbortController();
  readonly #indexing = new AbortController();
  readonly #model = new Model();
  #figures: Omit<LiveFigures, 'kills' | 'places' | 'ended' | 'bytes'> | undefined;
  #ended = 0;
  #bytes = 0;
  /** Runs that ended by themselves: what they said to have reclaimed, and what they have buried. */
  readonly #told: { readonly runId: string; readonly said: number; readonly buried: readonly string[] }[] =
    [];
  /** What does not hold; none is what is wanted. */
  readonly findings: string[] = [];

  private constructor(world: LiveKillWorld, options: LiveOptions) {
    this.#world = world;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  static async carryOut(world: LiveKillWorld, options: LiveOptions): Promise<LiveKills> {
    const kills = new LiveKills(world, options);
    const indexing = kills.#index();
    try {
      await kills.#live();
      await kills.#rest();
    } finally {
      kills.#indexing.abort();
      await indexing;
    }
    await kills.#check();
    return kills;
  }

  get figures(): LiveFigures {
    if (this.#figures === undefined) throw new Error('nothing has happened yet');
    return {
      ...this.#figures,
      kills: Object.fromEntries([...this.#kills].sort()),
      places: Object.fromEntries([...this.#places].sort()),
      ...{ ended: this.#ended, bytes: this.#bytes },
    };
  }

  #count(command: Command): number {
    return this.#kills.get(command) ?? 0;
  }

  /** Until enough of both were killed. */
  async #live(): Promise<void> {
    const { queue, client } = this.#world;
    const { kills, log } = this.#options;
    const [model, pushing, looking] = [this.#model, new AbortController(), new AbortController()];
    const prober = new Prober(client, model, () => this.#random.next());
    const refusedForGood: string[] = [];
    let pushes = 0;
    let waiting = 0;
    const workload = {
      ...{ client, model, locks: new Locks(), signal: pushing.signal },
      pace: async () => {
        while (waiting > MOST_WAITING && !pushing.signal.aborted) await delay(SAMPLE_MS);
      },
      onPush: (tagged: Parameters<Prober['watch']>[0]) => {
        pushes++;
        prober.watch(tagged);
      },
      onDone: (operation: string, { acknowledged, refusals }: Attempted) => {
        if (!acknowledged) refusedForGood.push(`${operation}: ${refusals.join(', ')}`);
      },
    };
    const startedAt = Date.now();
    const clients = Array.from({ length: CLIENTS }, (_, at) =>
      runClient(workload, this.#options.seed * 1_000 + at),
    );
    const looks = prober.run(looking.signal);
    const running = this.#killRuns();
    try {
      let runs = 0;
      const all = Object.keys(WRITES) as Command[];
      const enough = () =>
        runs >= kills && this.#count('index') >= kills / 4 && all.every((one) => this.#count(one) > 0);
      while (!enough() && this.findings.length === 0) {
        await delay(SAMPLE_MS);
        waiting = await queue.depth();
        const now = this.#count('prune online') + this.#count('reindex') + this.#count('restore');
        if (now !== runs && now % 10 === 0)
          log(`${now} runs and the indexer ${this.#count('index')} times killed, ${pushes} pushes`);
        runs = now;
      }
    } finally {
      this.#killing.abort();
      pushing.abort();
      await Promise.all(clients);
      looking.abort();
      await looks;
      await running;
    }
    await this.#retire();
    const { outages } = prober.probed;
    for (const text of refusedForGood) this.#find(`refused for good: ${text}`);
    this.#figures = {
      seconds: Math.round((Date.now() - startedAt) / 1_000),
      ...{ pushes, pulls: prober.probed.looks, outages: outages.length },
      longest: Math.max(0, ...outages.map(({ duration }) => duration)),
    };
  }

  /** However little the clients came to: something is left that has to go. */
  async #retire(): Promise<void> {
    const [repo] = REPOSITORIES;
    const contents = new Contents('last', this.#random);
    for (const artifact of [contents.image(), contents.image()]) {
      await pushArtifact(this.#world.client, repo, artifact, 't1');
      this.#model.acknowledge({ repo, tag: 't1', artifact, at: Date.now() });
    }
  }

  /** The indexer is started again whenever it has died; left alone in the end. */
  async #index(): Promise<void> {
    const { queue, run } = this.#world;
    const args = ['index', '--queue', queue.url, '--heartbeat', '1s', '--json'];
    try {
      while (!this.#indexing.signal.aborted) {
        const dies = !this.#killing.signal.aborted;
        const sentence = dies ? { sentence: this.#sentence('index') } : {};
        const ended = await run(args, { signal: this.#indexing.signal, ...sentence });
        for (const line of ended.stderr.split('\n')) if (line.startsWith('LOST')) this.#find(line);
        if (ended.at !== undefined && ended.code === undefined) this.#killed('index', ended);
        else if (ended.code !== EXIT.done) this.#find(`index ended with ${ended.code}: ${ended.stderr}`);
      }
    } catch (error) {
      this.#find(`index: ${error instanceof Error ? error.message : error}`);
    }
  }

  async #killRuns(): Promise<void> {
    try {
      for (let at = 0; !this.#killing.signal.aborted; at++) {
        switch (COMMANDS[at % COMMANDS.length]) {
          case 'reindex':
            await this.#reindex(this.#sentence('reindex'));
            break;
          case 'restore':
            await this.#restore(this.#sentence('restore'));
            break;
          default:
            await this.#prune(this.#sentence('prune online'));
        }
      }
    } catch (error) {
      this.#find(`runs: ${error instanceof Error ? error.message : error}`);
    }
  }

  #sentence(command: Command): Sentence {
    const nth = 1 + Math.floor(this.#random.next() * (this.#writes.get(command) ?? WRITES[command]));
    return { nth, of: 'writes', when: this.#random.chance(0.5) ? 'arrived' : 'answered' };
  }

  async #prune(sentence?: Sentence, ...more: string[]): Promise<Ended> {
    const buried: string[] = [];
    const onAnswer = ({ operation, body }: Exchange, status: number) => {
      if (operation === 'UpdateItem' && status === 200) buried.push(...tombstone(body));
    };
    const ended = await this.#run('prune online', ['prune', ...more, '--yes', '--json'], {
      sentence,
      onAnswer,
    });
    if (ended.code === EXIT.done) {
      const { runId, spaceReclaimed: said } = reportOf({ ...ended, code: EXIT.done });
      this.#told.push({ runId, said, buried });
    }
    return ended;
  }

  async #reindex(sentence?: Sentence): Promise<Ended> {
    const ended = await this.#run('reindex', ['reindex', '--json'], { sentence });
    if (ended.code === EXIT.done) this.#expect('lost', JSON.parse(ended.stdout).lost, []);
    return ended;
  }

  /** One of the runs that have deleted something: of one that was killed too. */
  async #restore(sentence: Sentence): Promise<void> {
    const runs = [...(await this.#journals()).keys()];
    const runId = runs[this.#random.between(0, runs.length - 1)];
    if (runId !== undefined) await this.#run('restore', ['restore', runId, '--yes', '--json'], { sentence });
  }

  async #run(
    command: Command,
    args: readonly string[],
    how: {
      readonly sentence: Sentence | undefined;
      readonly onAnswer?: (exchange: Exchange, status: number) => void;
    },
  ): Promise<Ended> {
    const { sentence, ...more } = how;
    const ended = await this.#world.run(args, { ...more, ...(sentence === undefined ? {} : { sentence }) });
    await this.#world.freeLock();
    if (ended.code === undefined) this.#killed(command, ended);
    else {
      this.#ended++;
      this.#writes.set(command, ended.requests.writes);
    }
    // The indexer was dead for longer than a run may rely on.
    const isStale = ended.code === EXIT.refused && ended.stdout.includes('"stale-index"');
    if (ended.code !== undefined && ended.code !== EXIT.done && !isStale)
      this.#find(`${args.join(' ')} ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
    return ended;
  }

  #killed(command: Command, { at = '' }: Ended): void {
    add(this.#kills, command);
    add(this.#places, at);
  }

  /** Nothing is pushed any more, and nobody is killed: what is left is taken, once. */
  async #rest(): Promise<void> {
    const failed = () => {
      if (this.findings.length > 0) throw new Error(this.findings.join('\n'));
    };
    // What a killed run has left `deleting` keeps the keys that need it waiting, and only a run ends that.
    await this.#prune();
    await drained(this.#world, failed, PATIENCE_MS);
    await this.#prune(undefined, '--mode', 'offline');
    const { manifests, blobs, links } = reportOf(asResult(await this.#prune(undefined, '--mode', 'offline')));
    this.#expect(
      'deleted after a whole offline pass',
      [manifests.deleted, blobs.deleted, links.deleted],
      [0, 0, 0],
    );
    await drained(this.#world, failed, PATIENCE_MS);
  }

  async #check(): Promise<void> {
    const { added, removed, unreadable, postponed } = JSON.parse((await this.#reindex()).stdout);
    const drift = [added, removed].flatMap((counts) => Object.entries<number>(counts));
    this.#expect('the drift', [drift.filter(([, count]) => count > 0), unreadable, postponed], [[], [], 0]);
    for (const [what, lines] of Object.entries(await check(this.#world, this.#model)))
      for (const line of lines) this.#find(`${what}: ${line}`);
    for (const key of this.#world.witness.unannounced)
      this.#find(`deleted and not journalled before: ${key}`);
    this.#expect('dead letters', await this.#world.queue.deadLetterCount(), 0);
    await this.#checkBytes();
  }

  /** What the table has as deleted is what is hidden, is what the journals name; and each run says what it has taken. */
  async #checkBytes(): Promise<void> {
    const { endpoint, bucket, tables, table } = this.#world;
    const versions = await listVersions(endpoint, bucket, BLOBS);
    const hidden = versions
      .filter(({ isLatest, isMarker }) => isLatest && isMarker)
      .map(({ key }) => digestIn(key));
    const blobs = [...(await snapshotTable(tables, table)).values()].filter(({ sk }) => sk === 'BLOB');
    const deleted = blobs.filter(({ state }) => state === 'deleted');
    const digests = deleted.map(({ pk }) => String(pk).slice('BLOB#'.length));
    this.#expect('blobs deleted', digests.sort(), hidden.sort());
    const condemned = blobs.filter(({ state }) => state === 'condemned').map(({ pk }) => pk);
    this.#expect('condemned', condemned, []);

    const sizes = new Map<string, number>();
    for (const lines of (await this.#journals()).values()) {
      for (const { action, digest, size } of lines) if (action === 'delete-blob') sizes.set(digest, size);
    }
    this.#expect(
      'blobs that no journal names',
      digests.filter((digest) => !sizes.has(digest)),
      [],
    );
    for (const { runId, said, buried } of this.#told)
      this.#expect(
        `bytes of run ${runId}`,
        said,
        sumOf(buried.map((digest) => sizes.get(digest) ?? Number.NaN)),
      );
    const stored = new Map(
      versions.filter(({ isMarker }) => !isMarker).map(({ key, size }) => [digestIn(key), size]),
    );
    this.#bytes = sumOf(digests.map((digest) => stored.get(digest) ?? Number.NaN));
    this.#expect('bytes by the table', sumOf(deleted.map(({ size }) => Number(size))), this.#bytes);
  }

  /** By run. */
  async #journals(): Promise<Map<string, JournalLine[]>> {
    const { endpoint, bucket } = this.#world;
    const runs = new Map<string, JournalLine[]>();
    for (const key of (await snapshotBucket(endpoint, bucket, JOURNAL_PREFIX)).keys()) {
      const text = new TextDecoder().decode(await readObject(endpoint, bucket, key));
      const lines = text.split('\n').filter(Boolean);
      const [runId = ''] = key.slice(JOURNAL_PREFIX.length).split('/', 1);
      runs.set(runId, [...(runs.get(runId) ?? []), ...lines.map((line): JournalLine => JSON.parse(line))]);
    }
    return runs;
  }

  #expect(what: string, is: unknown, due: unknown): void {
    const text = difference(what, is, due);
    if (text !== undefined) this.#find(text);
  }

  #find(text: string): void {
    this.findings.push(text);
  }
}

interface JournalLine {
  readonly action: string;
  readonly digest: string;
  readonly size: number;
}

/** The digest of the blob that an UpdateItem gives its tombstone. */
function tombstone(body: Buffer): string[] {
  const { Key: key, ExpressionAttributeValues: values = {} } = JSON.parse(body.toString());
  const isDeleted = Object.values<{ readonly S?: string }>(values).some(({ S }) => S === 'deleted');
  return key.sk.S === 'BLOB' && isDeleted ? [key.pk.S.slice('BLOB#'.length)] : [];
}
