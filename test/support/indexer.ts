/** The live indexer over a world: its bucket's events as messages, and the queue that they wait in. */
import { applyBatch, type BatchResult, type Indexer, type Message } from '../../lambdas/index/batch.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { MemoryQueue } from '../../local/memory-queue.ts';
import { type Hooks, intercept } from './intercept.ts';
import { HEARTBEATS, type World } from './world.ts';

export const BUCKET = 'registry';

/** As EventBridge brings it. */
export const busEvent = (key: string, type = 'Object Created', bucket = BUCKET): string =>
  JSON.stringify({
    ...{ version: '0', id: '1', source: 'aws.s3', 'detail-type': type, account: '123456789012' },
    detail: { version: '0', bucket: { name: bucket }, object: { key, size: 1, sequencer: '00' } },
  });

/** As S3 itself sends it to a queue: keys encoded as in a form. */
export const notification = (key: string, eventName = 'ObjectCreated:Put', bucket = BUCKET): string =>
  JSON.stringify({
    Records: [
      {
        ...{ eventVersion: '2.1', eventSource: 'aws:s3', eventName },
        s3: {
          bucket: { name: bucket },
          object: { key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+') },
        },
      },
    ],
  });

export interface Faults {
  readonly table?: Hooks;
  readonly bucket?: Hooks;
  readonly indexer?: Partial<Indexer>;
}

export class LiveIndexer {
  readonly queue: MemoryQueue;
  readonly #world: World;

  constructor(world: World, queue = new MemoryQueue({ now: world.clock.now })) {
    this.#world = world;
    this.queue = queue;
  }

  indexer({ table = {}, bucket = {}, indexer = {} }: Faults = {}): Indexer {
    const { index, bus, newId, layout } = this.#world;
    return {
      ...index,
      metadata: new Metadata(intercept(this.#world.table, table), newId),
      bucket: new RegistryBucket(intercept(this.#world.bucket, bucket), layout),
      ...{ bus, bucketName: BUCKET, heartbeatPrefix: HEARTBEATS, postpone: this.queue },
      ...indexer,
    };
  }

  /** Message `0` tells of the first key, and so on. */
  async keys(keys: readonly string[], faults: Faults = {}): Promise<BatchResult> {
    return await this.bodies(
      keys.map((key) => busEvent(key)),
      faults,
    );
  }

  async bodies(bodies: readonly string[], faults: Faults = {}): Promise<BatchResult> {
    const messages: Message[] = bodies.map((body, at) => ({ id: String(at), body }));
    return await applyBatch(this.indexer(faults), messages);
  }

  /** An event for every key that the registry has now. */
  async everything(faults: Faults = {}): Promise<BatchResult> {
    return await this.keys([...(await this.#world.keys()).keys()], faults);
  }
}
