import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { CREDENTIALS, REGION } from './bucket.ts';

export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface Bus {
  readonly name: string;
  /** Takes every event that has arrived since the last call. */
  readonly receive: () => Promise<BusEvent[]>;
}

const SOURCE = 'registry-prune';
const BATCH = 10;

/** An event bus whose rule sends this product's events, and no others, to a queue that a test can empty. */
export async function createBus(endpoint: string, name: string): Promise<Bus> {
  const options = { endpoint, region: REGION, credentials: CREDENTIALS };
  const events = new EventBridgeClient(options);
  const queues = new SQSClient(options);
  await events.send(new CreateEventBusCommand({ Name: name }));
  const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: `${name}-events` }));
  const { Attributes } = await queues.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await events.send(
    new PutRuleCommand({
      Name: `${name}-rule`,
      EventBusName: name,
      EventPattern: JSON.stringify({ source: [SOURCE] }),
    }),
  );
  await events.send(
    new PutTargetsCommand({
      Rule: `${name}-rule`,
      EventBusName: name,
      Targets: [{ Id: 'queue', Arn: Attributes?.['QueueArn'] }],
    }),
  );

  const receive = async (): Promise<BusEvent[]> => {
    const received: BusEvent[] = [];
    while (true) {
      const { Messages = [] } = await queues.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: 0 }),
      );
      if (Messages.length === 0) return received;
      for (const { Body, ReceiptHandle } of Messages) {
        received.push(parse(Body ?? ''));
        await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  };
  return { name, receive };
}

function parse(body: string): BusEvent {
  const event: Record<string, unknown> = JSON.parse(body);
  const { source, 'detail-type': detailType, detail } = event;
  return {
    source: String(source),
    detailType: String(detailType),
    detail: typeof detail === 'object' && detail !== null ? { ...detail } : {},
  };
}
