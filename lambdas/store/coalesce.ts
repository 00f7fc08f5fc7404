/**
 * Group commit: what is handed in while a request is under way goes out together in the next one, so that many
 * workers share the requests of a service that takes many entries at once.
 */
export interface CoalesceOptions<T, R> {
  /** Entries of one request at most. */
  readonly limit: number;
  /**
   * Waits a moment before each request after one with more than `BUSY` entries: where many work, fewer requests carry more.
   *
   * @default a request goes as soon as the one before is answered
   */
  readonly gather?: () => Promise<void>;
  readonly send: (entries: readonly T[]) => Promise<R>;
}

/** Entries by which a request tells that many are at work. */
const BUSY = 16;

interface Waiting<T, R> {
  readonly entries: readonly T[];
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * @returns a function that settles when the request with its entries has: with the result of that request, or its
 *   error. Entries of one call are never split, so a call with more than `limit` goes out alone.
 */
export function coalesce<T, R>({
  limit,
  gather,
  send,
}: CoalesceOptions<T, R>): (entries: readonly T[]) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let sending = false;
  let busy = false;

  const next = (): Waiting<T, R>[] => {
    let count = 0;
    let entries = 0;
    for (const call of waiting) {
      entries += call.entries.length;
      if (count > 0 && entries > limit) break;
      count++;
    }
    return waiting.splice(0, count);
  };

  const drain = async (): Promise<void> => {
    sending = true;
    while (waiting.length > 0) {
      // Without the others, should the wait for them fail: the calls here are to be answered in any case.
      if (gather !== undefined && busy) await gather().catch(() => {});
      const calls = next();
      const entries = calls.flatMap((call) => call.entries);
      busy = entries.length > BUSY;
      try {
        const result = await send(entries);
        for (const call of calls) call.done(result);
      } catch (error) {
        for (const call of calls) call.failed(error);
      }
    }
    sending = false;
  };

  return (entries) =>
    new Promise<R>((done, failed) => {
      waiting.push({ entries, done, failed });
      if (!sending) void drain();
    });
}
