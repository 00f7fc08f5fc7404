/** One schedule of one world: its actors over the real code, from the start to rest. */
import { apply } from '../../lambdas/index/apply.ts';
import type { IndexContext } from '../../lambdas/index/context.ts';
import { type PruneDependencies, prune } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { PruneAlreadyRunningError, SKEW } from '../../lambdas/store/lock.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { JournalWitness } from '../support/journal-witness.ts';
import { World } from '../support/world.ts';
import type { Footprints } from './access.ts';
import { Client } from './client.ts';
import { hashOf, shown } from './hash.ts';
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
  /** Whoever else is at work: a rebuild, an undo, an operator. Each is an actor. */
  readonly others?: Readonly<Record<string, (place: Place) => Promise<unknown>>>;
  readonly othersMayCrash?: boolean;
  /** Keys whose events may arrive at any moment when clients have changed them; all others arrive at rest. */
  readonly events?: RegExp;
  /** Likewise of what runs, indexers and others have changed. */
  readonly early?: RegExp;
  /** Of those, keys whose events arrive twice. */
  readonly twice?: RegExp;
  /** Whether an indexer may be killed. */
  readonly indexerMayCrash?: boolean;
  readonly crashes?: number;
  readonly clock?: readonly number[];
  /** Tags that must be there at rest, whatever comes when: `name:tag` by digest. */
  readonly tags: Readonly<Record<string, string>>;
  /** Without versions, as the operator wants it: what is deleted is gone. */
  readonly unversioned?: boolean;
  /** Keys that have changed before the schedule begins, and whose events arrive at rest. */
  readonly late?: readonly string[];
  /** Keys that S3 does not delete until all is at rest. */
  readonly refused?: readonly string[];
  /** How long a deletion may be under way (milliseconds). @default the skew */
  readonly flight?: number;
  /** What else must be true of the reports. @returns what is wrong */
  readonly wrong?: (reports: ReadonlyMap<string, Report>) => string | undefined;
}

/** Where those work who are neither clients nor runs. */
export interface Place {
  readonly dependencies: PruneDependencies;
  readonly context: IndexContext;
  readonly prepared: unknown;
  /** Deadlines of one lifetime. */
  readonly deadlines: readonly number[];
  /** Of a run that is judged by what it says. */
  readonly report: (report: Report) => void;
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
  readonly #prepared: unknown;
  readonly #serial = new Map<string, number>();

  private constructor(
    definition: WorldDefinition,
    world: World,
    { footprints, start }: { readonly footprints: Footprints; readonly start: Snapshot },
  ) {
    this.definition = definition;
    this.world = world;
    const { clock = [], crashes = 0, late = [], refused = [], flight = SKEW, runs } = definition;
    const isOffline = runs.some(({ body = {} }) => 'mode' in body && body.mode === 'offline');
    this.#prepared = start.prepared;
    for (const key of late) this.late.add(key);
    for (const key of refused) world.bucket.refusedDeletes.set(key, 'SlowDown');
    this.scheduler = new Scheduler({
      ...{ world, footprints, clock, crashes, flight },
      grace: isOffline ? 0 : world.settings.grace,
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
    for (const [name, work] of Object.entries(definition.others ?? {})) {
      simulation.scheduler.spawn(name, (actor) => simulation.#work(actor, work), {
        mayCrash: definition.othersMayCrash ?? false,
      });
    }
    await simulation.scheduler.start();
    return simulation;
  }

  enabled(): Transition[] {
    return this.scheduler.enabled();
  }

  state(): string {
    const seen = [...this.#awaited, ...this.#unseen].map(([key, times]) => `${key} ${times}`);
    const told = [...this.reports].map(
      ([name, { status, spaceReclaimed }]) => `${name} ${status} ${spaceReclaimed}`,
    );
    const rest = [...this.late, '', ...seen, ...told].sort().join('\n');
    return `${this.scheduler.state()} ${shown(hashOf(rest))}`;
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
    await this.#work(actor, async ({ dependencies, deadlines, report }) => {
      report(await prune(dependencies, parsePruneRequest(body, this.world.clock.date()), deadlines));
    });
  }

  async #work(actor: Actor, work: (place: Place) => Promise<unknown>): Promise<void> {
    const { world, scheduler, witness } = this;
    const dependencies = {
      ...world.dependencies,
      table: scheduler.table(actor),
      objects: (guard: () => void) => witness.over(scheduler.bucket(actor, guard)),
      owner: `${actor.name}@host pid 1`,
      newId: actor.newId,
      concurrency: 1,
    };
    const place: Place = {
      dependencies,
      context: this.#contextOf(actor),
      prepared: this.#prepared,
      deadlines: [world.clock.now() + LIFETIME],
      report: (report) => this.reports.set(actor.name, report),
    };
    try {
      await work(place);
    } catch (error) {
      // One at a time, and none longer than its lease.
      const ends = [PruneAlreadyRunningError, DeadlineError, RequestTooOldError];
      if (!ends.some((known) => error instanceof known)) throw error;
    }
  }

  #contextOf(actor: Actor): IndexContext {
    const { world, scheduler } = this;
    return {
      metadata: new Metadata(scheduler.table(actor), actor.newId),
      bucket: new RegistryBucket(scheduler.bucket(actor), world.layout),
      now: world.clock.now,
      grace: world.settings.grace,
    };
  }

  /** An event has come for a key. @param counts of a client's change, for the first time */
  spawnIndexer(key: string, counts: boolean): Actor {
    const serial = (this.#serial.get(key) ?? 0) + 1;
    this.#serial.set(key, serial);
    const { recorder } = this.scheduler;
    const name = `index ${recorder.short(key)}${serial === 1 ? '' : ` #${serial}`}`;
    const mayCrash = this.definition.indexerMayCrash ?? false;
    return this.scheduler.spawn(name, (actor) => this.#index(actor, key, counts), { mayCrash });
  }

  async #index(actor: Actor, key: string, counts: boolean): Promise<void> {
    // Whether it lives to say so or not, the event comes again.
    if (actor.mayCrash) this.late.add(key);
    const outcome = await apply(this.#contextOf(actor), this.world.layout.parse(key));
    if (outcome.status === 'retry') this.late.add(key);
    else if (counts) count(this.#awaited, key, -1);
    const isSeen = outcome.status !== 'retry' || outcome.reason.includes('being deleted');
    if (counts && isSeen) count(this.#unseen, key, -1);
    if (outcome.status === 'lost') this.scheduler.recorder.violations.push(`lost: ${outcome.digests}`);
  }

  #changed(key: string, by: Actor): void {
    const { events, early, twice } = this.definition;
    const isClient = by.name.startsWith('client');
    if (isClient) {
      count(this.#awaited, key, 1);
      count(this.#unseen, key, 1);
    }
    if (!(isClient ? events : early)?.test(key)) {
      this.late.add(key);
      return;
    }
    this.spawnIndexer(key, isClient);
    if (twice?.test(key)) this.spawnIndexer(key, false);
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
  const prepared = await start(world);
  return await Snapshot.of(world, options, prepared);
}
