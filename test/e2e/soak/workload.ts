/** Several clients at once, each choosing by its own seed what to do next. */
import { Random } from '../../../bench/random.ts';
import { type RegistryClient, RegistryError } from '../support/client.ts';
import type { Artifact } from '../support/images.ts';
import { type Attempted, type Manner, pushWithRetries, withRetries } from './client-retry.ts';
import { Contents } from './contents.ts';
import type { Locks } from './locks.ts';
import type { Model, Tagged } from './model.ts';

export interface Workload {
  readonly client: RegistryClient;
  readonly model: Model;
  readonly locks: Locks;
  readonly signal: AbortSignal;
  /** Resolves when the client may go on. */
  readonly pace: () => Promise<void>;
  /** Told of each acknowledged push by tag. */
  readonly onPush: (tagged: Tagged) => void;
  /** Told of each operation done, with what the registry refused meanwhile. */
  readonly onDone: (operation: Operation, attempted: Attempted) => void;
}

export type Operation = (typeof OPERATIONS)[number][0];

export const REPOSITORIES = ['team/app', 'team/app/worker', 'team/web', 'library/base', 'mirror'] as const;
const TAGS = 8;

/** How often each is chosen, by weight. */
const OPERATIONS = [
  ['new image', 8],
  ['new index', 2],
  ['retired image again', 27],
  ['another tag', 49],
  ['image of another repository', 8],
  ['delete', 4],
  ['attach', 2],
] as const;
const WEIGHT = OPERATIONS.reduce((sum, [, weight]) => sum + weight, 0);

/** One client, until told to stop. */
export async function runClient(workload: Workload, seed: number): Promise<void> {
  const client = new Client(workload, seed);
  while (!workload.signal.aborted) {
    await workload.pace();
    await client.step();
  }
}

class Client {
  readonly #workload: Workload;
  readonly #random: Random;
  readonly #contents: Contents;

  constructor(workload: Workload, seed: number) {
    this.#workload = workload;
    this.#random = new Random(seed);
    this.#contents = new Contents(`client ${seed}`, this.#random);
  }

  async step(): Promise<void> {
    const operation = this.#choose();
    const repo = this.#pick(REPOSITORIES) ?? REPOSITORIES[0];
    const attempted = await this.#carryOut(operation, repo);
    if (attempted === undefined) {
      // Nothing there for it, or somebody else is at it; let the others go on.
      await new Promise(setImmediate);
      return;
    }
    this.#workload.onDone(operation, attempted);
  }

  async #carryOut(operation: Operation, repo: string): Promise<Attempted | undefined> {
    const { model } = this.#workload;
    switch (operation) {
      case 'new image':
        return await this.#push(repo, this.#contents.image(), 'check');
      case 'new index':
        return await this.#push(repo, this.#contents.index(), 'check');
      case 'retired image again': {
        const retired = this.#pick(model.retired(repo));
        return retired && (await this.#push(repo, retired.artifact, this.#manner()));
      }
      case 'another tag': {
        const tagged = this.#pick(model.inRepo(repo));
        return tagged && (await this.#push(repo, tagged.artifact, 'trust'));
      }
      case 'image of another repository': {
        const from = this.#pick(REPOSITORIES.filter((other) => other !== repo));
        const there = from === undefined ? [] : [...model.inRepo(from), ...model.retired(from).slice(-4)];
        const artifact = this.#pick(there)?.artifact;
        return artifact && from ? await this.#push(repo, artifact, { from }) : undefined;
      }
      case 'delete': {
        const tagged = this.#pick(model.inRepo(repo));
        return tagged && (await this.#delete(tagged));
      }
      case 'attach': {
        const tagged = this.#pick(model.inRepo(repo));
        return tagged && (await this.#attach(tagged));
      }
    }
  }

  async #push(repo: string, artifact: Artifact, manner: Manner): Promise<Attempted | undefined> {
    const { client, model, locks, onPush } = this.#workload;
    const tag = `t${this.#random.between(1, TAGS)}`;
    const before = model.find(repo, tag);
    const release = locks.take({
      alone: [`${repo}:${tag}`],
      shared: [artifact, before?.artifact].flatMap((one) => (one ? [`${repo}@${one.digest}`] : [])),
    });
    if (release === undefined) return undefined;
    try {
      const put = () =>
        model.changing(repo, [tag], async () => {
          await client.putManifest(repo, tag, artifact.mediaType, artifact.bytes);
          const tagged = { repo, tag, artifact, at: Date.now() };
          model.acknowledge(tagged);
          onPush(tagged);
        });
      const attempted = await pushWithRetries(client, repo, artifact, { manner, put });
      if (!attempted.acknowledged) model.unsettle(repo, tag);
      return attempted;
    } finally {
      release();
    }
  }

  /** By digest, so that every tag of it goes. */
  async #delete({ repo, artifact }: Tagged): Promise<Attempted | undefined> {
    const { client, model, locks } = this.#workload;
    const { digest } = artifact;
    const named = model.tagsOf(repo, digest);
    const tags = named.map(({ tag }) => tag);
    const release = locks.take({
      alone: [`${repo}@${digest}`, ...tags.map((tag) => `${repo}:${tag}`)],
    });
    if (release === undefined) return undefined;
    try {
      let begun = false;
      const attempted = await withRetries(() =>
        model.changing(repo, tags, async () => {
          try {
            await client.deleteManifest(repo, digest);
          } catch (error) {
            const status = error instanceof RegistryError ? error.status : 500;
            // The registry may have done its part before it failed.
            if (!(status === 404 && begun)) {
              begun ||= status >= 500;
              throw error;
            }
          }
          for (const tagged of named) model.remove(tagged);
        }),
      );
      if (!attempted.acknowledged) for (const tag of tags) model.unsettle(repo, tag);
      return attempted;
    } finally {
      release();
    }
  }

  /** A bill of materials: no tag, alive with its subject. */
  async #attach({ repo, artifact: subject }: Tagged): Promise<Attempted | undefined> {
    const { client, model, locks } = this.#workload;
    const release = locks.take({ alone: [`${repo}@${subject.digest}`] });
    if (release === undefined) return undefined;
    try {
      const artifact = this.#contents.referrer(subject);
      const put = async () => {
        await client.putManifest(repo, artifact.digest, artifact.mediaType, artifact.bytes);
        model.attach({ repo, subject: subject.digest, artifact });
      };
      return await pushWithRetries(client, repo, artifact, { manner: 'check', put });
    } finally {
      release();
    }
  }

  #manner(): Manner {
    if (this.#random.chance(0.5)) return 'check';
    return this.#random.chance(0.5) ? 'blind' : 'trust';
  }

  #choose(): Operation {
    let at = this.#random.next() * WEIGHT;
    for (const [operation, weight] of OPERATIONS) {
      at -= weight;
      if (at < 0) return operation;
    }
    return OPERATIONS[0][0];
  }

  #pick<T>(of: readonly T[]): T | undefined {
    return of[this.#random.between(0, of.length - 1)];
  }
}
