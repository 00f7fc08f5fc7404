import { setTimeout as delay } from 'node:timers/promises';
import {
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { CREDENTIALS, REGION, s3 } from './bucket.ts';

export interface EventQueue {
  readonly url: string;
  readonly deadLetters: string;
  /** Messages that wait, are being worked on, or are delayed. */
  readonly depth: () => Promise<number>;
  /** Resolves when every event so far has been worked off. */
  readonly drained: () => Promise<void>;
  readonly deadLetterCount: () => Promise<number>;
  readonly purgeDeadLetters: () => Promise<void>;
  readonly send: (body: string) => Promise<void>;
  /** As if the rule had been switched off: events of now are lost. moto takes no notice of a disabled rule. */
  readonly cut: () => Promise<void>;
  readonly connect: () => Promise<void>;
}

/** A message that fails is seen again after this (seconds), and after so many times is a dead letter. */
const VISIBILITY = 1;
const MAX_RECEIVES = 4;
const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;
const PATIENCE_MS = 30_000;
/** Looks in a row at an empty queue before nothing more is expected. */
const QUIET_LOOKS = 6;

/** The bucket's events by way of a rule of EventBridge to a queue with a dead-letter queue, as the stack has it. */
export async function createEventQueue(
  endpoint: string,
  bucket: string,
  {
    visibility = VISIBILITY,
    maxReceives = MAX_RECEIVES,
  }: { readonly visibility?: number; readonly maxReceives?: number } = {},
): Promise<EventQueue> {
  const options = { endpoint, region: REGION, credentials: CREDENTIALS };
  const [events, queues] = [new EventBridgeClient(options), new SQSClient(options)];
  const create = async (name: string, attributes: Record<string, string> = {}) => {
    const { QueueUrl: url = '' } = await queues.send(
      new CreateQueueCommand({ QueueName: name, Attributes: attributes }),
    );
    const { Attributes: { QueueArn: arn = '' } = {} } = await queues.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }),
    );
    return { url, arn };
  };
  const dead = await create(`${bucket}-dead-letters`);
  const queue = await create(`${bucket}-index`, {
    VisibilityTimeout: String(visibility),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: maxReceives }),
  });
  const rule = `${bucket}-changes`;
  const pattern = { source: ['aws.s3'], detail: { bucket: { name: [bucket] } } };
  await events.send(new PutRuleCommand({ Name: rule, EventPattern: JSON.stringify(pattern) }));
  const connect = async () => {
    await events.send(new PutTargetsCommand({ Rule: rule, Targets: [{ Id: 'queue', Arn: queue.arn }] }));
  };
  await connect();
  await s3(endpoint).send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: { EventBridgeConfiguration: {} },
    }),
  );
  const depth = async (url: string): Promise<number> => {
    const { Attributes: attributes = {} } = await queues.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...COUNTS] }),
    );
    return COUNTS.reduce((sum, name) => sum + Number(attributes[name]), 0);
  };
  return {
    url: queue.url,
    deadLetters: dead.url,
    depth: () => depth(queue.url),
    drained: async () => {
      // An event may come a moment after the answer to the request that it tells of.
      let quiet = 0;
      await eventually(async () => {
        quiet = (await depth(queue.url)) === 0 ? quiet + 1 : 0;
        return quiet > QUIET_LOOKS;
      });
    },
    deadLetterCount: () => depth(dead.url),
    purgeDeadLetters: async () => {
      await queues.send(new PurgeQueueCommand({ QueueUrl: dead.url }));
    },
    send: async (body) => {
      await queues.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody: body }));
    },
    cut: async () => {
      await events.send(new RemoveTargetsCommand({ Rule: rule, Ids: ['queue'] }));
    },
    connect,
  };
}

/** Waits until something is so. */
export async function eventually(isSo: () => Promise<boolean> | boolean, every = 50): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so within ${PATIENCE_MS} ms: ${isSo}`);
    await delay(every);
  }
}
