import { Buffer } from 'node:buffer';
import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { backOff, type Pause, REAL_PAUSE } from './backoff.ts';
import { type BusEvent, type EventBus, EventNotPublishedError } from './event-bus.ts';
import { MAX_BUS_ENTRY_BYTES } from './limits.ts';

const MAX_TRIES = 6;
/** What EventBridge counts for an entry's time. */
const TIME_BYTES = 14;
/** Errors of one entry after which the same entry may be accepted. */
const RETRYABLE = new Set([
  'InternalException',
  'InternalFailure',
  'InternalServerError',
  'ServiceUnavailable',
  'ThrottlingException',
]);

export interface EventBridgeBusOptions {
  readonly client: EventBridgeClient;
  readonly busName: string;
  /** @default the system's timer and randomness */
  readonly pause?: Pause;
}

/**
 * An event bus of EventBridge. PutEvents answers 200 also when it refused the entry, so the answer is read.
 * @example const bus = new EventBridgeBus({ client: eventBridgeClient(), busName: 'default' });
 */
export class EventBridgeBus implements EventBus {
  readonly #client: EventBridgeClient;
  readonly #busName: string;
  readonly #pause: Pause;

  constructor({ client, busName, pause = REAL_PAUSE }: EventBridgeBusOptions) {
    this.#client = client;
    this.#busName = busName;
    this.#pause = pause;
  }

  async publish(event: BusEvent): Promise<void> {
    const entry = toEntry(event, this.#busName);
    const bytes = entryBytes(entry);
    if (bytes > MAX_BUS_ENTRY_BYTES) {
      throw new EventNotPublishedError(
        `The event "${event.detailType}" has ${bytes} bytes; EventBridge takes at most ${MAX_BUS_ENTRY_BYTES}`,
      );
    }
    for (let attempt = 1; ; attempt++) {
      const refusal = await this.#send(entry);
      if (refusal === undefined) return;
      if (!RETRYABLE.has(refusal.code) || attempt >= MAX_TRIES) {
        throw new EventNotPublishedError(
          `The bus "${this.#busName}" refused the event "${event.detailType}" after ${attempt} ` +
            `${attempt === 1 ? 'try' : 'tries'}: ${refusal.code}: ${refusal.message}`,
        );
      }
      await backOff(attempt, this.#pause);
    }
  }

  /** Undefined when the bus took the entry. */
  async #send(entry: PutEventsRequestEntry): Promise<{ code: string; message: string } | undefined> {
    const output = await this.#client
      .send(new PutEventsCommand({ Entries: [entry] }))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        throw new EventNotPublishedError(`The bus "${this.#busName}" could not be reached: ${reason}`, {
          cause: error,
        });
      });
    const [result] = output.Entries ?? [];
    if (!output.FailedEntryCount && result?.ErrorCode === undefined) return undefined;
    return { code: result?.ErrorCode ?? 'Unknown', message: result?.ErrorMessage ?? 'no message' };
  }
}

function toEntry(event: BusEvent, busName: string): PutEventsRequestEntry {
  return {
    EventBusName: busName,
    Source: event.source,
    DetailType: event.detailType,
    Detail: JSON.stringify(event.detail),
    Time: event.time,
    ...(event.resources ? { Resources: [...event.resources] } : {}),
  };
}

/** The size of an entry as EventBridge documents it: the time, and the UTF-8 of source, type, detail, resources. */
export function entryBytes(entry: PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
  return bytes + (entry.Time === undefined ? 0 : TIME_BYTES);
}
