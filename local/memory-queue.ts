import {
  type DelayedMessage,
  type EventQueue,
  type QueuedMessage,
  QueueError,
} from '../lambdas/store/event-queue.ts';
import { MAX_QUEUE_BATCH, MAX_QUEUE_DELAY } from '../lambdas/store/limits.ts';

export interface MemoryQueueOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a received message is hidden, in milliseconds. @default 30 s */
  readonly visibility?: number;
  /** Where a message goes that has been received so often and not removed. @default it comes again for ever */
  readonly redrive?: { readonly to: MemoryQueue; readonly after: number };
}

interface Waiting {
  readonly id: string;
  readonly body: string;
  /** Milliseconds since the epoch. */
  visibleAt: number;
  receives: number;
  receipt: string | undefined;
}

/**
 * A queue in memory that hides, delays and redrives messages as SQS does, on a clock of choice. Nothing waits: a
 * receive answers at once with what can be seen.
 * @example const queue = new MemoryQueue({ now: clock.now, redrive: { to: dead, after: 3 } });
 */
export class MemoryQueue implements EventQueue {
  readonly #now: () => number;
  readonly #visibility: number;
  readonly #redrive: MemoryQueueOptions['redrive'];
  #messages: Waiting[] = [];
  #serial = 0;

  constructor({ now, visibility = 30_000, redrive }: MemoryQueueOptions) {
    this.#now = now;
    this.#visibility = visibility;
    this.#redrive = redrive;
  }

  /** Bodies of all that is in the queue, seen or not, with the seconds until it can be seen. */
  get waiting(): { readonly body: string; readonly delay: number }[] {
    const now = this.#now();
    return this.#messages.map(({ body, visibleAt }) => ({
      body,
      delay: Math.max(0, visibleAt - now) / 1000,
    }));
  }

  async receive(_options: { readonly waitSeconds: number; readonly signal?: AbortSignal }) {
    const received: QueuedMessage[] = [];
    const now = this.#now();
    for (const message of this.#messages.filter(({ visibleAt }) => visibleAt <= now)) {
      if (received.length === MAX_QUEUE_BATCH) break;
      if (this.#redrive !== undefined && message.receives >= this.#redrive.after) {
        this.#messages = this.#messages.filter((other) => other !== message);
        await this.#redrive.to.send([{ body: message.body, delay: 0 }]);
        continue;
      }
      message.receives++;
      message.visibleAt = now + this.#visibility;
      message.receipt = `${message.id}/${message.receives}`;
      received.push({ id: message.id, body: message.body, receipt: message.receipt });
    }
    return received;
  }

  async remove(messages: readonly QueuedMessage[]): Promise<void> {
    const receipts = new Set(messages.map(({ receipt }) => receipt));
    this.#messages = this.#messages.filter(({ receipt }) => receipt === undefined || !receipts.has(receipt));
  }

  async send(messages: readonly DelayedMessage[]): Promise<void> {
    const bad = messages.filter(
      ({ delay }) => !Number.isInteger(delay) || delay < 0 || delay > MAX_QUEUE_DELAY,
    );
    if (bad.length > 0) throw new QueueError(`no delay is ${bad.map(({ delay }) => delay).join(', ')}`);
    for (const { body, delay } of messages) {
      this.#messages.push({
        ...{ id: `message-${++this.#serial}`, body, visibleAt: this.#now() + delay * 1000 },
        ...{ receives: 0, receipt: undefined },
      });
    }
  }

  async depth(): Promise<number> {
    return this.#messages.length;
  }
}
