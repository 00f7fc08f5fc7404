/** A registry, its table and its bus in memory, on one clock, with the indexer and the collector over them. */

import { explain } from '../../lambdas/explain/explain.ts';
import type { Explanation } from '../../lambdas/explain/explanation.ts';
import { parseSubject } from '../../lambdas/explain/subject.ts';
import type { IndexContext } from '../../lambdas/index/context.ts';
import { recordReindex } from '../../lambdas/index/heartbeat.ts';
import { reindex } from '../../lambdas/index/reindex.ts';
import type { ReindexReport } from '../../lambdas/index/reindex-report.ts';
import { applyPlan } from '../../lambdas/plan/apply-plan.ts';
import type { Plan } from '../../lambdas/plan/document.ts';
import { makePlan, type Planned } from '../../lambdas/plan/make-plan.ts';
import { type PruneDependencies, type PruneSettings, prune } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import type { RestoreReport } from '../../lambdas/restore/report.ts';
import { type RestoreDependencies, restoreRun } from '../../lambdas/restore/run.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import type { Item, Key } from '../../lambdas/store/table.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { MemoryBus } from '../../local/memory-bus.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { DAY, HOUR, MINUTE, TestClock } from './clock.ts';
import { intercept } from './intercept.ts';
import { RegistryWriter } from './registry-writer.ts';
import { WatchedBucket } from './watched-bucket.ts';

export const JOURNAL = 'registry-prune/journal/';
export const HEARTBEATS = 'registry-prune/heartbeat/';

/** How long a run of a test may take by the clock. */
const LIFETIME = 10 * MINUTE;

const DESTRUCTIVE = new Set(['delete', 'deleteMany', 'deleteVersion', 'deleteVersions', 'abortUpload']);

export interface WorldOptions {
  readonly versioned?: boolean;
  readonly settings?: Partial<PruneSettings>;
  /** Told of each key of the bucket that was written or deleted, as S3's events tell. */
  readonly onChange?: (key: string) => void;
}

export type Body = Readonly<Record<string, unknown>>;

export class World {
  readonly clock = new TestClock();
  readonly table = new MemoryTable();
  readonly bus = new MemoryBus();
  readonly bucket: MemoryBucket;
  readonly registry: RegistryWriter;
  readonly settings: PruneSettings;
  readonly layout = new RegistryLayout('');
  #serial = 0;

  constructor({ versioned = true, settings = {}, onChange }: WorldOptions = {}) {
    const options = { versioned, now: this.clock.date };
    this.bucket = onChange === undefined ? new MemoryBucket(options) : new WatchedBucket(options, onChange);
    this.registry = new RegistryWriter(this.bucket, this.clock.now);
    this.settings = {
      grace: DAY,
      quarantine: DAY,
      maxIndexLag: 15 * MINUTE,
      journalPrefix: JOURNAL,
      heartbeatPrefix: HEARTBEATS,
      allowUnversioned: false,
      undoWindow: 14 * DAY,
      brake: { manifestShare: 0.5, byteShare: 0.5, manifestFloor: 20, byteFloor: 1024 ** 3 },
      ...settings,
    };
  }

  readonly newId = (): string => `id-${String(++this.#serial).padStart(8, '0')}`;

  get dependencies(): PruneDependencies {
    return {
      table: this.table,
      objects: (guard) =>
        intercept(this.bucket, {
          before: ({ operation }) => {
            if (DESTRUCTIVE.has(operation)) guard();
          },
        }),
      bus: this.bus,
      layout: this.layout,
      bucketName: 'registry',
      settings: this.settings,
      owner: 'test',
      now: this.clock.now,
      sleep: async () => {},
      newId: this.newId,
    };
  }

  get index(): IndexContext {
    return {
      metadata: new Metadata(this.table, this.newId),
      bucket: new RegistryBucket(this.bucket, this.layout),
      now: this.clock.now,
      grace: this.settings.grace,
    };
  }

  get metadata(): Metadata {
    return new Metadata(this.table, this.newId);
  }

  /** A rebuild, which is also the index's heartbeat. */
  async reindex(): Promise<ReindexReport> {
    return await reindex(this.index);
  }

  /** The indexer is in line with the bucket, as after a rebuild that found nothing to do. */
  async beat(): Promise<void> {
    await recordReindex(this.index, this.clock.now());
  }

  /** @param faults dependencies to be replaced. */
  async prune(body: Body = {}, faults: Partial<PruneDependencies> = {}): Promise<Report> {
    const request = parsePruneRequest(body, this.clock.date());
    return await prune({ ...this.dependencies, ...faults }, request, [this.clock.now() + LIFETIME]);
  }

  /** What a prune would delete in the end. */
  async plan(body: Body = {}, faults: Partial<PruneDependencies> = {}): Promise<Planned> {
    const request = parsePruneRequest(body, this.clock.date());
    return await makePlan({ ...this.dependencies, ...faults }, request, this.clock.now() + LIFETIME);
  }

  /** @param faults dependencies to be replaced. */
  async apply(
    plan: Plan,
    options: { readonly dryRun?: boolean } = {},
    faults: Partial<PruneDependencies> = {},
  ): Promise<Report> {
    const deadlines = [this.clock.now() + LIFETIME];
    return await applyPlan({ ...this.dependencies, ...faults }, plan, {
      ...{ trigger: 'manual', deadlines },
      ...options,
    });
  }

  /** Why something is there, or is not. @param what as the command line takes it. */
  async why(what: string, body: Body = {}): Promise<Explanation> {
    const request = parsePruneRequest(body, this.clock.date());
    return await explain(this.dependencies, parseSubject(what), request);
  }

  /** With a rebuild before it, as the command line's user would do. */
  async reindexAndPrune(body: Body = {}, faults: Partial<PruneDependencies> = {}): Promise<Report> {
    await this.reindex();
    return await this.prune(body, faults);
  }

  /** Undoes a run. @param faults dependencies to be replaced. */
  async restore(
    runId: string,
    options: { readonly dryRun?: boolean } = {},
    faults: Partial<RestoreDependencies> = {},
  ): Promise<RestoreReport> {
    const { onProgress: _, ...dependencies } = this.dependencies;
    return await restoreRun({ ...dependencies, ...faults }, runId, {
      ...options,
      deadlines: [this.clock.now() + LIFETIME],
    });
  }

  /** Long after: whatever has to rest has rested, and a lease left by a crash is over. */
  async later(milliseconds = 2 * DAY + HOUR): Promise<void> {
    this.clock.advance(milliseconds);
    await this.beat();
  }

  /** Every key of the registry that a reader finds, with its size. */
  async keys(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    let next: string | undefined;
    do {
      const page = await this.bucket.list('docker/', next === undefined ? {} : { next });
      for (const { key, size } of page.objects) found.set(key, size);
      next = page.next;
    } while (next !== undefined);
    return found;
  }

  async items(): Promise<Item[]> {
    const items: Item[] = [];
    let after: Key | undefined;
    do {
      const page = await this.table.scan({ segment: 0, segments: 1, ...(after ? { after } : {}) });
      items.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return items;
  }

  /** Lines of all journals so far, in the order they were stored. */
  async journal(): Promise<Record<string, unknown>[]> {
    const lines: Record<string, unknown>[] = [];
    for (const { key } of (await this.bucket.list(JOURNAL)).objects) {
      const object = await this.bucket.get(key);
      const text = new TextDecoder().decode(object?.body);
      for (const line of text.split('\n').filter(Boolean)) lines.push(JSON.parse(line));
    }
    return lines;
  }
}
