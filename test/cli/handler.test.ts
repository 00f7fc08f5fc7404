import type { Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { adopt, BUCKET, pushTwo, runCli, type Services, startServices } from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const METRICS = ['ManifestsDeleted', 'BlobsDeleted', 'BytesReclaimed', 'RunDuration', 'Refusals'];

let services: Services;
let handler: (payload: unknown, context: Context) => Promise<unknown>;

beforeAll(async () => {
  services = await startServices();
  adopt(services.env);
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  await runCli(['reindex'], services.env);
  // As a cold start would: it reads its configuration when it is loaded.
  ({ handler } = (await import('../../lambdas/prune/handler.ts')) as unknown as { handler: typeof handler });
});

afterAll(() => services?.stop());
afterEach(() => vi.restoreAllMocks());

function context(): Context {
  const ended = Date.now() + 900_000;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'prune',
    functionVersion: '1',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:prune',
    memoryLimitInMB: '512',
    awsRequestId: '11111111-2222-4333-8444-555555555555',
    logGroupName: '/aws/lambda/prune',
    logStreamName: 'one',
    getRemainingTimeInMillis: () => ended - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}

/** Calls the function and reads what it wrote, a JSON document a line; metrics go to standard output. */
async function invoke(payload: unknown) {
  const read = (lines: Record<string, unknown>[]) => (chunk: unknown) => {
    for (const line of String(chunk).split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line));
    return true;
  };
  const lines: Record<string, unknown>[] = [];
  const warnings: Record<string, unknown>[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation(read(lines));
  vi.spyOn(process.stderr, 'write').mockImplementation(read(warnings));
  // Powertools says so when an invocation has no metrics.
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const outcome = await handler(payload, context()).then(
    (report) => ({ report }),
    (error: unknown) => ({ error }),
  );
  vi.restoreAllMocks();
  return { ...outcome, lines, warnings, metrics: lines.filter((line) => '_aws' in line) };
}

describe('the prune function', () => {
  it('foretells without metrics', async () => {
    const before = await services.moment();
    const { report, metrics } = Object(await invoke({ mode: 'offline', dryRun: true }));
    expect(report).toMatchObject({ status: 'completed', dryRun: true, manifests: { deleted: 1 } });
    expect(metrics).toEqual([]);
    expect(await services.moment()).toEqual(before);
  });

  it.each([
    [{ filters: { color: ['red'] } }, 'InvalidFilterError', /^invalid filter 'color'/],
    [{ filters: { until: ['1h', '2h'] } }, 'InvalidFilterError', /^more than one until filter specified/],
    [{ filters: '{until' }, 'InvalidFilterError', /not JSON/],
    [{ filterz: {} }, 'InvalidRequestError', /^unknown field "filterz"/],
  ])('throws by name: %j', async (payload, name, message) => {
    const before = await services.moment();
    const { error, metrics } = Object(await invoke(payload));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, message: expect.stringMatching(message) });
    expect(metrics).toMatchObject([{ RunErrors: 1 }]);
    expect(await services.moment()).toEqual(before);
    expect(services.published).toEqual([]);
  });

  it.each([
    [{ action: 'why', subject: 'not a name' }, 'InvalidSubjectError'],
    [{ action: 'run', runId: 'none' }, 'UnknownRunError'],
    [{ action: 'restore', runId: 'none' }, 'UnknownRunError'],
    [{ action: 'plan', dryRun: true }, 'InvalidRequestError'],
  ])('counts no failed run where none was asked for: %j', async (payload, name) => {
    const { error, metrics } = Object(await invoke(payload));
    expect(error).toMatchObject({ name });
    expect(metrics).toEqual([]);
  });

  it.each([
    [{ action: 'apply', plan: {} }, 'InvalidPlanError'],
    [{ action: 'prunes' }, 'InvalidRequestError'],
  ])('counts a run that could not begin: %j', async (payload, name) => {
    const { error, metrics } = Object(await invoke(payload));
    expect(error).toMatchObject({ name });
    expect(metrics).toMatchObject([{ RunErrors: 1 }]);
  });

  it('returns the report, and its log and metrics say the same', async () => {
    const { report, lines, metrics } = Object(await invoke({ mode: 'offline', trigger: 'schedule' }));
    expect(report).toMatchObject({ status: 'completed', dryRun: false, trigger: 'schedule', refusals: [] });
    expect(report.manifests.deleted).toBe(1);
    expect(report.spaceReclaimed).toBeGreaterThan(3000);
    expect(report.journal).toBe(`s3://${BUCKET}/registry-prune/journal/${report.runId}/`);

    expect(metrics).toHaveLength(1);
    const [emf] = metrics;
    const declared = emf._aws.CloudWatchMetrics.flatMap((block: { Metrics: { Name: string }[] }) =>
      block.Metrics.map(({ Name }) => Name),
    );
    expect(emf._aws.CloudWatchMetrics[0].Namespace).toBe('RegistryPrune');
    expect(new Set(METRICS).difference(new Set(declared))).toEqual(new Set());
    expect(emf).toMatchObject({
      ManifestsDeleted: report.manifests.deleted,
      BlobsDeleted: report.blobs.deleted,
      BytesReclaimed: report.spaceReclaimed,
      RunDuration: report.durationMs,
      Refusals: 0,
    });
    const finished = lines.find((line: { message?: unknown }) => line.message === 'prune finished');
    expect(finished).toMatchObject({
      function_request_id: context().awsRequestId,
      runId: report.runId,
      spaceReclaimed: report.spaceReclaimed,
    });
    expect(services.published).toHaveLength(1);
  });

  it('takes null for the defaults, and logs why data stays', async () => {
    const { report, warnings, metrics } = Object(await invoke(null));
    expect(report).toMatchObject({ mode: 'online', trigger: 'manual', spaceReclaimed: 0 });
    expect(metrics[0]).toMatchObject({ ManifestsDeleted: 0, BytesReclaimed: 0, Refusals: 1 });
    expect(warnings).toEqual([
      expect.objectContaining({
        message: 'not deleted',
        code: 'unversioned-bucket',
        reason: report.refusals[0].message,
      }),
    ]);
  });
});
