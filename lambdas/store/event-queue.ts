/** The port to the queue that brings the bucket's events. Deliveries are repeated, late and in any order. */

export interface QueuedMessage {
  readonly id: string;
  readonly body: string;
  /** Names this delivery of the message. */
  readonly receipt: string;
}

export interface DelayedMessage {
  readonly body: string;
  /** Whole seconds, at most 900. */
  readonly delay: number;
}

export interface EventQueue {
  /**
   * Up to ten messages; none when none came within the wait. What is not removed comes again after the queue's
   * visibility timeout, and after some deliveries goes to its dead-letter queue.
   */
  receive(options: { readonly waitSeconds: number; readonly signal?: AbortSignal }): Promise<QueuedMessage[]>;
  /** Any number. @throws QueueError naming each that the queue did not confirm; those come again. */
  remove(messages: readonly QueuedMessage[]): Promise<void>;
  /** Any number. @throws QueueError naming each that the queue did not take. */
  send(messages: readonly DelayedMessage[]): Promise<void>;
  /** Messages that wait, are being worked on, or are delayed; SQS counts them approximately. */
  depth(): Promise<number>;
}

/** The queue refused entries of a batch. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
}
