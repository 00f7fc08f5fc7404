/** The command line over an embedded DynamoDB and S3, and a bus that answers as EventBridge does. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { runProgram } from '../../cli/program.ts';
import type { Host } from '../../cli/terminal.ts';
import { image, layer } from '../../local/demo-images.ts';
import { DemoRegistry } from '../../local/demo-registry.ts';
import { type Embedded, LOOPBACK, startEmbeddedDynamoDb } from '../../local/embedded-dynamodb.ts';
import { startEmbeddedS3 } from '../../local/embedded-s3.ts';
import { COMPILED } from '../support/compiled.ts';

export const BUCKET = 'registry';
export const TABLE = 'metadata';

const PROJECT = join(import.meta.dirname, '..', '..');
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
const REGION = 'us-east-1';

export type Environment = Readonly<Record<string, string>>;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything there is, so that two moments can be compared. */
export interface Moment {
  readonly objects: ReadonlyMap<string, string>;
  readonly items: ReadonlyMap<string, object>;
}

export interface Services {
  /** The configuration and the AWS set-up of a machine where everything works. */
  readonly env: Environment;
  /** What the bus was sent: the entries of PutEvents. */
  readonly published: Record<string, unknown>[];
  readonly registry: DemoRegistry;
  readonly moment: () => Promise<Moment>;
  readonly stop: () => Promise<void>;
}

export async function startServices(): Promise<Services> {
  const published: Record<string, unknown>[] = [];
  const [dynamoDb, s3, bus] = await Promise.all([
    startEmbeddedDynamoDb(),
    startEmbeddedS3(),
    startBus(published),
  ]);
  s3.createBucket(BUCKET);
  const local = { region: REGION, credentials: CREDENTIALS };
  const s3Client = new S3Client({ ...local, endpoint: s3.endpoint, forcePathStyle: true });
  const dynamoDbClient = new DynamoDBClient({ ...local, endpoint: dynamoDb.endpoint });
  return {
    env: {
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
      AWS_ENDPOINT_URL_EVENTBRIDGE: bus.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      METADATA_TABLE: TABLE,
      REGISTRY_BUCKET: BUCKET,
    },
    published,
    registry: new DemoRegistry(s3Client, BUCKET),
    moment: async () => ({ objects: await objectsOf(s3Client), items: await itemsOf(dynamoDbClient) }),
    stop: async () => {
      s3Client.destroy();
      dynamoDbClient.destroy();
      await Promise.all([dynamoDb.stop(), s3.stop(), bus.stop()]);
    },
  };
}

/** An image that stays and one that lost its tag to it. */
export async function pushTwo(registry: DemoRegistry): Promise<void> {
  const base = layer('base', 2000);
  await registry.push('team/app', image([base, layer('old', 3000)]), 'v1');
  await registry.push('team/app', image([base, layer('new', 4000)]), 'v1');
}

/** In a process of its own, with this environment and nothing else. @param timeout milliseconds; it is ended then. */
export function spawnCli(args: readonly string[], env: Environment, timeout = 90_000): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { cwd: PROJECT, env: { PATH: process.env['PATH'], ...COMPILED, ...env }, timeout };
    execFile(process.execPath, ['cli/main.ts', ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Error(`cli ${args.join(' ')}\n${stdout}${stderr}`, { cause: error }));
    });
  });
}

/** Vitest asks for colours where it has a terminal; what is tested here has none. */
delete process.env['FORCE_COLOR'];

/** The AWS SDK reads this process's environment, whatever a host says: for everything that does not spawn. */
export function adopt(env: Environment): void {
  Object.assign(process.env, env);
}

/** In this process, after {@link adopt}. */
export async function runCli(
  args: readonly string[],
  env: Environment,
  stdin: PassThrough = new PassThrough(),
): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const host = { env, stdin, stdout, stderr } as unknown as Host;
  const code = await runProgram(args, host);
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

async function startBus(published: Record<string, unknown>[]): Promise<Embedded> {
  const server = createServer(async (request: IncomingMessage, response) => {
    const { Entries: entries = [] } = JSON.parse(await text(request));
    published.push(...entries);
    const answer = { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: '1' })) };
    response.setHeader('content-type', 'application/x-amz-json-1.1').end(JSON.stringify(answer));
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the bus listens on no port');
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function objectsOf(client: S3Client): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  for await (const page of paginateListObjectsV2({ client }, { Bucket: BUCKET })) {
    for (const { Key = '', ETag, LastModified } of page.Contents ?? [])
      objects.set(Key, `${ETag} ${LastModified?.toISOString()}`);
  }
  return objects;
}

async function itemsOf(client: DynamoDBClient): Promise<Map<string, object>> {
  const items = new Map<string, object>();
  try {
    for await (const page of paginateScan({ client }, { TableName: TABLE, ConsistentRead: true })) {
      for (const row of page.Items ?? []) {
        const item = unmarshall(row);
        items.set(`${item['pk']} ${item['sk']}`, item);
      }
    }
  } catch (error) {
    // Before `init` there is no table.
    if (!(error instanceof Error && error.name === 'ResourceNotFoundException')) throw error;
  }
  return items;
}
