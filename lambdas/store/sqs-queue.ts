import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { backOff, chunked, type Pause, REAL_PAUSE } from './backoff.ts';
import { type DelayedMessage, type EventQueue, type QueuedMessage, QueueError } from './event-queue.ts';
import { MAX_QUEUE_BATCH } from './limits.ts';

/** Tries of the entries that a batch request left over, each with the SDK's own retries inside. */
const MAX_TRIES = 4;

/** What both batch requests answer of an entry that they refused. */
interface Refused {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

export interface SqsQueueOptions {
  readonly client: SQSClient;
  readonly url: string;
  /** @default the system's timer and randomness */
  readonly pause?: Pause;
}

/**
 * A queue of SQS. Its batch requests answer 200 also when they refused entries, so the answer is read.
 * @example const queue = new SqsQueue({ client: sqsClient(), url });
 */
export class SqsQueue implements EventQueue {
  readonly #client: SQSClient;
  readonly #url: string;
  readonly #pause: Pause;

  constructor({ client, url, pause = REAL_PAUSE }: SqsQueueOptions) {
    this.#client = client;
    this.#url = url;
    this.#pause = pause;
  }

  async receive(options: {
    readonly waitSeconds: number;
    readonly signal?: AbortSignal;
  }): Promise<QueuedMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#url,
      MaxNumberOfMessages: MAX_QUEUE_BATCH,
      WaitTimeSeconds: options.waitSeconds,
    });
    const { Messages: messages = [] } = await this.#client.send(
      command,
      options.signal === undefined ? {} : { abortSignal: options.signal },
    );
    return messages.map(({ MessageId: id = '', Body: body = '', ReceiptHandle: receipt = '' }) => ({
      ...{ id, body, receipt },
    }));
  }

  async remove(messages: readonly QueuedMessage[]): Promise<void> {
    await this.#inBatches('delete', messages, async (batch) => {
      const Entries = batch.map(({ receipt }, at) => ({ Id: String(at), ReceiptHandle: receipt }));
      return await this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries }));
    });
  }

  async send(messages: readonly DelayedMessage[]): Promise<void> {
    await this.#inBatches('take', messages, async (batch) => {
      const Entries = batch.map(({ body, delay }, at) => ({
        Id: String(at),
        MessageBody: body,
        DelaySeconds: delay,
      }));
      return await this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#url, Entries }));
    });
  }

  async depth(): Promise<number> {
    const { Attributes: attributes = {} } = await this.#client.send(
      new GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: [...COUNTS] }),
    );
    return COUNTS.reduce((sum, name) => sum + counted(name, attributes[name]), 0);
  }

  async #inBatches<T>(
    what: string,
    entries: readonly T[],
    send: (batch: readonly T[]) => Promise<{ readonly Failed?: Refused[] | undefined }>,
  ): Promise<void> {
    const problems: string[] = [];
    for (const chunk of chunked(entries, MAX_QUEUE_BATCH)) {
      let batch = chunk;
      for (let attempt = 1; batch.length > 0; attempt++) {
        const { Failed: failed = [] } = await send(batch);
        const again = failed.filter((entry) => !entry.SenderFault && attempt < MAX_TRIES);
        for (const { Id: id, Code: code, Message: message } of failed.filter((one) => !again.includes(one))) {
          problems.push(`entry ${id}: ${code}: ${message ?? 'no message'}`);
        }
        batch = again.flatMap(({ Id: id }) => batch[Number(id)] ?? []);
        if (batch.length > 0) await backOff(attempt, this.#pause);
      }
    }
    if (problems.length === 0) return;
    throw new QueueError(`The queue ${this.#url} did not ${what} ${problems.length}: ${problems.join('; ')}`);
  }
}

const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

/** @throws when it is no number: an unknown depth is not an empty queue. */
function counted(name: string, value: string | undefined): number {
  if (value === undefined || !/^\d+$/.test(value)) {
    throw new Error(`SQS says ${value === undefined ? 'nothing' : JSON.stringify(value)} for ${name}`);
  }
  return Number(value);
}
