/**
 * All schedules of a small world. Depth first over the choices, each schedule run from the start, with three ways not to
 * run what cannot show anything new:
 *
 * - States (contents of table and bucket, the time, and what each actor has been told) that were left before are not
 *   entered again.
 * - Sleep sets: of two calls that do not meet, one order is run. A state is entered again only where less sleeps than
 *   before, so that both go together (Godefroid, "Partial-Order Methods", 1996).
 * - A call that meets no call of any other actor, in any schedule, goes at once where no time is left to go by. Which those are is learned: the search
 *   begins again whenever a call went at once that another actor turns out to meet. In the last search none did, and by
 *   induction from the end of the schedules every order that can be told from those run would have shown such a meeting.
 *
 * Every schedule ends, so no call can be put off for ever. Calls that one actor makes side by side go in the order in which
 * they were made, and runs work on one thing at a time: the choices are between actors (scheduler.ts).
 */
import { conflict, Footprints } from './access.ts';
import { worked } from './effort.ts';
import { settle } from './invariants.ts';
import { CLOCK, type Step, type Transition } from './scheduler.ts';
import { Simulation, startOf, type WorldDefinition } from './simulation.ts';
import type { Snapshot } from './snapshot.ts';

export interface Limits {
  /** Milliseconds of work. */
  readonly time?: number;
  readonly schedules?: number;
  /** Every order of all calls, with nothing left out: what the ways not to run anything are compared with. */
  readonly unreduced?: boolean;
  /** Told of each end of a schedule: the state it has come to, and what is wrong with it. The search then goes on. */
  readonly onEnd?: (state: string, what: readonly string[]) => void;
  /** Only schedules that leave an actor which could go on at most so often. */
  readonly switches?: number;
}

export interface Violation {
  readonly what: readonly string[];
  readonly choices: readonly string[];
  readonly steps: readonly Step[];
}

export interface Figures {
  /** Run from the start up to rest, or to a state known before. */
  schedules: number;
  states: number;
  steps: number;
  /** Ends that were brought to rest and judged. */
  judged: number;
  /** Schedules that ended at a state known before. */
  known: number;
  /** Choices not made because their order with another does not show. */
  asleep: number;
  /** Searches until no call went at once wrongly. */
  rounds: number;
  /** Whether all was seen. */
  complete: boolean;
}

export interface Explored extends Figures {
  readonly violation?: Violation;
}

interface Node {
  readonly choices: readonly Transition[];
  next: number;
  readonly sleep: ReadonlyMap<string, Transition>;
  readonly switches: number;
  /** The first choice is whoever went last. */
  readonly goesOn: boolean;
}

const newFigures = (): Figures => ({
  ...{ schedules: 0, states: 0, steps: 0, judged: 0, known: 0, asleep: 0, rounds: 0, complete: false },
});

/** A world's start, and what is known of who accesses what: made once for all searches of the world. */
export interface Ground {
  readonly definition: WorldDefinition;
  readonly start: Snapshot;
  readonly footprints: Footprints;
}

export async function groundOf(definition: WorldDefinition): Promise<Ground> {
  const start = await startOf(definition);
  const footprints = new Footprints();
  for (let seed = 1; seed <= REHEARSALS; seed++) await rehearse(definition, start, footprints, seed);
  return { definition, start, footprints };
}

export async function explore(ground: Ground, limits: Limits = {}): Promise<Explored> {
  const { definition, start, footprints } = ground;
  const end = limits.time === undefined ? Number.POSITIVE_INFINITY : worked() + limits.time;
  for (let rounds = 1; ; rounds++) {
    footprints.again(limits.switches !== undefined);
    const search = new Search(definition, start, footprints, { ...limits, end });
    const violation = await search.run();
    const figures = { ...search.figures, rounds };
    if (violation !== undefined) return { ...figures, violation };
    if (!footprints.isOutdated || worked() >= end) return figures;
  }
}

/** Schedules by chance that show most of what actors access, so that the search seldom begins again. */
const REHEARSALS = 30;

async function rehearse(
  definition: WorldDefinition,
  start: Snapshot,
  footprints: Footprints,
  seed: number,
): Promise<void> {
  const simulation = await Simulation.begin(definition, start, footprints);
  let random = seed;
  for (let enabled = simulation.enabled(); enabled.length > 0; enabled = simulation.enabled()) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const choice = enabled[(random >>> 8) % enabled.length];
    if (choice !== undefined) await simulation.scheduler.take(choice);
  }
}

class Search {
  readonly figures = newFigures();
  readonly #definition: WorldDefinition;
  readonly #start: Snapshot;
  readonly #footprints: Footprints;
  readonly #limits: Limits & { readonly end: number };
  readonly #seen = new Map<string, (readonly string[])[]>();
  readonly #judged = new Set<string>();

  constructor(
    definition: WorldDefinition,
    start: Snapshot,
    footprints: Footprints,
    limits: Limits & { readonly end: number },
  ) {
    this.#definition = definition;
    this.#start = start;
    this.#footprints = footprints;
    this.#limits = limits;
  }

  async run(): Promise<Violation | undefined> {
    const stack: Node[] = [];
    const { schedules = Number.POSITIVE_INFINITY, end } = this.#limits;
    do {
      if (this.figures.schedules >= schedules || worked() >= end) return undefined;
      if (this.#footprints.isOutdated) return undefined;
      const violation = await this.#schedule(stack);
      if (violation !== undefined) return violation;
      while (stack.length > 0 && (stack.at(-1)?.next ?? 0) + 1 >= (stack.at(-1)?.choices.length ?? 0))
        stack.pop();
      const last = stack.at(-1);
      if (last !== undefined) last.next++;
    } while (stack.length > 0);
    this.figures.complete = !this.#footprints.isOutdated;
    return undefined;
  }

  /** One schedule: the choices of the stack, then the first of whatever there is. */
  async #schedule(stack: Node[]): Promise<Violation | undefined> {
    const { figures } = this;
    figures.schedules++;
    const simulation = await Simulation.begin(this.#definition, this.#start, this.#footprints);
    const { scheduler } = simulation;
    for (let depth = 0; ; depth++) {
      if (scheduler.recorder.violations.length + simulation.witness.unannounced.length > 0) break;
      const enabled = simulation.enabled();
      if (enabled.length === 0) break;
      let node = stack[depth];
      if (node === undefined) {
        node = this.#enter(simulation, enabled, stack.at(-1));
        if (node === undefined) return undefined;
        stack.push(node);
      }
      const choice = node.choices[node.next];
      const now = enabled.find(({ id }) => id === choice?.id);
      if (choice === undefined || now === undefined || now.label !== choice.label) {
        throw new Error(`the schedule cannot be repeated: ${choice?.id} ${choice?.label}, ${now?.label}`);
      }
      figures.steps++;
      await scheduler.take(now);
    }
    return await this.#judge(simulation, stack);
  }

  /** @returns undefined where nothing new can come of it. */
  #enter(simulation: Simulation, enabled: readonly Transition[], parent: Node | undefined): Node | undefined {
    if (this.#limits.unreduced)
      return { choices: enabled, next: 0, sleep: new Map(), switches: 0, goesOn: false };
    const { figures } = this;
    const bounded = this.#limits.switches !== undefined;
    const taken = parent?.choices[parent.next];
    const switches = parent === undefined ? 0 : parent.switches + (parent.goesOn && parent.next > 0 ? 1 : 0);
    const sleep = bounded ? new Map<string, Transition>() : this.#asleep(parent);
    const state = bounded ? `${simulation.state()} ${taken?.actor} ${switches}` : simulation.state();
    const mine = [...sleep.keys()];
    const before = this.#seen.get(state);
    if (before?.some((others) => others.every((id) => sleep.has(id)))) {
      figures.known++;
      return undefined;
    }
    if (before === undefined) figures.states++;
    this.#seen.set(state, [...(before ?? []), mine]);
    let choices = enabled.filter(({ id }) => !sleep.has(id));
    figures.asleep += enabled.length - choices.length;
    const goesOn = choices.some(({ id }) => id === taken?.id);
    if (taken !== undefined && goesOn) {
      // Whoever is under way goes on first, so that schedules have few changes.
      choices = [
        ...choices.filter(({ id }) => id === taken.id),
        ...choices.filter(({ id }) => id !== taken.id),
      ];
      const max = this.#limits.switches ?? Number.POSITIVE_INFINITY;
      if (switches >= max) choices = choices.filter(({ id }) => id === taken.id);
    }
    return choices.length === 0 ? undefined : { choices, next: 0, sleep, switches, goesOn };
  }

  #asleep(parent: Node | undefined): Map<string, Transition> {
    const sleep = new Map<string, Transition>();
    if (parent === undefined) return sleep;
    const taken = parent.choices[parent.next];
    if (taken === undefined) return sleep;
    for (const other of [...parent.sleep.values(), ...parent.choices.slice(0, parent.next)]) {
      // Time changes places with nothing: every actor may read it whenever it goes on.
      if (other.id === CLOCK || taken.id === CLOCK) continue;
      if (other.actor === taken.actor || conflict(other.accesses, taken.accesses)) continue;
      sleep.set(other.id, other);
    }
    return sleep;
  }

  async #judge(simulation: Simulation, stack: readonly Node[]): Promise<Violation | undefined> {
    const state = simulation.state();
    const early = simulation.scheduler.recorder.violations.length + simulation.witness.unannounced.length;
    if (this.#judged.has(early === 0 ? state : `${state} ${early}`)) return undefined;
    this.#judged.add(early === 0 ? state : `${state} ${early}`);
    this.figures.judged++;
    const { steps } = simulation.scheduler;
    const what = await settle(simulation);
    if (this.#limits.onEnd !== undefined) {
      this.#limits.onEnd(early === 0 ? state : '', what);
      return undefined;
    }
    if (what.length === 0) return undefined;
    const choices = stack.map(({ choices, next }) => choices[next]?.id ?? '');
    return { what, choices, steps };
  }
}
