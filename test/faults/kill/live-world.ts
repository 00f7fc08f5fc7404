/** A real registry that clients push to and pull from, its events, and the indexer and runs that are killed beside them. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startEmbeddedDynamoDb } from '../../../local/embedded-dynamodb.ts';
import type { SoakWorld } from '../../e2e/soak/world.ts';
import { CREDENTIALS, createBucket, REGION } from '../../e2e/support/bucket.ts';
import { createBus } from '../../e2e/support/bus.ts';
import { cliEnvironment, runCli } from '../../e2e/support/cli.ts';
import { registryClient } from '../../e2e/support/client.ts';
import { createEventQueue } from '../../e2e/support/live.ts';
import { startMoto, startRegistry } from '../../e2e/support/services.ts';
import { JOURNAL_PREFIX, succeeded } from '../../e2e/support/world.ts';
import type { ProxyOptions } from '../../support/faulty-proxy.ts';
import { JournalWitness } from '../../support/journal-witness.ts';
import { type Ended, execute, type Sentence } from './execution.ts';
import { freeLock } from './world.ts';

const BUCKET = 'registry-live-kill';
const TABLE = 'table-live-kill';

/** Each death of the indexer costs what it had received one of its chances, and none of it is to become a dead letter. */
const QUEUE = { visibility: 3, maxReceives: 1_000 } as const;

export interface LiveKillWorld extends Omit<SoakWorld, 'stopPruning'> {
  readonly witness: JournalWitness;
  readonly run: (
    args: readonly string[],
    how?: {
      readonly sentence?: Sentence;
      readonly signal?: AbortSignal;
      readonly onAnswer?: NonNullable<ProxyOptions['onAnswer']>;
    },
  ) => Promise<Ended>;
  readonly freeLock: () => Promise<void>;
}

export async function startLiveKillWorld(): Promise<LiveKillWorld> {
  const running: { readonly stop: () => Promise<unknown> }[] = [];
  const kept = <T extends { readonly stop: () => Promise<unknown> }>(one: T): T => {
    running.push(one);
    return one;
  };
  const stop = async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  };
  try {
    const endpoint = kept(await startMoto()).url;
    const tables = kept(await startEmbeddedDynamoDb()).endpoint;
    await createBucket(endpoint, BUCKET, { versioned: true });
    const queue = await createEventQueue(endpoint, BUCKET, QUEUE);
    const bus = await createBus(endpoint, 'bus-live-kill');
    const environment = {
      ...cliEnvironment({
        ...{ endpoint, table: TABLE, bucket: BUCKET, bus: bus.name, journalPrefix: JOURNAL_PREFIX },
        ...{ grace: '3s', quarantine: '3s' },
      }),
      AWS_ENDPOINT_URL_DYNAMODB: tables,
      DEAD_LETTER_QUEUE: queue.deadLetters,
      ...{ MAX_INDEX_LAG: '20s', MAX_MANIFEST_SHARE: '100%', MAX_BYTE_SHARE: '100%' },
    };
    const cli = (...args: string[]) => runCli(args, environment);
    succeeded(await cli('init'));
    succeeded(await cli('reindex'));
    const registry = kept(await startRegistry({ s3Endpoint: endpoint, bucket: BUCKET }));
    const client = new DynamoDBClient({ endpoint: tables, region: REGION, credentials: CREDENTIALS });
    kept({ stop: async () => client.destroy() });
    const witness = new JournalWitness();
    const known = { environment, endpoints: { s3: endpoint, dynamodb: tables }, witness };
    return {
      ...{ endpoint, tables, bucket: BUCKET, table: TABLE, queue, witness, cli, stop },
      client: registryClient(registry.url),
      run: (args, how = {}) => execute(args, { ...known, written: new Set(), ...how }),
      freeLock: () => freeLock(client, TABLE),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
