/** All that runs during a soak. */
import { createBucket } from '../support/bucket.ts';
import { createBus } from '../support/bus.ts';
import { type CliResult, cliEnvironment, runCli } from '../support/cli.ts';
import { type RegistryClient, registryClient } from '../support/client.ts';
import { createEventQueue, type EventQueue } from '../support/live.ts';
import { type Service, startMoto, startRegistry } from '../support/services.ts';
import { JOURNAL_PREFIX, succeeded } from '../support/world.ts';
import { type Child, startChild } from './child.ts';
import type { Figures } from './figures.ts';
import type { IndexerMessage } from './indexer-process.ts';
import type { SoakOptions } from './options.ts';
import type { PrunerMessage } from './pruner-process.ts';

export interface SoakWorld {
  readonly endpoint: string;
  readonly tables: string;
  readonly bucket: string;
  readonly table: string;
  readonly queue: EventQueue;
  readonly client: RegistryClient;
  readonly cli: (...args: string[]) => Promise<CliResult>;
  readonly stopPruning: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const BUCKET = 'registry-soak';
const TABLE = 'table-soak';
/** How far the indexer may be behind for a run to delete; beyond it runs refuse. */
const MAX_INDEX_LAG = '20s';

/** Seconds until a message that failed comes again; far longer than a batch takes, however busy the machine is. */
const VISIBILITY = 30;

/** @param onFailure told when a part of it ends by itself. */
export async function startWorld(
  options: SoakOptions,
  figures: Figures,
  onFailure: (error: Error) => void,
): Promise<SoakWorld> {
  const running: { readonly stop: () => Promise<void> }[] = [];
  const stop = async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  };
  const kept = <T extends Service | Child>(one: T): T => {
    running.push(one);
    return one;
  };
  try {
    const endpoint = kept(await startMoto()).url;
    const tables = await new Promise<string>((resolve, reject) => {
      kept(
        startChild<string>({
          name: 'dynamodb',
          environment: {},
          onMessage: resolve,
          onFailure: (error) => {
            reject(error);
            onFailure(error);
          },
        }),
      );
    });
    await createBucket(endpoint, BUCKET, { versioned: true });
    const queue = await createEventQueue(endpoint, BUCKET, { visibility: VISIBILITY });
    const bus = await createBus(endpoint, 'bus-soak');
    const { grace, quarantine } = options;
    const environment = {
      ...cliEnvironment({
        ...{ endpoint, grace, quarantine, table: TABLE, bucket: BUCKET, bus: bus.name },
        journalPrefix: JOURNAL_PREFIX,
      }),
      AWS_ENDPOINT_URL_DYNAMODB: tables,
      MAX_INDEX_LAG,
      INDEX_QUEUE: queue.url,
      DEAD_LETTER_QUEUE: queue.deadLetters,
      HEALING: options.healing ? 'on' : 'off',
    };
    const cli = (...args: string[]) => runCli(args, environment);
    succeeded(await cli('init'));
    succeeded(await cli('reindex'));

    const registry = kept(await startRegistry({ s3Endpoint: endpoint, bucket: BUCKET }));
    kept(
      startChild<IndexerMessage>({
        ...{ name: 'indexer', environment, onFailure },
        onMessage: (message) => figures.indexed(message),
      }),
    );
    const pruner = kept(
      startChild<PrunerMessage>({
        ...{ name: 'pruner', environment, onFailure },
        onMessage: (message) => figures.pruned(message),
      }),
    );
    return {
      ...{ endpoint, tables, queue, cli, stop },
      bucket: BUCKET,
      table: TABLE,
      client: registryClient(registry.url),
      stopPruning: () => pruner.stop(),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
