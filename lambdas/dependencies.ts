/** Puts the pieces together for real: configuration in, stores over AWS out. */
import { ulid } from 'ulid';
import { type Configuration, readBucket } from './configuration.ts';
import type { Indexer } from './index/batch.ts';
import type { Announcer } from './index/blob-events.ts';
import type { IndexContext } from './index/context.ts';
import { type Gauges, readGauges } from './index/gauges.ts';
import { removeOldHeartbeats, writeHeartbeat } from './index/heartbeat.ts';
import { PullRecorder } from './notifications/pulls.ts';
import { fixedSecrets, StoredSecrets } from './notifications/secrets.ts';
import { type NotificationSettings, parseSecrets } from './notifications/settings.ts';
import type { Webhook } from './notifications/webhook.ts';
import type { Operator } from './operations/operate.ts';
import type { PruneDependencies } from './prune/settings.ts';
import type { RebuildContext } from './rebuild/next.ts';
import type { RegistryLayout } from './registry/layout.ts';
import {
  dynamoDbClient,
  eventBridgeClient,
  lambdaClient,
  patientLambdaClient,
  s3Client,
  secretsManagerClient,
  sqsClient,
} from './store/aws-clients.ts';
import { batching } from './store/batching-table.ts';
import { DynamoDbTable } from './store/dynamodb-table.ts';
import { EventBridgeBus } from './store/eventbridge-bus.ts';
import { type MarkerRemover, MarkersOf } from './store/markers.ts';
import { Metadata } from './store/metadata.ts';
import { OperatorFunction } from './store/operator-function.ts';
import { RegistryBucket } from './store/registry-bucket.ts';
import { RestoreFunction } from './store/restore-function.ts';
import { S3Bucket } from './store/s3-bucket.ts';
import { SecretsManagerSecret } from './store/secret-store.ts';
import { SqsQueue } from './store/sqs-queue.ts';
import type { Table } from './store/table.ts';

const now = (): number => Date.now();
const sleep = (milliseconds: number): Promise<void> =>
  new Promise((done) => {
    setTimeout(done, milliseconds);
  });

/** For a prune. @param owner who runs it, as the lock and its refusals show. */
export function pruneDependencies(configuration: Configuration, owner: string): PruneDependencies {
  const { tableName, bucketName, layout, busName, deadLetterQueue, restoreFunction, ...settings } =
    configuration;
  const client = s3Client();
  const deadLetters = deadLetterQueue && new SqsQueue({ client: sqsClient(), url: deadLetterQueue });
  return {
    table: batching(new DynamoDbTable({ client: dynamoDbClient(), tableName })),
    objects: (guard) => new S3Bucket({ client, bucket: bucketName, guard }),
    ...(restoreFunction === undefined ? {} : { markers: restorer(restoreFunction) }),
    ...(deadLetters ? { deadLetters: () => deadLetters.depth() } : {}),
    bus: new EventBridgeBus({ client: eventBridgeClient(), busName }),
    ...{ layout, bucketName, settings, owner, now, sleep, newId: ulid },
  };
}

/** Bytes of a plan that are answered with; Lambda answers with 6 MB at most. */
const ANSWER_LIMIT = 4 * 1024 * 1024;

/** Of one invocation of the function, which keeps the plans that it makes. */
export function operatorOf(
  dependencies: PruneDependencies,
  { planPrefix }: Configuration,
  invocation: Pick<PruneDependencies, 'owner'> &
    Pick<Operator, 'deadlines' | 'deadline'> & { readonly signal: AbortSignal },
): Operator {
  const { owner, signal, deadlines, deadline } = invocation;
  const prune = { ...dependencies, owner, signal };
  return { prune, planPrefix, deadlines, deadline, answerLimit: ANSWER_LIMIT };
}

/** The deployed function that does what is asked for. @param functionName name or ARN. */
export const functionOperator = (functionName: string): OperatorFunction =>
  new OperatorFunction({ client: patientLambdaClient(), functionName });

/** For a rebuild. It deletes nothing of the registry. @param over the table, as it is used. */
export function indexDependencies(
  configuration: Configuration,
  over: (table: Table) => Table = batching,
): IndexContext & Announcer {
  const { tableName, bucketName, layout, busName, grace, restoreFunction } = configuration;
  const table = over(new DynamoDbTable({ client: dynamoDbClient(), tableName }));
  const objects = new S3Bucket({ client: s3Client(), bucket: bucketName });
  const markers = restoreFunction === undefined ? new MarkersOf(objects) : restorer(restoreFunction);
  return {
    metadata: new Metadata(table, ulid),
    bucket: new RegistryBucket(objects, layout, markers),
    bus: new EventBridgeBus({ client: eventBridgeClient(), busName }),
    ...{ now, grace, bucketName },
  };
}

/** For the indexer that a queue feeds. @param queueUrl of the queue that brings the bucket's events. */
export function indexerDependencies(
  configuration: Configuration,
  queueUrl: string,
): { readonly indexer: Indexer; readonly queue: SqsQueue } {
  const queue = new SqsQueue({ client: sqsClient(), url: queueUrl });
  const { heartbeatPrefix } = configuration;
  // A batch of few events has few reads to share a request, which would only wait for each other.
  const dependencies = indexDependencies(configuration, (table) => table);
  return { queue, indexer: { ...dependencies, heartbeatPrefix, postpone: queue } };
}

/** For a rebuild in units. An inventory may be in any bucket that the process may read. */
export function rebuildDependencies(configuration: Configuration): RebuildContext & Announcer {
  const context = indexDependencies(configuration);
  const { metadata, bus, bucketName } = context;
  const client = s3Client();
  return {
    ...{ context, metadata, bus, bucketName, now, newId: ulid },
    workPrefix: configuration.reindexPrefix,
    storeOf: (bucket) => new S3Bucket({ client, bucket }),
  };
}

/**
 * For the registry's notifications. They need the table, and what opens.
 *
 * @param onFailure told of a look for the secrets that failed while older ones are known.
 */
export function notificationDependencies(
  { tableName, secrets }: NotificationSettings,
  onFailure: (error: unknown) => void,
): Webhook {
  const table = new DynamoDbTable({ client: dynamoDbClient(), tableName });
  const pulls = new PullRecorder(new Metadata(table, ulid));
  if ('values' in secrets) return { secrets: fixedSecrets(secrets.values), pulls, now };
  const store = new SecretsManagerSecret({ client: secretsManagerClient(), secretId: secrets.id });
  return { secrets: new StoredSecrets({ store, parse: parseSecrets, now, onFailure }), pulls, now };
}

/** Writes one heartbeat, and deletes old ones. */
export function heartbeatWriter({ bucketName, heartbeatPrefix }: Configuration): () => Promise<void> {
  const objects = new S3Bucket({ client: s3Client(), bucket: bucketName });
  return async () => {
    const beat = { objects, prefix: heartbeatPrefix, now: now(), id: ulid() };
    await writeHeartbeat(beat);
    await removeOldHeartbeats(beat);
  };
}

/** Reads how far behind everything is. */
export function gaugeReader({ tableName }: Configuration): () => Promise<Gauges> {
  const metadata = new Metadata(new DynamoDbTable({ client: dynamoDbClient(), tableName }), ulid);
  return () => readGauges(metadata, now());
}

/** For the restore function. @throws ConfigurationError */
export function markerRemover(environment: Readonly<Record<string, string | undefined>>): {
  readonly remover: MarkerRemover;
  readonly layout: RegistryLayout;
} {
  const { bucketName, layout } = readBucket(environment);
  return { remover: new MarkersOf(new S3Bucket({ client: s3Client(), bucket: bucketName })), layout };
}

const restorer = (functionName: string): MarkerRemover =>
  new RestoreFunction({ client: lambdaClient(), functionName });
