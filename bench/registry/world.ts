/** A generated registry with its table, in stores that count. */
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryTable, type Use } from '../../local/memory-table.ts';
import type { Counted, GenerateOptions, Pushed } from '../protocol.ts';
import { Catalog } from './catalog.ts';
import { factsOf, type Inspection, inspect, type Listed, type RegistryFacts } from './facts.ts';
import type { Times } from './items.ts';
import { RegistryObjects } from './objects.ts';
import { RegistryTable } from './table.ts';

const HOUR = 3_600_000;
/** Before the registry is looked at: longer than what was pushed since, and than whatever has to rest. */
const PUSHED_SINCE = 90 * 24 * HOUR;

/** When what happened, so that at `now` all is due. */
export function timesAt({ now, grace, quarantine }: Omit<GenerateOptions, 'start'>): Times {
  const rest = grace + quarantine + HOUR;
  const last = now - rest;
  return {
    ...{ grace, quarantine, condemnedAt: last, deletedAt: last - rest, untaggedAt: last - 2 * rest },
    // Reindexed anew since, as by its schedule.
    indexedAt: now,
  };
}

export class World {
  readonly facts: RegistryFacts;
  readonly table: MemoryTable;
  readonly bucket: MemoryBucket;
  /** Units of DynamoDB since whoever reads them has emptied it. */
  readonly uses: Use[] = [];
  readonly #layout = new RegistryLayout('');
  readonly #catalog: Catalog;
  readonly #objects: RegistryObjects;
  readonly #now: () => number;
  #pushes = 0;
  /** Keys of data that was pushed since. */
  readonly #pushed = new Set<string>();

  /** @param now milliseconds since the epoch. */
  constructor(options: GenerateOptions, now: () => number) {
    const { images, garbage, seed, start } = options;
    const catalog = new Catalog({ images, garbage, seed, since: options.now - PUSHED_SINCE });
    const stage = start === 'pushed' ? 'settled' : start;
    this.#catalog = catalog;
    this.#objects = new RegistryObjects({ catalog, layout: this.#layout, stage });
    this.#now = now;
    this.bucket = new MemoryBucket({
      ...{ versioned: true, now: () => new Date(now()), base: this.#objects },
    });
    const onUse = (use: Use): void => {
      this.uses.push(use);
    };
    this.table =
      start === 'pushed'
        ? new MemoryTable(onUse)
        : new MemoryTable(onUse, new RegistryTable({ catalog, stage: start, times: timesAt(options) }));
    this.facts = factsOf(catalog);
  }

  get requests(): number {
    const all = [...this.table.requests.values(), ...this.bucket.requests.values()];
    return all.reduce((sum, count) => sum + count, 0);
  }

  counted(): Counted {
    const { requests: dynamodb, units } = this.table;
    return { dynamodb, s3: this.bucket.requests, units, rss: process.memoryUsage.rss() };
  }

  /** Compares the bucket with what live images need. */
  async inspect(): Promise<Inspection> {
    const before = new Map(this.bucket.requests);
    const wanted = new RegistryObjects({ catalog: this.#catalog, layout: this.#layout, stage: 'pruned' });
    const inspection = await inspect(this.#listed(), wanted, this.#layout);
    // Looking is no part of what is measured.
    this.bucket.requests.clear();
    for (const [operation, count] of before) this.bucket.requests.set(operation, count);
    return inspection;
  }

  /** The next releases of as many repositories in turn, as a registry writes them; `main` moves on to them. */
  push(releases: number): Pushed {
    const keys: string[] = [];
    const sums = { images: 0, manifests: 0, blobs: 0 };
    const at = new Date(this.#now());
    for (let left = releases; left > 0; left--) {
      const serial = this.#pushes++;
      const { repositories } = this.#catalog;
      const release = this.#catalog.next(serial % repositories, Math.floor(serial / repositories));
      for (const [key, body] of this.#objects.push(release, ['main', release.tag])) {
        const isData = key.startsWith(this.#layout.blobsPrefix);
        // Data that is there is not written again.
        if (isData && (this.#objects.get(key).length > 0 || this.#pushed.has(key))) continue;
        if (typeof body === 'number') this.bucket.seedSized(key, body, at);
        else this.bucket.seed(key, body, at);
        keys.push(key);
        if (isData) this.#pushed.add(key);
        sums.blobs += isData ? 1 : 0;
      }
      sums.images += release.images;
      sums.manifests += release.manifests.length;
    }
    return { keys, ...sums };
  }

  async *#listed(): AsyncGenerator<Listed> {
    let next: string | undefined;
    do {
      const page = await this.bucket.list(this.#layout.prefix, next === undefined ? {} : { next });
      yield* page.objects;
      next = page.next;
    } while (next !== undefined);
  }
}
