/** The port to the event bus. */

/** Of all events of this product. */
export const EVENT_SOURCE = 'registry-prune';

export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: object;
  readonly time: Date;
  /** ARNs of what the event is about. */
  readonly resources?: readonly string[];
}

export interface EventBus {
  /** Returns when the bus has accepted the event. @throws EventNotPublishedError */
  publish(event: BusEvent): Promise<void>;
}

/** The bus refused the event after all retries, or the event is too large to be sent. */
export class EventNotPublishedError extends Error {
  override readonly name = 'EventNotPublishedError';
}
