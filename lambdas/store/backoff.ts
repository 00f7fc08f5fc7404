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

/** Slices of at most `size` members. */
export function chunked<T>(all: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let from = 0; from < all.length; from += size) chunks.push(all.slice(from, from + size));
  return chunks;
}
