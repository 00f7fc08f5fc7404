/** A small real registry, and the collector that is killed again and again. */
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type Embedded, startEmbeddedDynamoDb } from '../../../local/embedded-dynamodb.ts';
import { CREDENTIALS, createBucket, REGION } from '../../e2e/support/bucket.ts';
import { createBus } from '../../e2e/support/bus.ts';
import { cliEnvironment } from '../../e2e/support/cli.ts';
import { type RegistryClient, registryClient } from '../../e2e/support/client.ts';
import { type Service, startMoto, startRegistry } from '../../e2e/support/services.ts';
import { JOURNAL_PREFIX } from '../../e2e/support/world.ts';
import { JournalWitness } from '../../support/journal-witness.ts';
import { type Ended, execute, type Sentence } from './execution.ts';

const BUCKET = 'registry-kill';
const TABLE = 'table-kill';

export interface KillWorld {
  readonly endpoint: string;
  readonly tables: string;
  readonly bucket: string;
  readonly table: string;
  readonly client: RegistryClient;
  readonly witness: JournalWitness;
  /** Keys that runs have put. */
  readonly written: ReadonlySet<string>;
  readonly run: (args: readonly string[], sentence?: Sentence) => Promise<Ended>;
  readonly freeLock: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startKillWorld(): Promise<KillWorld> {
  const running: (Service | Embedded)[] = [];
  const stop = async () => {
    for (const service of running.splice(0).reverse()) await service.stop();
  };
  try {
    const moto = await startMoto();
    running.push(moto);
    const dynamoDb = await startEmbeddedDynamoDb();
    running.push(dynamoDb);
    const endpoints = { s3: moto.url, dynamodb: dynamoDb.endpoint };
    await createBucket(endpoints.s3, BUCKET, { versioned: true });
    const bus = await createBus(endpoints.s3, 'bus-kill');
    const registry = await startRegistry({ s3Endpoint: endpoints.s3, bucket: BUCKET });
    running.push(registry);
    const environment = {
      ...cliEnvironment({
        ...{ endpoint: endpoints.s3, table: TABLE, bucket: BUCKET, bus: bus.name },
        ...{ journalPrefix: JOURNAL_PREFIX, grace: '0s', quarantine: '0s' },
      }),
      ...{ MAX_MANIFEST_SHARE: '100%', MAX_BYTE_SHARE: '100%' },
    };
    const witness = new JournalWitness();
    const written = new Set<string>();
    const client = new DynamoDBClient({
      ...{ endpoint: endpoints.dynamodb, region: REGION, credentials: CREDENTIALS },
    });
    running.push({ endpoint: '', stop: async () => client.destroy() });
    return {
      ...{ endpoint: endpoints.s3, tables: endpoints.dynamodb, bucket: BUCKET, table: TABLE, witness, stop },
      written,
      client: registryClient(registry.url),
      run: (args, sentence) =>
        execute(args, {
          environment,
          endpoints,
          witness,
          written,
          ...(sentence === undefined ? {} : { sentence }),
        }),
      freeLock: () => freeLock(client, TABLE),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The lease of a run that was killed lasts for the rest of its process's life and for what it signed to be refused, half an
 * hour: nobody waits for that here. Its process is gone, and so is all that it has sent.
 */
export async function freeLock(client: DynamoDBClient, table: string): Promise<void> {
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { pk: { S: 'LOCK' }, sk: { S: 'prune' } },
        UpdateExpression: 'SET expiresAt = :over',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':over': { N: '0' } },
      }),
    );
  } catch (error) {
    // It was killed before there was a lock.
    if (!(error instanceof Error && error.name === 'ConditionalCheckFailedException')) throw error;
  }
}
