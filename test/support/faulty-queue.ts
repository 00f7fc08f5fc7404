/** The indexer's process, its queue behind a proxy as well. */
import { setTimeout as delay } from 'node:timers/promises';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { EXIT } from '../../cli/exit-codes.ts';
import { image, index, layer, sbom, signature, signatureTag } from '../../local/demo-images.ts';
import { BUCKET, type Services, spawnCli } from '../cli/support.ts';
import { launchCli } from '../e2e/support/cli.ts';
import type { FaultPlan, Service } from './faults.ts';
import { startFaultyProxy } from './faulty-proxy.ts';

const LOCAL = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const BATCH = 10;
const POLL_MS = 100;
/** Looks in a row at an empty queue before nothing more is expected. */
const QUIET_LOOKS = 10;
const COUNTS = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;

/** @returns what does not hold when every event has been worked off. */
export async function followUnderFaults(
  services: Services,
  plans: Readonly<Partial<Record<Service, FaultPlan>>>,
): Promise<string[]> {
  const { env, registry } = services;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? '';
  const [s3, sqs] = [
    new S3Client({ ...LOCAL, endpoint, forcePathStyle: true }),
    new SQSClient({ ...LOCAL, endpoint }),
  ];
  const stops: (() => Promise<unknown>)[] = [];
  const before = async (service: Service, url: string): Promise<string> => {
    const plan = plans[service];
    const proxy = await startFaultyProxy({ service, endpoint: url, ...(plan === undefined ? {} : { plan }) });
    stops.push(() => proxy.stop());
    return proxy.endpoint;
  };
  const findings: string[] = [];
  try {
    const environment = {
      ...env,
      AWS_ENDPOINT_URL_S3: await before('s3', endpoint),
      AWS_ENDPOINT_URL_DYNAMODB: await before('dynamodb', env['AWS_ENDPOINT_URL_DYNAMODB'] ?? ''),
    };
    const created = await sqs.send(
      new CreateQueueCommand({ QueueName: 'index', Attributes: { VisibilityTimeout: '5' } }),
    );
    const QueueUrl = created.QueueUrl ?? '';
    // A client of SQS goes where the queue's URL leads; the embedded one says a host that there is not.
    const url = `${await before('sqs', endpoint)}${QueueUrl.replace(/^https?:\/\/[^/]+/, '')}`;

    await push(registry);
    const keys: string[] = [];
    for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: BUCKET }))
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
    for (let at = 0; at < keys.length; at += BATCH) {
      const Entries = keys
        .slice(at, at + BATCH)
        .map((key, of) => ({ Id: String(of), MessageBody: event(key) }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
    const waiting = async () => {
      const { Attributes: counts = {} } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...COUNTS] }),
      );
      return COUNTS.reduce((sum, name) => sum + Number(counts[name]), 0);
    };

    const initialised = await spawnCli(['init'], environment);
    if (initialised.code !== EXIT.done) findings.push(`init: ${initialised.stderr}`);
    for (const plan of Object.values(plans)) plan.begin();
    const indexer = launchCli(['index', '--queue', url, '--heartbeat', '0', '--json'], environment);
    let hasEnded = false;
    const closed = indexer.closed.finally(() => {
      hasEnded = true;
    });
    for (let quiet = 0; quiet < QUIET_LOOKS && !hasEnded; quiet = (await waiting()) === 0 ? quiet + 1 : 0)
      await delay(POLL_MS);
    indexer.kill('SIGTERM');
    const [code] = await closed;
    for (const plan of Object.values(plans)) plan.end();
    const { stdout, stderr } = indexer.said;
    if (code !== EXIT.done) findings.push(`index ended with ${code}: ${stderr}`);
    else if (JSON.parse(stdout).applied < keys.length) findings.push(`of ${keys.length} keys: ${stdout}`);
    if (stderr.includes('LOST')) findings.push(stderr);

    const rebuilt = await spawnCli(['reindex', '--json'], environment);
    const { added, removed, unreadable, lost, postponed } = JSON.parse(rebuilt.stdout);
    const drift = [added, removed].flatMap((counts) => Object.entries<number>(counts));
    const wrong = drift.filter(([, count]) => count > 0);
    if (wrong.length + unreadable.length + lost.length + postponed > 0)
      findings.push(`not what the bucket says: ${rebuilt.stdout}`);
    return findings;
  } finally {
    s3.destroy();
    sqs.destroy();
    for (const stop of stops) await stop();
  }
}

async function push(registry: Services['registry']): Promise<void> {
  const base = layer('base', 600);
  for (const version of ['1', '2', '3'])
    await registry.push('team/app', image([base, layer(`app ${version}`, 700)]), 'v1');
  const list = index([image([base, layer('list', 400)]), image([base], 'arm64')]);
  await registry.push('team/list', list, 'main');
  await registry.push('team/list', sbom(list));
  await registry.push('team/list', signature(list), signatureTag(list));
}

/** As S3 sends it to EventBridge. */
const event = (key: string): string =>
  JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: BUCKET }, object: { key } },
  });
