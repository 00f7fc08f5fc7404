/** What long commands have in common: who they are, how they are stopped, and when they end themselves. */
import { hostname, userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';
import { eraseLine, type Host } from './terminal.ts';

/** A slice of a run from the command line; the lock's lease is taken forward with each (milliseconds). */
const SLICE = 15 * 60_000;

/** As the lock and its refusals show it. */
export const thisProcess = (): string => `${userInfo().username}@${hostname()} pid ${process.pid}`;

/** Returns after the time, or at once when the signal comes. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await pause(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}

/** Ctrl-C ends what is under way in good order. @param text says so. */
export function endOnSignal(
  host: Host,
  text: string,
): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const end = () => {
    host.stderr.write(`${eraseLine(host)}${text}\n`);
    controller.abort();
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
    },
  };
}

/**
 * One slice after the other, each with a deadline at which the process ends itself: whoever waits for the lock
 * relies on it (protocol, "one run at a time").
 */
export class Deadlines implements Iterable<number> {
  #timer: NodeJS.Timeout | undefined;

  *[Symbol.iterator](): Iterator<number> {
    for (;;) {
      this.stop();
      this.#timer = setTimeout(() => {
        process.stderr.write('registry-prune: the deadline of this run has passed; ending at once\n');
        process.exit(EXIT.error);
      }, SLICE);
      yield Date.now() + SLICE;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
