/** One schedule of one world: its actors over the real code, from the start to rest. */
import { apply } from '../../lambdas/index/apply.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { PruneAlreadyRunningError } from '../../lambdas/store/lock.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { JournalWitness } from '../support/journal-witness.ts';
import { World } from '../support/world.ts';
import type { Footprints } from './access.ts';
import { Client } from './client.ts';
import { type Actor, RequestTooOldError, Scheduler, type Transition } from './scheduler.ts';
import { Snapshot } from './snapshot.ts';

/** How long a run may take by the clock. */
export const LIFETIME = 10 * MINUTE;

export interface WorldDefinition {
  readonly name: string;
  readonly about: string;
  /** Digests by the names that schedules are read with. */
  readonly names: Readonly<Record<string, string>>;
  /** What is there before anything of the schedule happens. */
  readonly start: (world: World) => Promise<unknown>;
  /** Each client is an actor. */
  readonly clients?: Readonly<Record<string, (client: Client) => Promise<unknown>>>;
  /** Prune runs, each an actor, with what is asked of it. */
  readonly runs: readonly { readonly body?: object; readonly mayCrash?: boolean }[];
  /** Keys whose events may arrive at any moment; all others, and those of runs and indexers, arrive at rest. */
  readonly events?: RegExp;
  /** Of those, keys whose events arrive twice. */
  readonly twice?: RegExp;
  /** Whether an indexer may be killed. */
  readonly indexerMayCrash?: boolean;
  readonly crashes?: number;
  readonly clock?: readonly number[];
  /** Tags that must be there at rest, whatever comes when: `name:tag` by digest. */
  readonly tags: Readonly<Record<string, string>>;
  /** Keys that come back to nobody's mind: what an index lists though a client has deleted it. */
  readonly mayLack?: RegExp;
  /** Without versions, as the operator wants it: what is deleted is gone. */
  readonly unversioned?: boolean;
  /** Keys that have changed before the schedule begins, and whose events arrive at rest. */
  readonly late?: readonly string[];
  /** Keys that S3 does not delete until all is at rest. */
  readonly refused?: readonly string[];
}

export class Simulation {
  readonly scheduler: Scheduler;
  readonly world: World;
  readonly definition: WorldDefinition;
  /** Keys whose events are yet to come, at rest. */
  readonly late = new Set<string>();
  readonly reports = new Map<string, Report>();
  readonly witness = new JournalWitness();
  /** How often clients have changed a key, less how often an event about it was applied. */
  readonly #awaited = new Map<string, number>();
  /** Likewise, less how often the indexer has looked at it, though it may have to do so again. */
  readonly #unseen = new Map<string, number>();
  #serial = new Map<string, number>();

  private constructor(
    definition: WorldDefinition,
    world: World,
    { footprints, start }: { readonly footprints: Footprints; readonly start: Snapshot },
  ) {
    this.definition = definition;
    this.world = world;
    const { clock = [], crashes = 0, late = [], refused = [] } = definition;
    for (const key of late) this.late.add(key);
    for (const key of refused) world.bucket.refusedDeletes.set(key, 'SlowDown');
    this.scheduler = new Scheduler({
      ...{ world, footprints, clock, crashes },
      mayBeDue: (pk, sk) => clock.length > 0 || start.due.has(`${pk}|${sk}`),
      onChange: (key, by) => this.#changed(key, by),
    });
    for (const [name, digest] of Object.entries(definition.names)) {
      this.scheduler.recorder.names.set(digest, name);
    }
  }

  static async begin(
    definition: WorldDefinition,
    start: Snapshot,
    footprints: Footprints,
  ): Promise<Simulation> {
    const simulation = new Simulation(definition, await start.restore(), { footprints, start });
    for (const [name, work] of Object.entries(definition.clients ?? {})) {
      simulation.scheduler.spawn(name, (actor) => work(new Client(simulation.scheduler.bucket(actor))));
    }
    for (const [at, { body = {}, mayCrash = false }] of definition.runs.entries()) {
      simulation.spawnRun(`run${at + 1}`, body, mayCrash);
    }
    await simulation.scheduler.start();
    return simulation;
  }

  enabled(): Transition[] {
    return this.scheduler.enabled();
  }

  state(): string {
    return `${this.scheduler.state()} ${[...this.late].sort().join()}`;
  }

  /** Whether the indexer has applied all that clients did to manifests, or else to tags: nothing waits for it any more. */
  isIndexed(): boolean {
    return isThrough(this.#awaited);
  }

  /** Whether it has looked at all of it, and left its marks on what was being deleted. */
  isSeen(): boolean {
    return isThrough(this.#unseen);
  }

  spawnRun(name: string, body: object, mayCrash: boolean): Actor {
    return this.scheduler.spawn(name, (actor) => this.#run(actor, body), { mayCrash });
  }

  async #run(actor: Actor, body: object): Promise<void> {
    const { world, scheduler, witness } = this;
    const dependencies = {
      ...world.dependencies,
      table: scheduler.table(actor),
      objects: (guard: () => void) => witness.over(scheduler.bucket(actor, guard)),
      owner: actor.name,
      newId: actor.newId,
      concurrency: 1,
    };
    const request = parsePruneRequest(body, world.clock.date());
    try {
      this.reports.set(actor.name, await prune(dependencies, request, [world.clock.now() + LIFETIME]));
    } catch (error) {
      // One at a time, and none longer than its lease.
      const ends = [PruneAlreadyRunningError, DeadlineError, RequestTooOldError];
      if (!ends.some((known) => error instanceof known)) throw error;
    }
  }

  /** An event has come for a key. */
  spawnIndexer(key: string): Actor {
    const serial = (this.#serial.get(key) ?? 0) + 1;
    this.#serial.set(key, serial);
    const { recorder } = this.scheduler;
    const name = `index ${recorder.short(key)}${serial === 1 ? '' : ` #${serial}`}`;
    const mayCrash = this.definition.indexerMayCrash ?? false;
    return this.scheduler.spawn(name, (actor) => this.#index(actor, key), { mayCrash });
  }

  async #index(actor: Actor, key: string): Promise<void> {
    const { world, scheduler } = this;
    // Whether it lives to say so or not, the event comes again.
    if (actor.mayCrash) this.late.add(key);
    const context = {
      metadata: new Metadata(scheduler.table(actor), actor.newId),
      bucket: new RegistryBucket(scheduler.bucket(actor), world.layout),
      now: world.clock.now,
      grace: world.settings.grace,
    };
    const outcome = await apply(context, world.layout.parse(key));
    if (outcome.status === 'retry') this.late.add(key);
    else count(this.#awaited, key, -1);
    if (outcome.status !== 'retry' || outcome.reason.includes('being deleted')) count(this.#unseen, key, -1);
    if (outcome.status === 'lost') this.scheduler.recorder.violations.push(`lost: ${outcome.digests}`);
  }

  #changed(key: string, by: Actor): void {
    const { events, twice } = this.definition;
    if (by.name.startsWith('client')) {
      count(this.#awaited, key, 1);
      count(this.#unseen, key, 1);
    }
    if (!by.name.startsWith('client') || !events?.test(key)) {
      this.late.add(key);
      return;
    }
    this.spawnIndexer(key);
    if (twice?.test(key)) this.spawnIndexer(key);
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/** Of manifests, where clients have changed any, else of tags. */
function isThrough(counts: ReadonlyMap<string, number>): boolean {
  for (const kind of [/\/revisions\//, /\/current\/link$/]) {
    const keys = [...counts].filter(([key]) => kind.test(key));
    if (keys.length > 0) return keys.every(([, count]) => count <= 0);
  }
  return false;
}

export async function startOf({ start, unversioned = false }: WorldDefinition): Promise<Snapshot> {
  const options = {
    versioned: !unversioned,
    settings: { allowUnversioned: unversioned, maxIndexLag: 3 * DAY },
  };
  const world = new World(options);
  await start(world);
  return await Snapshot.of(world, options);
}
