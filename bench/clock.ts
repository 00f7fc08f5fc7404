/**
 * Time that passes as it does, from a moment of choice, and leaps where it is slept or told to. That it passes
 * matters: how often two writers touch a shared layer in one millisecond decides how many requests they need.
 */
export class BenchClock {
  readonly #wall: () => number;
  #start: number;

  /** @param start milliseconds since the epoch. @param wall milliseconds since whenever. */
  constructor(start: number, wall: () => number) {
    this.#wall = wall;
    this.#start = start - wall();
  }

  readonly now = (): number => Math.floor(this.#start + this.#wall());

  readonly sleep = async (milliseconds: number): Promise<void> => this.advance(milliseconds);

  advance(milliseconds: number): void {
    this.#start += milliseconds;
  }
}
