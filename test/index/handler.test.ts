import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { METRICS } from '../../lambdas/metric-names.ts';
import { adopt, BUCKET, pushTwo, runCli, type Services, startServices } from '../cli/support.ts';
import { TEXTS } from '../hostile/corpus.ts';
import { busEvent } from '../support/indexer.ts';
import { HEARTBEATS } from '../support/world.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let services: Services;
let index: (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;
let heartbeat: (event: unknown, context: Context) => Promise<void>;

beforeAll(async () => {
  services = await startServices();
  adopt({ ...services.env, INDEX_QUEUE: 'https://sqs.us-east-1.amazonaws.com/123456789012/events' });
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  // As a cold start would: each reads its configuration when it is loaded.
  ({ handler: index } = (await import('../../lambdas/index/handler.ts')) as unknown as {
    handler: typeof index;
  });
  ({ handler: heartbeat } = (await import('../../lambdas/index/heartbeat-handler.ts')) as unknown as {
    handler: typeof heartbeat;
  });
});

afterAll(() => services?.stop());
afterEach(() => vi.restoreAllMocks());

const context = {
  functionName: 'index',
  awsRequestId: '11111111-2222-4333-8444-555555555555',
  memoryLimitInMB: '512',
  getRemainingTimeInMillis: () => 60_000,
} as unknown as Context;

const batchOf = (bodies: readonly string[]): SQSEvent => ({
  Records: bodies.map((body, at) => ({ messageId: `message ${at}`, body }) as SQSRecord),
});

/** Calls a function and reads what it wrote, a JSON document a line; metrics go to standard output. */
async function written<T>(call: () => Promise<T>) {
  const lines: Record<string, unknown>[] = [];
  const read = (chunk: unknown) => {
    for (const line of String(chunk).split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(read);
  vi.spyOn(process.stderr, 'write').mockImplementation(read);
  const answer = await call().finally(() => vi.restoreAllMocks());
  return { answer, lines, metrics: lines.filter((line) => '_aws' in line) };
}

const keysOf = async (): Promise<string[]> => [...(await services.moment()).objects.keys()];
const heartbeats = async () => (await keysOf()).filter((key) => key.startsWith(HEARTBEATS));

describe('the index function', () => {
  it('applies what the messages tell of, and its log and metrics say how much', async () => {
    const keys = await keysOf();
    const { answer, lines, metrics } = await written(() =>
      index(batchOf(keys.map((key) => busEvent(key, 'Object Created', BUCKET))), context),
    );
    expect(answer).toEqual({ batchItemFailures: [] });
    const counts = {
      KeysApplied: keys.length,
      KeysIgnored: 0,
      KeysPostponed: 0,
      MessagesFailed: 0,
      BlobsRestored: 0,
      BlobsLost: 0,
      HeartbeatsSeen: 0,
    };
    expect(metrics).toEqual([expect.objectContaining(counts)]);
    expect(metrics[0]).toMatchObject({ _aws: { CloudWatchMetrics: [{ Namespace: 'RegistryPrune' }] } });
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ message: 'batch indexed', function_request_id: context.awsRequestId },
        ...counts,
      }),
    );
    const report = JSON.parse((await runCli(['reindex', '--json'], services.env)).stdout);
    expect(report.added).toMatchObject({ manifests: 0, tags: 0, links: 0, blobs: 0, edges: 0 });
  });

  it('names the messages that failed, and only those, so that the others are not delivered again', async () => {
    const key = (await keysOf())[0] ?? '';
    const { answer, lines, metrics } = await written(() =>
      index(batchOf(['poison', busEvent(key, 'Object Deleted', BUCKET), '{}']), context),
    );
    expect(answer).toEqual({
      batchItemFailures: [{ itemIdentifier: 'message 0' }, { itemIdentifier: 'message 2' }],
    });
    expect(metrics).toEqual([expect.objectContaining({ KeysApplied: 1, MessagesFailed: 2 })]);
    const errors = lines.filter(({ level }) => level === 'ERROR');
    expect(errors.map(({ messageId }) => messageId)).toEqual(['message 0', 'message 2']);
    expect(errors[0]).toMatchObject({ message: 'message failed', error: { name: 'UnknownEventError' } });
  });

  it('names exactly those that it cannot read, whatever is in them', async () => {
    const key = (await keysOf())[0] ?? '';
    const hostile = Object.values(TEXTS).filter((text) => Buffer.byteLength(text) < 256 * 1024);
    const { answer } = await written(() =>
      index(batchOf([...hostile, busEvent(key, 'Object Created', BUCKET)]), context),
    );
    const all = hostile.map((_, at) => ({ itemIdentifier: `message ${at}` }));
    expect(hostile.length).toBeGreaterThan(15);
    expect(answer).toEqual({ batchItemFailures: all });
  });

  it('takes an empty batch', async () => {
    const { answer } = await written(() => index(batchOf([]), context));
    expect(answer).toEqual({ batchItemFailures: [] });
  });
});

describe('the heartbeat function', () => {
  it('writes one, which the index function sees', async () => {
    const before = await heartbeats();
    await written(() => heartbeat({}, context));
    const [key = ''] = (await heartbeats()).filter((one) => !before.includes(one));
    const { answer, metrics } = await written(() =>
      index(batchOf([busEvent(key, 'Object Created', BUCKET)]), context),
    );
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(metrics).toEqual([expect.objectContaining({ HeartbeatsSeen: 1, KeysApplied: 0 })]);
    const { items } = await services.moment();
    const seen = items.get('INDEX heartbeat') as { writtenAt: number; seenAt: number };
    expect(Date.now() - seen.writtenAt).toBeLessThan(60_000);
    expect(seen.seenAt).toBeGreaterThanOrEqual(seen.writtenAt);
    const names = Object(metrics[0])['_aws'].CloudWatchMetrics[0].Metrics.map(
      ({ Name }: { Name: string }) => Name,
    );
    expect(names.sort()).toEqual([...METRICS.index].sort());
  });
});
