/** The phases of the benchmark: the product's own entry points over the services, each counted and measured. */

import pMap from 'p-map';
import { BRAKE_FLOORS } from '../lambdas/configuration.ts';
import { applyBatch, type BatchResult, type Message } from '../lambdas/index/batch.ts';
import type { IndexContext } from '../lambdas/index/context.ts';
import { reindex } from '../lambdas/index/reindex.ts';
import type { ReindexReport } from '../lambdas/index/reindex-report.ts';
import { type PruneDependencies, type PruneSettings, prune } from '../lambdas/prune/engine.ts';
import type { Report } from '../lambdas/prune/report.ts';
import { type Mode, parsePruneRequest } from '../lambdas/prune/request.ts';
import { RegistryLayout } from '../lambdas/registry/layout.ts';
import { chunked } from '../lambdas/store/backoff.ts';
import { batching } from '../lambdas/store/batching-table.ts';
import { heartbeatKey } from '../lambdas/store/items.ts';
import { Metadata } from '../lambdas/store/metadata.ts';
import { RegistryBucket } from '../lambdas/store/registry-bucket.ts';
import type { Table } from '../lambdas/store/table.ts';
import { MemoryBus } from '../local/memory-bus.ts';
import { MemoryQueue } from '../local/memory-queue.ts';
import { type Bound, boundOf } from './bound.ts';
import { functionDollars, PRICES, PROCESSORS, requestDollars } from './cost.ts';
import { type DistributedRun, distributedRun } from './distributed.ts';
import { measured, type Probe, type Usage } from './measure.ts';
import type { Counted } from './protocol.ts';
import type { Client, Services } from './services.ts';
import type { Timeline } from './timeline.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** As deployed by default. */
export const SETTINGS: PruneSettings = {
  grace: 24 * HOUR,
  quarantine: 24 * HOUR,
  maxIndexLag: 15 * MINUTE,
  journalPrefix: 'registry-prune/journal/',
  heartbeatPrefix: 'registry-prune/heartbeat/',
  allowUnversioned: false,
  // Half of everything goes. With the brake on, an offline run is rehearsed first, which takes what a dry run takes.
  brake: { manifestShare: 1, byteShare: 1, ...BRAKE_FLOORS },
  undoWindow: 14 * 24 * HOUR,
};

const BUCKET = 'bench';
/** Messages of one batch of the index function, and how many run side by side, as deployed (`infra/live-index.ts`). */
const BATCH = { size: 10, functions: 10 } as const;

const SLICE = 15 * MINUTE;
const MAX_SLICES = 400;

/** Of the index function. */
const INDEX_GIGABYTES = 0.5;

/** Requests by operation. */
export type Requests = Readonly<Record<string, number>>;

export interface Phase {
  readonly name: string;
  /** The process's, talking to the services left out. */
  readonly usage: Usage;
  /** By the model. */
  readonly seconds: number;
  /** Requests that were refused for a rate and sent again. */
  readonly throttled: number;
  readonly dynamodb: Requests;
  readonly s3: Requests;
  /** Request units of DynamoDB. */
  readonly units: { readonly read: number; readonly write: number };
  /** Of requests and of functions, for as long as they take by the model. */
  readonly dollars: number;
  /** What the phase cannot be faster for. */
  readonly bound: Bound;
}

export class Phases {
  readonly done: Phase[] = [];
  readonly #services: Services;
  readonly #timeline: Timeline;
  readonly #probe: Probe;
  readonly #started: (name: string) => void;
  #serial = 0;

  constructor(about: {
    readonly services: Services;
    readonly timeline: Timeline;
    readonly probe: Probe;
    readonly started: (name: string) => void;
  }) {
    this.#services = about.services;
    this.#timeline = about.timeline;
    this.#probe = about.probe;
    this.#started = about.started;
  }

  async reindex(name: string): Promise<ReindexReport> {
    return await this.#measure(name, () => reindex(this.#indexContext(batching(this.#services.table))));
  }

  /** Events of S3 through index functions, a batch to each at a time. */
  async index(name: string, keys: readonly string[]): Promise<BatchResult[]> {
    const indexer = {
      ...this.#indexContext(this.#services.table),
      ...{ bus: new MemoryBus(), bucketName: BUCKET, heartbeatPrefix: SETTINGS.heartbeatPrefix },
      postpone: new MemoryQueue({ now: this.#timeline.now }),
    };
    const batches = [...chunked(keys.map(messageOf), BATCH.size)];
    // Each is a function of its own, billed for its own time.
    let billed = 0;
    const apply = async (messages: readonly Message[]): Promise<BatchResult> => {
      const begun = this.#timeline.exactly();
      const result = await applyBatch(indexer, messages);
      billed += (this.#timeline.exactly() - begun) / 1000;
      return result;
    };
    const work = () => pMap(batches, apply, { concurrency: BATCH.functions });
    return await this.#measure(name, work, () => functionDollars(billed * INDEX_GIGABYTES));
  }

  async prune(name: string, mode: Mode, options: { readonly dryRun?: boolean } = {}): Promise<Report> {
    const { now } = this.#timeline;
    const request = parsePruneRequest({ mode, ...options }, new Date(now()));
    return await this.#measure(name, () =>
      prune(this.#dependenciesOver(this.#services), request, slices(now)),
    );
  }

  /**
   * A run of many workers, each with connections of its own. They compute in one process, which the model leaves out.
   *
   * @param deadly calls to the table after which the first worker of a run dies. @default none dies
   */
  async distribute(name: string, mode: Mode, workers: number, deadly?: number): Promise<DistributedRun> {
    const { now, sleep } = this.#timeline;
    const machine = {
      process: () => this.#dependenciesOver(this.#services.client()),
      ...{ workers, now, sleep, lifetime: SLICE, deadly },
    };
    return await this.#measure(
      name,
      () => distributedRun(machine, { mode }),
      ({ functionSeconds, transitions }, computed) =>
        functionDollars(Math.max(functionSeconds, computed)) + transitions * PRICES.stateTransition,
    );
  }

  #dependenciesOver(client: Client): PruneDependencies {
    const { now, sleep } = this.#timeline;
    return {
      table: batching(client.table),
      objects: (guard: () => void) => client.bucket(guard),
      bus: new MemoryBus(),
      layout: new RegistryLayout(''),
      bucketName: BUCKET,
      settings: SETTINGS,
      owner: 'bench',
      ...{ now, sleep, newId: this.#newId },
    };
  }

  /** Long enough for whatever has to rest; the index stays in line meanwhile. */
  async rest(): Promise<void> {
    this.#timeline.advance(SETTINGS.grace + SETTINGS.quarantine + HOUR);
    const at = this.#timeline.now();
    const set = { writtenAt: at, seenAt: at };
    await this.#services.table.update(heartbeatKey, { set, add: { version: 1 } });
  }

  #indexContext(table: Table): IndexContext {
    return {
      metadata: new Metadata(table, this.#newId),
      bucket: new RegistryBucket(this.#services.bucket(), new RegistryLayout('')),
      now: this.#timeline.now,
      grace: SETTINGS.grace,
    };
  }

  readonly #newId = (): string => `bench-${String(++this.#serial).padStart(10, '0')}`;

  /**
   * @param functions dollars of the functions that have done the work, which took them so many seconds to compute. @default
   *   one of 1 GB, for as long as it takes by the model or to compute
   */
  async #measure<T>(
    name: string,
    work: () => Promise<T>,
    functions?: (value: T, computed: number) => number,
  ): Promise<T> {
    this.#started(name);
    const services = this.#services;
    const timeline = this.#timeline;
    const before = await services.control.counted();
    services.load();
    const [begun, talking, throttled] = [timeline.exactly(), services.talking, services.throttled];
    const { value, usage } = await measured(this.#probe, work);
    const cpuSeconds = usage.cpuSeconds - (services.talking - talking) / 1e6;
    const seconds = (timeline.exactly() - begun) / 1000;
    const taken = between(before, await services.control.counted());
    const computed = cpuSeconds / PROCESSORS;
    this.done.push({
      ...{ name, usage: { ...usage, cpuSeconds }, seconds, ...taken },
      throttled: services.throttled - throttled,
      dollars:
        requestDollars(taken) +
        (functions?.(value, computed) ?? functionDollars(Math.max(seconds, computed))),
      bound: boundOf(services.load(), { seconds, cpuSeconds }),
    });
    return value;
  }
}

function between(before: Counted, after: Counted): Pick<Phase, 'dynamodb' | 's3' | 'units'> {
  return {
    dynamodb: added(before.dynamodb, after.dynamodb),
    s3: added(before.s3, after.s3),
    units: {
      read: after.units.read - before.units.read,
      write: after.units.write - before.units.write,
    },
  };
}

/** Functions of 15 minutes, one after the other, until the work is done or would never be. */
function* slices(now: () => number): Generator<number> {
  for (let slice = 0; slice < MAX_SLICES; slice++) yield now() + SLICE;
}

/** As S3 tells of a key by EventBridge. */
export const eventOf = (bucket: string, key: string, type: 'Object Created' | 'Object Deleted'): string =>
  JSON.stringify({
    ...{ source: 'aws.s3', 'detail-type': type },
    detail: { bucket: { name: bucket }, object: { key } },
  });

const messageOf = (key: string, at: number): Message => ({
  id: String(at),
  body: eventOf(BUCKET, key, 'Object Created'),
});

function added(before: Counted['s3'], after: Counted['s3']): Requests {
  const counts = [...after].map(
    ([operation, count]) => [operation, count - (before.get(operation) ?? 0)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0).sort());
}
