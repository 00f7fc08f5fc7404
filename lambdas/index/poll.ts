/** The indexer outside Lambda: polls the queue as Lambda would, until it is told to stop. */
import type { EventQueue, QueuedMessage } from '../store/event-queue.ts';
import { applyBatch, type BatchResult, type Indexer } from './batch.ts';

export interface PollOptions {
  readonly indexer: Indexer;
  readonly queue: EventQueue;
  /** Ends the polling; batches under way are finished first. */
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly onBatch?: (result: BatchResult) => void;
  /** Told of what went wrong with the queue itself; the polling goes on. */
  readonly onError?: (error: unknown) => void;
  /** Batches under way at once. @default 4 */
  readonly pollers?: number;
}

/** Seconds; SQS allows no more. */
const WAIT = 20;
/** After an error of the queue (milliseconds), so that an outage is not hammered at. */
const AFTER_ERROR = 1_000;

/** Returns when stopped. What failed is left to come again, and in the end goes to the dead-letter queue. */
export async function pollQueue(options: PollOptions): Promise<void> {
  const { pollers = 4 } = options;
  await Promise.all(Array.from({ length: pollers }, () => poll(options)));
}

async function poll(options: PollOptions): Promise<void> {
  const { queue, signal, indexer, onBatch, onError, sleep } = options;
  while (!signal.aborted) {
    try {
      const messages = await queue.receive({ waitSeconds: WAIT, signal });
      if (messages.length === 0) continue;
      const result = await applyBatch(indexer, messages);
      onBatch?.(result);
      await queue.remove(succeeded(messages, result));
    } catch (error) {
      // The wait for messages was cut short.
      if (signal.aborted && error instanceof Error && error.name === 'AbortError') return;
      onError?.(error);
      await sleep(AFTER_ERROR);
    }
  }
}

function succeeded(messages: readonly QueuedMessage[], { failed }: BatchResult): QueuedMessage[] {
  const ids = new Set(failed.map(({ id }) => id));
  return messages.filter(({ id }) => !ids.has(id));
}
