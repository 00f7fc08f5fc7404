/** Rounds of pushes, runs that are killed, and an undo that is killed; and what must hold after each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../../bench/random.ts';
import { EXIT } from '../../../cli/exit-codes.ts';
import { listVersions, type Snapshot, snapshotBucket } from '../../e2e/support/bucket.ts';
import { sha256 } from '../../e2e/support/client.ts';
import {
  type Artifact,
  image,
  index,
  layer,
  pushArtifact,
  referrer,
  signature,
  utf8,
} from '../../e2e/support/images.ts';
import { reach, registryRoot } from '../../e2e/support/reach.ts';
import { questionsFrom, served } from '../../e2e/support/served.ts';
import { snapshotTable } from '../../e2e/support/table.ts';
import { JOURNAL_PREFIX, type Report, reportOf } from '../../e2e/support/world.ts';
import { add, asResult, difference, sumOf } from './counting.ts';
import type { Counted, Ended } from './execution.ts';
import type { KillWorld } from './world.ts';

export interface Figures {
  readonly rounds: number;
  /** Of each command. */
  readonly kills: Readonly<Record<string, number>>;
  /** At which requests. */
  readonly places: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly undone: number;
  /** Runs that a link of a killed one kept from beginning, until the index had seen it. */
  readonly refused: number;
}

type Command = 'reindex' | 'prune offline' | 'prune online' | 'apply' | 'restore';

const ARGUMENTS: Readonly<Record<Command, readonly string[]>> = {
  reindex: ['reindex', '--json'],
  'prune offline': ['prune', '--mode', 'offline', '--yes', '--json'],
  'prune online': ['prune', '--yes', '--json'],
  apply: ['apply', '--yes', '--json'],
  restore: ['restore', '--yes', '--json'],
};
const WAYS = ['prune offline', 'prune online', 'apply'] as const;
/** In each round, in a row; and where few kills are asked for, each command in each way at least. */
const DEATHS = { reindex: 3, prune: 8, restore: 3 } as const;
const FEW = { reindex: 1, prune: 3, restore: 1 } as const;
const MANY = 30;
const BLOBS = `${registryRoot()}blobs/`;

interface Tagged {
  readonly repo: string;
  readonly tag: string;
  readonly artifact: Artifact;
}

export class Kills {
  readonly #world: KillWorld;
  readonly #random: Random;
  readonly #folder: string;
  readonly #deaths: Readonly<Record<keyof typeof DEATHS, number>>;
  /** Requests of a command that was left alone. */
  readonly #requests = new Map<Command, Ended['requests']>();
  readonly #tagged = new Map<string, Tagged>();
  readonly #kills = new Map<string, number>();
  readonly #places = new Map<string, number>();
  /** What does not hold; none is what is wanted. */
  readonly findings: string[] = [];
  /** Runs that had less to do than what they were to be killed at. */
  readonly #spared: Ended[] = [];
  #round = 0;
  #bytes = 0;
  #undone = 0;
  #refused = 0;

  private constructor(
    world: KillWorld,
    { kills, seed }: { readonly kills: number; readonly seed: number },
    folder: string,
  ) {
    this.#world = world;
    this.#random = new Random(seed);
    this.#folder = folder;
    this.#deaths = kills < MANY ? FEW : DEATHS;
  }

  static async carryOut(
    world: KillWorld,
    options: { readonly kills: number; readonly seed: number; readonly log: (line: string) => void },
  ): Promise<Kills> {
    const folder = await mkdtemp(join(tmpdir(), 'kill-'));
    const kills = new Kills(world, options, folder);
    try {
      await kills.#done('init');
      const commands = Object.keys(ARGUMENTS);
      const isEnough = () =>
        kills.count >= options.kills &&
        kills.#round >= WAYS.length &&
        commands.every((command) => kills.#kills.has(command));
      while (!isEnough() && kills.findings.length === 0) {
        await kills.#next(WAYS[kills.#round % WAYS.length] ?? WAYS[0]);
        options.log(
          `round ${kills.#round}: ${JSON.stringify(Object.fromEntries(kills.#kills))}, ${kills.#bytes} bytes reclaimed`,
        );
      }
      await kills.#rest();
      return kills;
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  get count(): number {
    return [...this.#kills.values()].reduce((sum, one) => sum + one, 0);
  }

  get figures(): Figures {
    return {
      rounds: this.#round,
      kills: Object.fromEntries(this.#kills),
      places: Object.fromEntries([...this.#places].sort()),
      bytes: this.#bytes,
      undone: this.#undone,
      refused: this.#refused,
    };
  }

  async #next(way: (typeof WAYS)[number]): Promise<void> {
    this.#round++;
    await this.#push();
    await this.#killed('reindex', this.#deaths.reindex);
    const before = await this.#objects();
    const questions = questionsFrom(before);
    const servedBefore = await served(this.#world.client, questions);
    const earlier = new Set((await this.#runs()).keys());

    const file = join(this.#folder, `${this.#round}.json`);
    if (way === 'apply') await this.#done('plan', '--mode', 'offline', '-o', file, '--json');
    const more = way === 'apply' ? [file] : [];
    const last = await this.#killed(way, this.#deaths.prune, more);
    this.#expect(`${way}`, reportOf(asResult(last)).status, 'completed');
    const rest = await this.#finish(way);
    await this.#checkTags(way);
    await this.#checkBytes(before, earlier, [...this.#spared.splice(0), last, ...rest]);
    await this.#checkGarbage();

    for (const runId of await this.#journalled(earlier)) {
      await this.#killed('restore', this.#deaths.restore, [runId]);
      this.#undone++;
    }
    const servedAfter = await served(this.#world.client, questions);
    for (const [name, answer] of servedBefore) {
      if (servedAfter.get(name) !== answer)
        this.#find(`undone, ${name} is ${servedAfter.get(name)}, not ${answer}`);
    }
    await this.#checkTags('the undo');

    await this.#done('reindex', '--json');
    const restored = await this.#objects();
    const again = await this.#done(...ARGUMENTS['prune offline']);
    const gone = bytesGone(restored, await this.#objects());
    this.#expect('bytes of what came back', reported(again), gone);
    await this.#checkGarbage();
    this.#bytes += gone;
  }

  /** One offline pass takes all there is, whatever was killed before it: the one after it finds nothing. */
  async #finish(way: (typeof WAYS)[number]): Promise<Ended[]> {
    // A plan does not name what runs before it have left; online, what has just been touched is the next run's.
    const all = way === 'prune offline' ? [] : [await this.#whole(ARGUMENTS['prune offline'])];
    const last = await this.#whole(ARGUMENTS['prune offline']);
    all.push(last);
    for (const ended of all)
      this.#expect('a prune that is left alone', reportOf(asResult(ended)).status, 'completed');
    const { manifests, blobs, links } = reportOf(asResult(last));
    this.#expect(
      'deleted after a whole offline pass',
      [manifests.deleted, blobs.deleted, links.deleted],
      [0, 0, 0],
    );
    return all;
  }

  /**
   * A run that is not killed. One that died after it had written a link back, and before the table knew, has left what
   * nobody can tell from a push: the next offline run refuses, until the index has seen it.
   */
  async #whole(args: readonly string[]): Promise<Ended> {
    const ended = await this.#world.run(args);
    if (ended.code !== EXIT.refused) return this.#ok(args, ended);
    const { refusals } = JSON.parse(ended.stdout);
    const [, key = ''] = /^(\S+) was written at /.exec(refusals[0]?.message) ?? [];
    if (refusals[0]?.code !== 'pushes-arriving' || !this.#world.written.has(key))
      return this.#ok(args, ended);
    this.#refused++;
    await this.#done('reindex', '--json');
    return await this.#done(...args);
  }

  async #done(...args: readonly string[]): Promise<Ended> {
    return this.#ok(args, await this.#world.run(args));
  }

  #ok(args: readonly string[], ended: Ended): Ended {
    if (ended.code !== EXIT.done)
      this.#find(`${args.join(' ')} ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
    return ended;
  }

  /** Kills the command so many times in a row, each time somewhere else, and lets it end then. */
  async #killed(command: Command, deaths: number, more: readonly string[] = []): Promise<Ended> {
    const [name = '', ...options] = ARGUMENTS[command];
    const args = [name, ...more, ...options];
    for (let death = 0; death < deaths; death++) {
      const of: Counted = this.#random.chance(0.6) ? 'writes' : 'all';
      const most = this.#requests.get(command)?.[of] ?? 20;
      // Early more often than late: each time less is left to do.
      const nth = 1 + Math.floor(this.#random.next() ** 2.5 * most);
      const when = this.#random.chance(0.5) ? 'arrived' : 'answered';
      const { at, code, stderr, stdout, requests } = await this.#world.run(args, { nth, of, when });
      if (at === undefined || code !== undefined) {
        // It had less to do than that; a refused one is made good below.
        if (code === EXIT.refused) break;
        const spared = this.#ok(args, { code, stdout, stderr, requests, at });
        if (command !== 'reindex' && command !== 'restore') this.#spared.push(spared);
        break;
      }
      add(this.#kills, command);
      add(this.#places, `${at} ${when}`);
      await this.#world.freeLock();
      await this.#checkTags(`${command} was killed at ${nth} of ${of}, ${at}, ${when}`);
    }
    const ended = await this.#whole(args);
    const known = this.#requests.get(command) ?? { all: 0, writes: 0 };
    const { all, writes } = ended.requests;
    this.#requests.set(command, { all: Math.max(all, known.all), writes: Math.max(writes, known.writes) });
    return ended;
  }

  /** Some of everything loses its holder, and something stays. */
  async #push(): Promise<void> {
    const name = `round ${this.#round}`;
    const push = async (repo: string, artifact: Artifact, tag: string) => {
      await pushArtifact(this.#world.client, repo, artifact, tag);
      this.#tagged.set(`${repo}:${tag}`, { repo, tag, artifact });
    };
    const base = layer('base', 300);
    const app = (version: string) => image({ layers: [base, layer(`${name} app ${version}`, 300)] });
    const list = (version: string) =>
      index([image({ layers: [layer(`${name} list ${version}`, 300)] }), image({ layers: [base] })]);
    await push('team/app', app('1'), 'v1');
    await push('team/app', app('2'), 'v1');
    const old = list('1');
    await push('team/list', old, 'main');
    const { client } = this.#world;
    await pushArtifact(client, 'team/list', referrer(old, utf8(`${name} bill of materials`)));
    const signed = signature(old);
    await pushArtifact(client, 'team/list', signed, signed.tag);
    await push('team/list', list('2'), 'main');
    await client.pushBlob('team/app', layer(`${name} left`, 300));
  }

  /** Pulls all that has a tag, as a client with an empty cache. */
  async #checkTags(after: string): Promise<void> {
    for (const { repo, tag, artifact } of this.#tagged.values()) {
      const pull = async (reference: string, { digest, blobs, children }: Artifact): Promise<void> => {
        const pulled = await this.#world.client.getManifest(repo, reference);
        if (pulled.digest !== digest) throw new Error(`${pulled.digest}, not ${digest}`);
        for (const bytes of blobs) await this.#world.client.getBlob(repo, sha256(bytes));
        for (const child of children) await pull(child.digest, child);
      };
      await pull(tag, artifact).catch((error: unknown) =>
        this.#find(`after ${after}: ${repo}:${tag}: ${error instanceof Error ? error.message : error}`),
      );
    }
  }

  /** What went by each run is what it reports, and what went by all of them is what is gone. */
  async #checkBytes(before: Snapshot, earlier: ReadonlySet<string>, ended: readonly Ended[]): Promise<void> {
    const buried = new Map<string, number>();
    for (const { sk, state, runId, size } of (await this.#items()).values()) {
      if (sk !== 'BLOB' || state !== 'deleted' || earlier.has(String(runId))) continue;
      buried.set(String(runId), (buried.get(String(runId)) ?? 0) + Number(size ?? 0));
    }
    const gone = bytesGone(before, await this.#objects());
    this.#expect('bytes gone', sumOf([...buried.values()]), gone);
    for (const one of ended) {
      const { runId } = reportOf(asResult(one));
      this.#expect(`bytes of run ${runId}`, reported(one), buried.get(runId) ?? 0);
    }
    this.#bytes += gone;
  }

  async #checkGarbage(): Promise<void> {
    const { endpoint, bucket, witness } = this.#world;
    const snapshot = await snapshotBucket(endpoint, bucket, registryRoot());
    const everExisted = new Set(
      [...(await this.#items()).values()].flatMap(({ pk, sk }) => {
        const [, repo] = /^REPO#(.+)$/.exec(String(pk)) ?? [];
        const [, digest] = /^MANIFEST#(.+)$/.exec(String(sk)) ?? [];
        return repo === undefined || digest === undefined ? [] : [`${repo}@${digest}`];
      }),
    );
    const { garbageKeys } = await reach({ endpoint, bucket, snapshot, everExisted });
    for (const key of garbageKeys) this.#find(`leaked: ${key}`);
    for (const key of witness.unannounced.splice(0)) this.#find(`deleted and not journalled before: ${key}`);
    for (const [key, { state }] of await this.#items()) {
      if (state === 'deleting' || state === 'condemned') this.#find(`${key} is ${state}`);
    }
  }

  /** At the end of all. */
  async #rest(): Promise<void> {
    const { added, removed, lost } = JSON.parse((await this.#done('reindex', '--json')).stdout);
    this.#expect('lost', lost, []);
    const drift = [added, removed].flatMap((counts) => Object.entries<number>(counts));
    this.#expect(
      'the drift',
      drift.filter(([, count]) => count > 0),
      [],
    );
    await this.#checkGarbage();
    await this.#checkTags('all of it');
    for (const { key } of await listVersions(this.#world.endpoint, this.#world.bucket, registryRoot())) {
      if (key.includes('/_uploads/')) this.#find(`left of an upload: ${key}`);
    }
  }

  /** Runs with something to undo, newest first. */
  async #journalled(earlier: ReadonlySet<string>): Promise<string[]> {
    const { endpoint, bucket } = this.#world;
    const keys = (await snapshotBucket(endpoint, bucket, JOURNAL_PREFIX)).keys();
    const runs = new Set([...keys].map((key) => key.slice(JOURNAL_PREFIX.length).split('/', 1)[0] ?? ''));
    return [...runs.difference(earlier)].sort().reverse();
  }

  async #objects(): Promise<Snapshot> {
    return await snapshotBucket(this.#world.endpoint, this.#world.bucket, registryRoot());
  }

  async #items() {
    return await snapshotTable(this.#world.tables, this.#world.table);
  }

  /** Oldest first. */
  async #runs(): Promise<Map<string, unknown>> {
    const items = [...(await this.#items()).values()].filter(({ pk }) => pk === 'RUNS');
    return new Map(items.map(({ sk, status }): [string, unknown] => [String(sk), status]).sort());
  }

  #expect(what: string, is: unknown, due: unknown): void {
    const text = difference(what, is, due);
    if (text !== undefined) this.#find(text);
  }

  #find(text: string): void {
    this.findings.push(`round ${this.#round}: ${text}`);
  }
}

/** Of the registry's blobs. */
function bytesGone(before: Snapshot, after: Snapshot): number {
  return sumOf([...before].map(([key, { size }]) => (key.startsWith(BLOBS) && !after.has(key) ? size : 0)));
}

/** Bytes of blobs that a run reports. */
function reported(ended: Ended): number {
  const { spaceReclaimed }: Report = reportOf(asResult(ended));
  return spaceReclaimed;
}
