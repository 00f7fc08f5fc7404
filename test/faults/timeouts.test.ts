import { setTimeout as delay } from 'node:timers/promises';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Random } from '../../bench/random.ts';
import {
  dynamoDbClient,
  eventBridgeClient,
  lambdaClient,
  s3Client,
  sqsClient,
} from '../../lambdas/store/aws-clients.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { EventBridgeBus } from '../../lambdas/store/eventbridge-bus.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { RestoreFunction } from '../../lambdas/store/restore-function.ts';
import { S3Bucket } from '../../lambdas/store/s3-bucket.ts';
import { SqsQueue } from '../../lambdas/store/sqs-queue.ts';
import { adopt, BUCKET, type Services, spawnCli, startServices, TABLE } from '../cli/support.ts';
import { startAccount } from '../support/deployed/account.ts';
import type { Service } from '../support/faults.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';

const SECOND = 1_000;

/** The embedded SQS says a host that there is not. */
const pathOf = (url: string): string => url.replace(/^https?:\/\/[^/]+/, '');

/** The first request of the operation takes effect and is never answered. @returns when each of them arrived. */
async function silent(service: Service, endpoint: string, operation: string) {
  const arrivals: number[] = [];
  let isFirst = true;
  const proxy = await startFaultyProxy({
    ...{ service, endpoint },
    plan: {
      choose: (call) => {
        if (call.operation !== operation) return undefined;
        arrivals.push(Date.now());
        if (!isFirst) return undefined;
        isFirst = false;
        return { fault: 'unanswered', random: new Random(1) };
      },
      count: () => {},
    },
  });
  onTestFinished(() => proxy.stop());
  return { endpoint: proxy.endpoint, arrivals };
}

/** Lets the time pass until it is done. @returns after how long the second attempt came. */
async function patience(arrivals: readonly number[], work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const ended = work.finally(() => {
    isDone = true;
  });
  ended.catch(() => undefined);
  while (!isDone) {
    // The service works in real time; only what waits for it is in a hurry.
    await delay(5);
    if (arrivals.length > 0) await vi.advanceTimersByTimeAsync(SECOND / 4);
  }
  await ended;
  const [first = 0, second = 0] = arrivals;
  return second - first;
}

describe('an answer that never comes', () => {
  let services: Services;

  beforeEach(async () => {
    services = await startServices();
    adopt(services.env);
    // The embedded services share this process: their timers go on as they are, until one is in a hurry.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], shouldAdvanceTime: true });
  });

  afterEach(async () => {
    vi.useRealTimers();
    await services.stop();
  });

  it('of DynamoDB ends after 10 s, and the change that took effect is known as ours', async () => {
    const { env } = services;
    await spawnCli(['init'], env);
    const { endpoint, arrivals } = await silent(
      'dynamodb',
      env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '',
      'UpdateItem',
    );
    adopt({ AWS_ENDPOINT_URL_DYNAMODB: endpoint });
    const metadata = new Metadata(
      new DynamoDbTable({ client: dynamoDbClient(), tableName: TABLE }),
      () => 'mine',
    );
    const key = { pk: 'BLOB#sha256:1', sk: 'BLOB' };
    await metadata.table.put({ ...key, version: 4, state: 'live' });
    const changed = metadata.transition(key, 4, { state: 'condemned' });
    expect(await patience(arrivals, changed)).toBeGreaterThanOrEqual(10 * SECOND);
    expect(await changed).toBe(5);
    expect(arrivals).toHaveLength(2);
    expect(await metadata.table.get(key)).toMatchObject({ version: 5, state: 'condemned' });
  });

  it('of S3 ends after 60 s, and the deletion is confirmed by the next', async () => {
    const { endpoint, arrivals } = await silent(
      's3',
      services.env['AWS_ENDPOINT_URL_S3'] ?? '',
      'DeleteObjects',
    );
    adopt({ AWS_ENDPOINT_URL_S3: endpoint });
    const bucket = new S3Bucket({ client: s3Client(), bucket: BUCKET });
    for (const key of ['one', 'two', 'three']) await bucket.put(key, key);
    const deleted = bucket.deleteMany(['one', 'two']);
    expect(await patience(arrivals, deleted)).toBeGreaterThanOrEqual(60 * SECOND);
    expect(await deleted).toMatchObject({ failed: [] });
    expect(arrivals).toHaveLength(2);
    expect((await bucket.list('')).objects.map(({ key }) => key)).toEqual(['three']);
  });

  it('of EventBridge ends after 10 s, and the event comes once more rather than not at all', async () => {
    const { env, published } = services;
    const { endpoint, arrivals } = await silent(
      'events',
      env['AWS_ENDPOINT_URL_EVENTBRIDGE'] ?? '',
      'PutEvents',
    );
    adopt({ AWS_ENDPOINT_URL_EVENTBRIDGE: endpoint });
    const bus = new EventBridgeBus({ client: eventBridgeClient(), busName: 'default' });
    const event = { source: 'registry-prune', detailType: 'Registry Prune', detail: {}, time: new Date() };
    expect(await patience(arrivals, bus.publish(event))).toBeGreaterThanOrEqual(10 * SECOND);
    expect(published).toHaveLength(2);
  });

  it('of SQS ends after 30 s, and no message is left behind', async () => {
    const { endpoint, arrivals } = await silent(
      'sqs',
      services.env['AWS_ENDPOINT_URL_S3'] ?? '',
      'DeleteMessageBatch',
    );
    adopt({ AWS_ENDPOINT_URL_SQS: endpoint });
    const client = sqsClient();
    const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: 'index' }));
    const queue = new SqsQueue({ client, url: `${endpoint}${pathOf(QueueUrl)}` });
    await queue.send([{ body: 'one', delay: 0 }]);
    const messages = await queue.receive({ waitSeconds: 0 });
    expect(messages.map(({ body }) => body)).toEqual(['one']);
    expect(await patience(arrivals, queue.remove(messages))).toBeGreaterThanOrEqual(30 * SECOND);
    expect(arrivals).toHaveLength(2);
    expect(await queue.depth()).toBe(0);
  });

  it('of the restore function ends after 60 s, and it is asked again', async () => {
    const asked: unknown[] = [];
    const account = await startAccount('http://127.0.0.1:9', async (_, payload) => {
      asked.push(payload);
      return { removed: 1 };
    });
    onTestFinished(() => account.stop());
    const { endpoint, arrivals } = await silent('lambda', account.url, 'Invoke');
    adopt({ AWS_ENDPOINT_URL_LAMBDA: endpoint });
    const markers = [{ key: 'a', versionId: '1' }];
    const removed = new RestoreFunction({ client: lambdaClient(), functionName: 'restorer' }).remove(markers);
    expect(await patience(arrivals, removed)).toBeGreaterThanOrEqual(60 * SECOND);
    expect(asked).toEqual([{ markers }, { markers }]);
  });
});
