import type { BusEvent, EventBus } from '../lambdas/store/event-bus.ts';

/**
 * A bus that keeps what is published.
 * @example const bus = new MemoryBus(); await bus.publish(event); bus.events[0]?.detailType;
 */
export class MemoryBus implements EventBus {
  readonly events: BusEvent[] = [];

  async publish(event: BusEvent): Promise<void> {
    // As on the way to a real bus: only what JSON can hold arrives, and later changes do not.
    this.events.push({ ...event, detail: JSON.parse(JSON.stringify(event.detail)) });
  }
}
