/** The indexer, as `registry-prune index` runs it: the real handler of batches, polling the real queue. */
import { setTimeout as delay } from 'node:timers/promises';
import { readConfiguration, readQueueUrl } from '../../../lambdas/configuration.ts';
import { heartbeatWriter, indexerDependencies } from '../../../lambdas/dependencies.ts';
import type { BatchResult, Indexer } from '../../../lambdas/index/batch.ts';
import { pollQueue } from '../../../lambdas/index/poll.ts';
import type { ObjectStore } from '../../../lambdas/store/object-store.ts';
import { RegistryBucket } from '../../../lambdas/store/registry-bucket.ts';
import { endOfParent, tell } from './parent.ts';

export interface IndexerMessage {
  readonly applied: number;
  readonly postponed: number;
  readonly restored: number;
  readonly lost: readonly string[];
  readonly failures: readonly string[];
  /** How long each heartbeat that this batch brought was on its way, in milliseconds. */
  readonly lags: readonly number[];
}

const BEAT_MS = 1_000;
const NOTHING: IndexerMessage = { applied: 0, postponed: 0, restored: 0, lost: [], failures: [], lags: [] };

const ended = endOfParent();
const configuration = readConfiguration(process.env, new Date());
const dependencies = indexerDependencies(configuration, readQueueUrl(process.env, 'INDEX_QUEUE'));
const indexer =
  process.env['HEALING'] === 'off' ? withoutHealing(dependencies.indexer) : dependencies.indexer;

const beats: number[] = [];
await Promise.all([
  pollQueue({
    indexer,
    queue: dependencies.queue,
    signal: ended,
    sleep: (milliseconds) => delay(milliseconds),
    onBatch: (result) => tell<IndexerMessage>(messageOf(result)),
    onError: (error) => tell<IndexerMessage>({ ...NOTHING, failures: [String(error)] }),
  }),
  beat(),
]);

function messageOf({ applied, postponed, restored, lost, failed, heartbeats }: BatchResult): IndexerMessage {
  return {
    applied,
    lost,
    postponed: postponed.length,
    restored: restored.length,
    failures: failed.map(({ error }) => String(error)),
    lags: beats.splice(0, heartbeats).map((writtenAt) => Date.now() - writtenAt),
  };
}

async function beat(): Promise<void> {
  const write = heartbeatWriter(configuration);
  while (!ended.aborted) {
    beats.push(Date.now());
    await write();
    await delay(BEAT_MS, undefined, { signal: ended }).catch(() => undefined);
  }
}

/** Sees everything and mends nothing in the bucket. */
function withoutHealing(whole: Indexer): Indexer {
  const { objects, layout } = whole.bucket;
  const deaf: ObjectStore = new Proxy(objects, {
    get: (target, name) => {
      if (name === 'put') return async () => undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...whole, bucket: new RegistryBucket(deaf, layout, { remove: async () => undefined }) };
}
