/** The real indexer and the real runs over a generated registry, to be compared with what the benchmark seeds. */

import { eventOf, SETTINGS } from '../../bench/phases.ts';
import type { Catalog } from '../../bench/registry/catalog.ts';
import { RegistryObjects } from '../../bench/registry/objects.ts';
import { repositoryName } from '../../bench/registry/releases.ts';
import { applyBatch } from '../../lambdas/index/batch.ts';
import { reindex } from '../../lambdas/index/reindex.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { heartbeatKey } from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import type { Item, Key } from '../../lambdas/store/table.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryBus } from '../../local/memory-bus.ts';
import { MemoryQueue } from '../../local/memory-queue.ts';
import { MemoryTable } from '../../local/memory-table.ts';

export const LAYOUT = new RegistryLayout('');
const HOUR = 3_600_000;

/** A bucket, its table and a clock. */
export class RealRegistry {
  readonly table: MemoryTable;
  readonly bucket: MemoryBucket;
  now: number;
  #serial = 0;

  /**
   * @param catalog what is in the bucket, by its stage `settled`.
   * @param table @default an empty one
   * @param held whether the bucket's objects are stored in it, in the place of being made when they are asked for.
   */
  constructor(catalog: Catalog, now: number, table = new MemoryTable(), held = false) {
    this.now = now;
    this.table = table;
    const base = new RegistryObjects({ catalog, layout: LAYOUT, stage: 'settled' });
    const options = { versioned: true, now: () => new Date(this.now) };
    this.bucket = new MemoryBucket(held ? options : { ...options, base });
    if (!held) return;
    for (const key of base.from('', false)) {
      for (const { body, size = 0, lastModified } of base.get(key)) {
        if (body === undefined) this.bucket.seedSized(key, size, lastModified);
        else this.bucket.seed(key, body, lastModified);
      }
    }
  }

  async reindex(): Promise<void> {
    await reindex(this.#context());
  }

  /** Long enough for whatever has to rest. */
  rest(): void {
    this.now += SETTINGS.grace + SETTINGS.quarantine + HOUR;
  }

  async prune(): Promise<Report> {
    const [now, newId] = [() => this.now, this.#newId];
    const set = { writtenAt: this.now, seenAt: this.now };
    await this.table.update(heartbeatKey, { set, add: { version: 1 } });
    const dependencies = {
      ...{ table: this.table, objects: () => this.bucket, bus: new MemoryBus(), layout: LAYOUT },
      ...{ bucketName: 'bench', settings: SETTINGS, owner: 'test', sleep: async () => {}, now, newId },
    };
    return await prune(dependencies, parsePruneRequest({}, new Date(this.now)), [this.now + HOUR]);
  }

  /** Deletes the own tags of all garbage, as the registry does, and applies the events of it. */
  async untag(catalog: Catalog): Promise<void> {
    const keys: string[] = [];
    for (let release = 0; release < catalog.releases; release++) {
      if (!catalog.isGarbage(release)) continue;
      const { repository, build } = catalog.place(release);
      const name = repositoryName(repository);
      const top = catalog.manifestDigest(catalog.topOf(release));
      keys.push(LAYOUT.tagHistory(name, `v${build}`, top), LAYOUT.tagCurrent(name, `v${build}`));
    }
    await this.bucket.deleteMany(keys);
    const indexer = {
      ...{ ...this.#context(), bus: new MemoryBus(), bucketName: 'bench' },
      ...{ heartbeatPrefix: SETTINGS.heartbeatPrefix, postpone: new MemoryQueue({ now: () => this.now }) },
    };
    const { failed } = await applyBatch(
      indexer,
      keys.map((key) => ({ id: key, body: eventOf('bench', key, 'Object Deleted') })),
    );
    if (failed.length > 0) throw failed[0]?.error;
  }

  async items(): Promise<Map<string, Item>> {
    return await itemsOf(this.table);
  }

  readonly #newId = (): string => `real-${++this.#serial}`;

  #context() {
    return {
      metadata: new Metadata(this.table, this.#newId),
      bucket: new RegistryBucket(this.bucket, LAYOUT),
      now: () => this.now,
      grace: SETTINGS.grace,
    };
  }
}

/** Every item by its key, without those of runs. */
export async function itemsOf(table: MemoryTable): Promise<Map<string, Item>> {
  const all = await allOf(table);
  return new Map([...all].filter(([, { pk }]) => !/^(?:LAST|LOCK|RUNS|INDEX)$/.test(pk)));
}

/** Every item by its key. */
export async function allOf(table: MemoryTable): Promise<Map<string, Item>> {
  const items = new Map<string, Item>();
  let after: Key | undefined;
  do {
    const page = await table.scan({ segment: 0, segments: 1, ...(after === undefined ? {} : { after }) });
    for (const item of page.items) {
      const key = `${item.pk} ${item.sk}`;
      if (items.has(key)) throw new Error(`the scan shows ${key} twice`);
      items.set(key, item);
    }
    after = page.next;
  } while (after !== undefined);
  return items;
}
