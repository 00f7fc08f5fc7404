/**
 * Looks at acknowledged images while all goes on: are they whole, and if not, for how long. A look goes through the
 * registry, as a pull does; blobs are asked for by `HEAD`, their bytes are fetched at the end of the soak.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type RegistryClient, sha256 } from '../support/client.ts';
import type { Artifact } from '../support/images.ts';
import type { Model, Tagged } from './model.ts';

export interface Outage {
  readonly tagged: Tagged;
  /** From the acknowledgement or the last look at which it was whole, in milliseconds. */
  readonly duration: number;
  /** What was missing at first. */
  readonly missing: string;
  /** Whether it was seen whole again; else it was overtaken by another push, or the time was up. */
  readonly healed: boolean;
}

export interface Probed {
  readonly looks: number;
  readonly outages: readonly Outage[];
}

interface Scheduled {
  readonly tagged: Tagged;
  readonly due: number;
}

/** Every image is looked at as soon as it is acknowledged, some once more after so many milliseconds. */
const SECOND_LOOK = { share: 0.3, from: 300, to: 4_000 };
/** And of all that are owed one each so many milliseconds. */
const THIRD_LOOK_EVERY = 500;
const TIGHT_MS = 50;
const IDLE_MS = 20;
/** An image is given up on after this long (milliseconds), and the soak has failed. */
const PATIENCE = 60_000;

export class Prober {
  readonly #client: RegistryClient;
  readonly #model: Model;
  readonly #chance: () => number;
  readonly #scheduled: Scheduled[] = [];
  readonly #wholeAt = new Map<Tagged, number>();
  readonly #down = new Set<Tagged>();
  readonly #outages: Outage[] = [];
  readonly #watches: Promise<void>[] = [];
  #looks = 0;
  #nextThirdLook = 0;

  /** @param chance from 0 up to but not including 1 */
  constructor(client: RegistryClient, model: Model, chance: () => number) {
    this.#client = client;
    this.#model = model;
    this.#chance = chance;
  }

  get probed(): Probed {
    return { looks: this.#looks, outages: this.#outages };
  }

  /** Has an image that was just acknowledged looked at: at once, and once more while its events are on their way. */
  watch(tagged: Tagged): void {
    const { share, from, to } = SECOND_LOOK;
    const now = Date.now();
    this.#scheduled.push({ tagged, due: now });
    if (this.#chance() >= share) return;
    this.#scheduled.push({ tagged, due: now + from + this.#chance() * (to - from) });
  }

  /** Looks until told to stop; then waits for images that are not whole. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const tagged = this.#next();
      if (tagged === undefined) await delay(IDLE_MS);
      else await this.#look(tagged);
    }
    await Promise.all(this.#watches);
  }

  /** What is due, latest first, so that a first look never waits behind old ones; else any image that is owed. */
  #next(): Tagged | undefined {
    const now = Date.now();
    const at = this.#scheduled.findLastIndex(({ due }) => due <= now);
    const [scheduled] = at < 0 ? [] : this.#scheduled.splice(at, 1);
    if (scheduled !== undefined) return scheduled.tagged;
    if (now < this.#nextThirdLook) return undefined;
    this.#nextThirdLook = now + THIRD_LOOK_EVERY;
    const owed = this.#model.tagged;
    return owed[Math.floor(this.#chance() * owed.length)];
  }

  async #look(tagged: Tagged): Promise<void> {
    if (this.#down.has(tagged) || !this.#model.isOwed(tagged)) return;
    const startedAt = Date.now();
    const missing = await this.#missing(tagged);
    if (!this.#model.isOwed(tagged)) return;
    if (missing === undefined) {
      this.#wholeAt.set(tagged, startedAt);
      return;
    }
    this.#down.add(tagged);
    this.#watches.push(this.#untilWhole(tagged, missing));
  }

  async #untilWhole(tagged: Tagged, missing: string): Promise<void> {
    const since = this.#wholeAt.get(tagged) ?? tagged.at;
    let healed = false;
    while (!healed && this.#model.isOwed(tagged) && Date.now() - since < PATIENCE) {
      await delay(TIGHT_MS);
      healed = (await this.#missing(tagged)) === undefined;
    }
    this.#down.delete(tagged);
    this.#wholeAt.set(tagged, Date.now());
    this.#outages.push({ tagged, missing, healed, duration: Date.now() - since });
  }

  /** What a pull would miss first. */
  async #missing({ repo, tag, artifact }: Tagged): Promise<string | undefined> {
    this.#looks++;
    try {
      const digest = await this.#client.headManifest(repo, tag);
      if (digest !== artifact.digest) return `manifest by tag: ${digest ?? 'unknown'}`;
      return await this.#missingOf(repo, artifact);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #missingOf(repo: string, artifact: Artifact): Promise<string | undefined> {
    for (const digest of artifact.blobs.map(sha256)) {
      if (!(await this.#client.headBlob(repo, digest))) return `blob ${digest}`;
    }
    for (const child of artifact.children) {
      if ((await this.#client.headManifest(repo, child.digest)) === undefined)
        return `manifest ${child.digest}`;
      const missing = await this.#missingOf(repo, child);
      if (missing !== undefined) return missing;
    }
    return undefined;
  }
}
