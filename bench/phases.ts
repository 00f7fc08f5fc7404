/** The phases of the benchmark: the product's own entry points over the services, each counted and measured. */
import { BRAKE_FLOORS } from '../lambdas/configuration.ts';
import { reindex } from '../lambdas/index/reindex.ts';
import type { ReindexReport } from '../lambdas/index/reindex-report.ts';
import { type PruneSettings, prune } from '../lambdas/prune/engine.ts';
import type { Report } from '../lambdas/prune/report.ts';
import { type Mode, parsePruneRequest } from '../lambdas/prune/request.ts';
import { RegistryLayout } from '../lambdas/registry/layout.ts';
import { batching } from '../lambdas/store/batching-table.ts';
import { heartbeatKey } from '../lambdas/store/items.ts';
import { Metadata } from '../lambdas/store/metadata.ts';
import { RegistryBucket } from '../lambdas/store/registry-bucket.ts';
import { MemoryBus } from '../local/memory-bus.ts';
import { measured, type Probe, type Usage } from './measure.ts';
import type { Counted } from './protocol.ts';
import type { Services } from './services.ts';
import type { Timeline } from './timeline.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** As deployed by default. */
const SETTINGS: PruneSettings = {
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
    const context = {
      metadata: new Metadata(this.#services.table, this.#newId),
      bucket: new RegistryBucket(this.#services.bucket(), new RegistryLayout('')),
      now: this.#timeline.now,
      grace: SETTINGS.grace,
    };
    return await this.#measure(name, () => reindex(context));
  }

  async prune(name: string, mode: Mode, options: { readonly dryRun?: boolean } = {}): Promise<Report> {
    const { now, sleep } = this.#timeline;
    const request = parsePruneRequest({ mode, ...options }, new Date(now()));
    const dependencies = {
      table: batching(this.#services.table),
      objects: (guard: () => void) => this.#services.bucket(guard),
      bus: new MemoryBus(),
      layout: new RegistryLayout(''),
      bucketName: 'bench',
      settings: SETTINGS,
      owner: 'bench',
      ...{ now, sleep, newId: this.#newId },
    };
    return await this.#measure(name, () => prune(dependencies, request, [now() + HOUR]));
  }

  /** Long enough for whatever has to rest; the index stays in line meanwhile. */
  async rest(): Promise<void> {
    this.#timeline.advance(SETTINGS.grace + SETTINGS.quarantine + HOUR);
    const at = this.#timeline.now();
    const set = { writtenAt: at, seenAt: at };
    await this.#services.table.update(heartbeatKey, { set, add: { version: 1 } });
  }

  readonly #newId = (): string => `bench-${String(++this.#serial).padStart(10, '0')}`;

  async #measure<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#started(name);
    const services = this.#services;
    const timeline = this.#timeline;
    const before = await services.control.counted();
    const [begun, talking, throttled] = [timeline.exactly(), services.talking, services.throttled];
    const { value, usage } = await measured(this.#probe, work);
    const cpuSeconds = usage.cpuSeconds - (services.talking - talking) / 1e6;
    this.done.push({
      ...{ name, usage: { ...usage, cpuSeconds }, seconds: (timeline.exactly() - begun) / 1000 },
      throttled: services.throttled - throttled,
      ...between(before, await services.control.counted()),
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

function added(before: Counted['s3'], after: Counted['s3']): Requests {
  const counts = [...after].map(
    ([operation, count]) => [operation, count - (before.get(operation) ?? 0)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0).sort());
}
