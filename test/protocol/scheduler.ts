/**
 * Several actors over one table and one bucket, of which one at a time makes one call. An actor stands still at each
 * call until it is let go; then it goes on until it stands again, has ended, or has crashed. So a list of choices is a
 * schedule, and the same choices always come to the same.
 *
 * Calls that one actor makes side by side (the indexer's `Promise.all`) go in the order in which they were made: the
 * choices are between actors.
 */

import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import type { Table } from '../../lambdas/store/table.ts';
import type { Call } from '../support/intercept.ts';
import type { World } from '../support/world.ts';
import { type Access, accessesOf, type Footprints, type MayBeDue, type Space } from './access.ts';
import { hashOf, shown } from './hash.ts';
import { Recorder } from './recorder.ts';

export interface Actor {
  readonly name: string;
  /** May be killed between any two of its calls. */
  readonly mayCrash: boolean;
  readonly newId: () => string;
  /** Of the answers it has got: what it knows, and so what it will do. */
  history: string;
  readonly pending: Pending[];
  end: 'running' | 'done' | 'failed' | 'crashed';
  error?: unknown;
}

interface Pending {
  readonly label: string;
  readonly accesses: readonly Access[];
  readonly go: () => void;
}

/** A choice: the next call of an actor, its end, or time that goes by. */
export interface Transition {
  readonly id: string;
  readonly accesses: readonly Access[];
  /** Whose. Two of one actor never change places. */
  readonly actor: string;
  readonly label: string;
}

export interface Step {
  readonly actor: string;
  readonly label: string;
}

export interface SchedulerOptions {
  readonly world: World;
  readonly footprints: Footprints;
  /** How far time may go by at a choice, each once, in this order (milliseconds). */
  readonly clock: readonly number[];
  /** How many actors may crash. */
  readonly crashes: number;
  /** How long a deletion may be under way (milliseconds). */
  readonly flight: number;
  /** How long what was touched has to rest (milliseconds). */
  readonly grace: number;
  readonly mayBeDue: MayBeDue;
  /** Told of each key under the registry's root that has changed. */
  readonly onChange: (key: string, by: Actor) => void;
}

/** The choice that time goes by. */
export const CLOCK = 'clock';

/** AWS refuses what arrives longer than the skew after it was signed. */
export class RequestTooOldError extends Error {
  override readonly name = 'RequestTooOldError';
}

const DESTRUCTIVE = new Set(['delete', 'deleteMany', 'deleteVersion', 'deleteVersions', 'abortUpload']);
const READING = new Set([
  ...['get', 'getMany', 'query', 'due', 'scan', 'head', 'list', 'versions', 'versionsUnder', 'versioning'],
  'multipartUploads',
]);

/** When nothing but what waits for a call is left to do. */
const quiescence = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

export class Scheduler {
  readonly actors: Actor[] = [];
  readonly steps: Step[] = [];
  readonly recorder: Recorder;
  readonly world: World;
  readonly #options: SchedulerOptions;
  #clock: number[];
  #crashes: number;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.world = options.world;
    this.#clock = [...options.clock];
    this.#crashes = options.crashes;
    this.recorder = new Recorder(options.world, options.grace, (key, actor) => options.onChange(key, actor));
  }

  /** Lets an actor go up to its first call. Times that it reads before are those of now. */
  spawn(name: string, work: (actor: Actor) => Promise<unknown>, { mayCrash = false } = {}): Actor {
    let serial = 0;
    const actor: Actor = {
      ...{ name, mayCrash, history: '', pending: [], end: 'running' },
      newId: () => `${name}-${String(++serial).padStart(3, '0')}`,
    };
    this.actors.push(actor);
    const start = async (): Promise<void> => {
      // With time among the choices, it matters when an actor begins.
      if (this.#options.clock.length > 0) await this.#call(actor, 'begin', [], true, async () => undefined);
      await work(actor);
    };
    start().then(
      () => this.#end(actor, 'done'),
      (error: unknown) => this.#end(actor, 'failed', error),
    );
    return actor;
  }

  #end(actor: Actor, end: 'done' | 'failed', error?: unknown): void {
    if (actor.end === 'crashed') return;
    actor.end = end;
    actor.error = error;
    // What it knew is of no use to anybody any more.
    actor.history = end;
  }

  table(actor: Actor): Table {
    return this.#gated(actor, 'table', this.world.table);
  }

  /** @param guard called when a deletion is signed; it arrives later, but not more than the skew. */
  bucket(actor: Actor, guard: () => void = () => {}): ObjectStore {
    return this.#gated<ObjectStore>(actor, 'bucket', this.world.bucket, guard);
  }

  #gated<T extends object>(actor: Actor, space: Space, store: T, guard: () => void = () => {}): T {
    const target = this.recorder.over(actor, space, store);
    return new Proxy(target, {
      get: (_, operation) => {
        const method: unknown = Reflect.get(target, operation);
        if (typeof method !== 'function' || typeof operation !== 'string') return method;
        const run = (args: unknown[]): unknown => method.apply(target, args);
        const gate = async (args: unknown[], go: () => Promise<unknown>): Promise<unknown> => {
          const call: Call = { operation, arguments: args };
          const signedAt = this.world.clock.now();
          if (DESTRUCTIVE.has(operation)) guard();
          const late = (): boolean =>
            DESTRUCTIVE.has(operation) && this.world.clock.now() > signedAt + this.#options.flight;
          const isPoint = actor.mayCrash && !READING.has(operation);
          return await this.#call(
            actor,
            this.recorder.label(call),
            accessesOf(space, call, this.#options.mayBeDue),
            isPoint,
            async () => {
              if (late()) throw new RequestTooOldError('signed too long ago');
              return await go();
            },
          );
        };
        if (operation === 'versionsUnder' || operation === 'multipartUploads') {
          return async function* (...args: unknown[]) {
            const pages = await gate(args, () => all(run(args) as AsyncIterable<unknown>));
            yield* pages as unknown[];
          };
        }
        return (...args: unknown[]) => gate(args, async () => await run(args));
      },
    });
  }

  /** @param isPoint it is a choice even where nobody else sees it. */
  async #call(
    actor: Actor,
    label: string,
    accesses: readonly Access[],
    isPoint: boolean,
    go: () => Promise<unknown>,
  ): Promise<unknown> {
    // The dead do nothing.
    if (actor.end === 'crashed') return await new Promise(() => {});
    const isPrivate = this.#options.footprints.isPrivate(actor.name, accesses, this.#clock.length > 0);
    if (isPrivate && !isPoint) return await go();
    await new Promise<void>((resolve) => actor.pending.push({ label, accesses, go: resolve }));
    const answer = await go();
    actor.history = shown(hashOf(`${actor.history} ${label} ${this.world.clock.now()} ${plain(answer)}`));
    return answer;
  }

  /** The choices there are, in a fixed order; none when all has ended. */
  enabled(): Transition[] {
    const found: Transition[] = [];
    for (const { name, pending } of this.actors) {
      const [next] = pending;
      if (next !== undefined) {
        found.push({ id: name, actor: name, accesses: next.accesses, label: next.label });
      }
    }
    if (found.length === 0) return [];
    if (this.#crashes > 0) {
      for (const { name, mayCrash, pending } of this.actors) {
        if (mayCrash && pending.length > 0)
          found.push({ id: `crash ${name}`, actor: name, accesses: [], label: 'crashes' });
      }
    }
    const [step] = this.#clock;
    if (step !== undefined) {
      const everything = [{ cell: '', writes: true, prefix: true }];
      found.push({ id: CLOCK, actor: CLOCK, accesses: everything, label: `+${step / 60_000} min` });
    }
    return found;
  }

  async take(transition: Transition): Promise<void> {
    const { id, actor: name, label } = transition;
    this.steps.push({ actor: name, label });
    if (id === CLOCK) {
      this.world.clock.advance(this.#clock.shift() ?? 0);
      return;
    }
    const actor = this.actors.find((one) => one.name === name);
    if (actor === undefined) throw new Error(`there is no actor ${name}`);
    if (id !== name) {
      this.#crashes--;
      actor.end = 'crashed';
      actor.history = 'crashed';
      actor.pending.length = 0;
      return;
    }
    const next = actor.pending.shift();
    if (next === undefined) throw new Error(`${name} waits for nothing`);
    next.go();
    await quiescence();
  }

  async start(): Promise<void> {
    await quiescence();
  }

  /** What is stored, what everybody knows, and what may still happen. */
  state(): string {
    const known = this.actors
      .map(
        ({ name, history, pending, end }) => `${name}:${end === 'running' ? history : end}:${pending.length}`,
      )
      .sort()
      .join(' ');
    const rest = `${this.world.clock.now()} ${this.#clock.length} ${this.#crashes}`;
    return `${this.recorder.value} ${this.recorder.noted} ${shown(hashOf(`${rest} ${known}`))}`;
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** An answer as text; bytes are told by their ETag. */
function plain(answer: unknown): string {
  return (
    JSON.stringify(answer, (name, value: unknown) => (name === 'body' ? undefined : value)) ?? 'undefined'
  );
}
