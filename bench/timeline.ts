/**
 * Time as a model has it: it stands still while the process computes and leaps to the next answer when all of it waits.
 * So a run of an hour takes as long as its computing, and the same seed takes the same time.
 */
interface Event {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
}

/** Whatever happens within this is one moment (milliseconds): fewer turns of the event loop. */
const MOMENT = 0.25;

export class Timeline {
  /** Milliseconds since the epoch. */
  #now: number;
  #order = 0;
  readonly #events: Event[] = [];
  readonly #beforeLeap: (() => Promise<boolean>)[] = [];
  #isRunning = false;
  #failure: ((error: unknown) => void) | undefined;

  constructor(start: number) {
    this.#now = start;
  }

  readonly now = (): number => Math.floor(this.#now);
  readonly exactly = (): number => this.#now;

  readonly sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => this.at(this.#now + milliseconds, resolve));

  /** Nothing may be under way. */
  advance(milliseconds: number): void {
    if (this.#events.length > 0) throw new Error('time is advanced while something is under way');
    this.#now += milliseconds;
  }

  /** Calls back at that time, in the order of the calls for one time. */
  at(time: number, happen: () => void): void {
    this.#push({ at: Math.max(time, this.#now), order: this.#order++, happen });
    this.wake();
  }

  /** Asked before each leap for work that takes no time by the model; it says whether there was any. */
  beforeLeap(work: () => Promise<boolean>): void {
    this.#beforeLeap.push(work);
  }

  /** What goes wrong between the events is told there. */
  onFailure(told: (error: unknown) => void): void {
    this.#failure = told;
  }

  /** To be called when there is something to do before the next leap. */
  wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().then(
      () => {
        this.#isRunning = false;
      },
      (error: unknown) => {
        this.#isRunning = false;
        this.#failure?.(error);
      },
    );
  }

  async #run(): Promise<void> {
    for (;;) {
      // All that can be computed without waiting is computed in this turn.
      await new Promise((resolve) => setImmediate(resolve));
      let worked = false;
      for (const work of this.#beforeLeap) worked = (await work()) || worked;
      if (worked) continue;
      const first = this.#events[0];
      if (first === undefined) return;
      this.#now = Math.max(this.#now, first.at);
      const until = first.at + MOMENT;
      for (let event = this.#events[0]; event !== undefined && event.at <= until; event = this.#events[0]) {
        this.#pop();
        event.happen();
      }
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap, at, parent)) return;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap, child, least)) least = child;
      }
      if (least === at) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function isBefore(heap: readonly Event[], one: number, other: number): boolean {
  const [a, b] = [heap[one], heap[other]];
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function swap(heap: Event[], one: number, other: number): void {
  const [a, b] = [heap[one], heap[other]];
  if (a === undefined || b === undefined) return;
  heap[one] = b;
  heap[other] = a;
}
