import { setTimeout } from 'node:timers/promises';

/** Waiting between tries: injected, so that tests neither sleep nor guess. */
export interface Pause {
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
}

export const REAL_PAUSE: Pause = { sleep: (milliseconds) => setTimeout(milliseconds), random: Math.random };

const FIRST_WAIT = 50;
const LONGEST_WAIT = 5000;

/** Exponential back-off with full jitter: any time up to a bound that doubles with each try (from 1 on). */
export function waitOf(attempt: number, random: () => number): number {
  return Math.round(random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)));
}

export async function backOff(attempt: number, pause: Pause): Promise<void> {
  await pause.sleep(waitOf(attempt, pause.random));
}

/** What is done again and again. */
export interface Retry {
  /** In all, the first one among them. */
  readonly tries: number;
  /** Whether what was thrown may pass. */
  readonly passing: (error: unknown) => boolean;
  readonly pause: Pause;
}

/** Does it again while what it throws may pass, and backs off in between. @throws what the last try threw. */
export async function retried<T>(action: () => Promise<T>, { tries, passing, pause }: Retry): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (!passing(error) || attempt >= tries) throw error;
      await backOff(attempt, pause);
    }
  }
}

/** Slices of at most `size` members. */
export function chunked<T>(all: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let from = 0; from < all.length; from += size) chunks.push(all.slice(from, from + size));
  return chunks;
}
