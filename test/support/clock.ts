/** Time that stands still until it is told to move (milliseconds since the epoch). */
export class TestClock {
  #now: number;

  constructor(start: number | string = '2026-03-01T00:00:00Z') {
    this.#now = typeof start === 'number' ? start : Date.parse(start);
  }

  readonly now = (): number => this.#now;

  readonly date = (): Date => new Date(this.#now);

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
