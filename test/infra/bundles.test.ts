import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { SQSBatchResponse } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleSize, MAX_BUNDLE_BYTES } from '../../infra/bundle-size.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import type { Next } from '../../lambdas/rebuild/next.ts';
import { image, layer } from '../../local/demo-images.ts';
import { BUCKET, pushTwo, type Services, spawnCli, startServices, TABLE } from '../cli/support.ts';
import {
  type Assembly,
  type DeployedFunction,
  type FunctionName,
  synthesize,
} from '../support/deployed/assembly.ts';
import { type Runtime, startFunction } from '../support/deployed/runtime.ts';
import { type Deployed, resolve } from '../support/deployed/template.ts';
import { busEvent } from '../support/indexer.ts';
import { ROOT } from './temporary-app.ts';

/** The bundles that `cdk deploy` would upload, with the environment of the template, over the embedded AWS. */
let assembly: Assembly;
let services: Services;
let sqs: SQSClient;
let queueUrl: string;
const runtimes = new Map<FunctionName, Runtime>();

const runtime = (name: FunctionName): Runtime => {
  const found = runtimes.get(name);
  if (found === undefined) throw new Error(`${name} is not started`);
  return found;
};

beforeAll(async () => {
  // The embedded S3 keeps no versions.
  assembly = synthesize({ bucketName: BUCKET, pullTimes: true, allowUnversioned: true });
  services = await startServices();
  const endpoint = services.env['AWS_ENDPOINT_URL_S3'] ?? '';
  sqs = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  // What the embedded SQS calls them is no URL.
  const create = async (QueueName: string): Promise<string> => {
    await sqs.send(new CreateQueueCommand({ QueueName }));
    return `${endpoint}/000000000000/${QueueName}`;
  };
  const [index, dead] = [await create('index'), await create('dead')];
  queueUrl = index;
  const deployed = names({ table: TABLE, index, dead });
  for (const one of assembly.functions.values())
    runtimes.set(one.name, await startFunction(one, environmentOf(one, deployed)));
}, 300_000);

afterAll(async () => {
  for (const one of runtimes.values()) await one.stop();
  sqs?.destroy();
  await services?.stop();
  assembly?.remove();
});

/** What the template's resources are called here. */
function names({ table, index, dead }: Readonly<Record<'table' | 'index' | 'dead', string>>): Deployed {
  return new Map(
    Object.entries(assembly.template.Resources).flatMap(([id, { Type }]) => {
      if (Type === 'AWS::DynamoDB::GlobalTable') return [[id, { Ref: table }]];
      if (Type === 'AWS::SQS::Queue') return [[id, { Ref: id.startsWith('IndexQueue') ? index : dead }]];
      if (Type === 'AWS::Lambda::Function') return [[id, { Ref: id }]];
      if (Type === 'AWS::SecretsManager::Secret') return [[id, { Ref: 'secret' }]];
      return [];
    }),
  );
}

function environmentOf(one: DeployedFunction, deployed: Deployed): Record<string, string> {
  const { METADATA_TABLE: _, REGISTRY_BUCKET: __, ...aws } = services.env;
  const sqsEndpoint = { AWS_ENDPOINT_URL_SQS: aws['AWS_ENDPOINT_URL_S3'] ?? '' };
  return { ...aws, ...sqsEndpoint, ...resolve(one.environment, deployed) };
}

/** As Lambda takes them from the queue. */
async function batch(...bodies: string[]) {
  for (const MessageBody of bodies)
    await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
  const { Messages: messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 600 }),
  );
  const records = messages.map(({ MessageId, Body, ReceiptHandle }) => ({
    ...{
      messageId: MessageId,
      body: Body,
      receiptHandle: ReceiptHandle,
      attributes: {},
      messageAttributes: {},
    },
    ...{ eventSource: 'aws:sqs', awsRegion: 'us-east-1' },
  }));
  return { event: { Records: records }, messages };
}

const keys = async (): Promise<string[]> => [...(await services.moment()).objects.keys()];
const schedulePayload = (id: string): unknown => {
  const schedules = Object.entries(assembly.template.Resources).filter(
    ([one, { Type }]) => Type === 'AWS::Scheduler::Schedule' && one.startsWith(id),
  );
  return JSON.parse(schedules[0]?.[1].Properties['Target'].Input);
};

describe('the bundles', () => {
  test('are each one ESM file below a megabyte, minified, with a map', () => {
    for (const { name, directory } of assembly.functions.values()) {
      const code = readFileSync(join(directory, 'index.mjs'), 'utf8');
      expect([name, bundleSize(directory) < MAX_BUNDLE_BYTES]).toEqual([name, true]);
      expect(code).toMatch(/export ?\{/);
      expect(code.split('\n').length).toBeLessThan(code.length / 1000);
      const map = JSON.parse(readFileSync(join(directory, 'index.mjs.map'), 'utf8'));
      expect(
        map.sources.some(
          (source: string) => source.endsWith('lambdas/configuration.ts') || name === 'Notification',
        ),
      ).toBe(true);
    }
  });

  test('are imported within a second', () => {
    const table = [...runtimes].map(([name, { coldImport }]) => {
      const directory = assembly.functions.get(name)?.directory ?? '';
      return {
        name,
        'bundle kB': Math.round(bundleSize(directory) / 1000),
        'import ms': Math.round(coldImport),
      };
    });
    console.table(table);
    expect(table).toHaveLength(7);
    for (const one of table) expect(one['import ms']).toBeLessThan(1000);
  });
});

describe('the functions', () => {
  beforeAll(async () => {
    expect(await spawnCli(['init'], services.env)).toMatchObject({ code: 0 });
    await pushTwo(services.registry);
    expect(await spawnCli(['reindex'], services.env)).toMatchObject({ code: 0 });
  }, 60_000);

  test('index: takes a batch, and gives back what it cannot understand', async () => {
    const before = new Set(await keys());
    await services.registry.push('team/new', image([layer('later', 1000)]), 'v1');
    const added = (await keys()).filter((key) => !before.has(key));
    expect(added.length).toBeGreaterThan(5);
    const { event, messages } = await batch(
      ...added.slice(0, 8).map((key) => busEvent(key, 'Object Created', BUCKET)),
      'poison',
    );
    const poison = messages.find(({ Body }) => Body === 'poison');
    const answer = (await runtime('Index').invoke(event)) as SQSBatchResponse;
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: poison?.MessageId }] });
    expect((await services.moment()).items.has('REPO#team/new TAG#v1')).toBe(true);
    expect(runtime('Index').lines()).toContainEqual(
      expect.objectContaining({ MessagesFailed: 1, Bucket: BUCKET, service: 'registry-prune-index' }),
    );
  });

  test('reindex: two functions rebuild the table, and leave nothing of their work', async () => {
    const before = new Set(await keys());
    let step = (await runtime('ReindexNext').invoke({ restart: true })) as Next;
    const phases: string[] = [];
    while (!step.finished) {
      const { id, phase, units } = step;
      phases.push(phase);
      for (const unit of units) {
        const slice = { id, phase, unit };
        expect(await runtime('ReindexSlice').invoke(slice)).toEqual({ ...slice, done: true });
      }
      step = (await runtime('ReindexNext').invoke({ id })) as Next;
    }
    expect(phases).toEqual(['survey', 'repositories', 'blobs', 'items', 'verification']);
    expect(step.report).toMatchObject({ added: { manifests: 0, links: 0, blobs: 0 }, lost: { count: 0 } });
    expect(step.report.found.manifests).toBeGreaterThan(2);
    expect(new Set(await keys())).toEqual(before);
    await expect(runtime('ReindexNext').invoke({ inventory: 'x' })).rejects.toMatchObject({
      name: 'InventoryError',
    });
  });

  test('heartbeat: writes one, and says how far the index is behind', async () => {
    expect(await runtime('Heartbeat').invoke(schedulePayload('HeartbeatSchedule'))).toBeNull();
    expect((await keys()).filter((key) => key.startsWith('registry-prune/heartbeat/'))).toHaveLength(1);
    expect(runtime('Heartbeat').lines()).toContainEqual(
      expect.objectContaining({ IndexLag: expect.any(Number), TimeSinceSuccess: expect.any(Number) }),
    );
  });

  test('prune: does what the schedule sends, publishes it, and rests what is young', async () => {
    const report = (await runtime('Prune').invoke(schedulePayload('PruneSchedule'))) as Report;
    expect(report).toMatchObject({ status: 'completed', trigger: 'schedule', mode: 'online', refusals: [] });
    expect(report.imagesDeleted).toEqual([]);
    expect(services.published.at(-1)).toMatchObject({
      Source: 'registry-prune',
      DetailType: 'Registry Prune',
    });
  });

  test('prune: foretells and then does what is asked of it by hand', async () => {
    expect(await spawnCli(['reindex'], services.env)).toMatchObject({ code: 0 });
    const before = await services.moment();
    const events = services.published.length;
    const foretold = (await runtime('Prune').invoke({ mode: 'offline', dryRun: true })) as Report;
    expect(await services.moment()).toEqual(before);
    expect(services.published).toHaveLength(events);

    const report = (await runtime('Prune').invoke({ mode: 'offline' })) as Report;
    expect(report).toMatchObject({ status: 'completed', trigger: 'manual' });
    expect(report.spaceReclaimed).toBeGreaterThan(3000);
    expect(report.spaceReclaimed).toBe(foretold.spaceReclaimed);
    const after = await keys();
    const gone = [...before.objects.keys()].filter((key) => !after.includes(key) && key.includes('/blobs/'));
    expect(gone.length).toBe(report.blobs.deleted);

    const { Detail: detail } = services.published.at(-1) as { readonly Detail: string };
    const schema = JSON.parse(readFileSync(join(ROOT, 'schemas/prune-event.schema.json'), 'utf8'));
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(JSON.parse(detail)) || validate.errors).toBe(true);
    expect(JSON.parse(detail)).toMatchObject({ reclaimedBytes: report.spaceReclaimed, bucket: BUCKET });
  });

  test('prune: refuses a request by its name, and its trace names the sources', async () => {
    const failed = runtime('Prune').invoke({ filters: { dangle: ['true'] } });
    await expect(failed).rejects.toMatchObject({
      name: 'InvalidFilterError',
      message: expect.stringContaining("invalid filter 'dangle'"),
      trace: expect.stringMatching(/lambdas\/filters\/[a-z-]+\.ts:\d+/),
    });
    await expect(runtime('Prune').invoke({ dryrun: true })).rejects.toMatchObject({
      name: 'InvalidRequestError',
      message: expect.stringContaining('unknown field "dryrun": allowed are'),
    });
  });
});
