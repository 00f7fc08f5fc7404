/** What has to hold for a batch of messages of anything, and for a heartbeat of anything. */
import assert from 'node:assert/strict';
import { hintsOf, UnknownEventError } from '../../lambdas/index/event-keys.ts';
import { heartbeatKey } from '../../lambdas/store/items.ts';
import { image } from '../support/images.ts';
import { busEvent, LiveIndexer } from '../support/indexer.ts';
import type { Call } from '../support/intercept.ts';
import { layerKey, ROOT } from '../support/registry-writer.ts';
import { HEARTBEATS, World } from '../support/world.ts';
import { read } from './properties.ts';

export const app = image('app');
const APP_LAYERS = layerKey('app', app.digest).replace(/_layers\/.*/, '_layers/');
const WRITES = new Set(['put', 'delete', 'deleteMany', 'deleteVersion', 'deleteVersions', 'abortUpload']);

/** Fails exactly the messages that are of no known form, and writes nothing but links of what is needed. */
export async function checkBatch(bodies: readonly string[]): Promise<{ failed: number; applied: number }> {
  const world = new World();
  await world.registry.push('app', app, 'v1');
  const live = new LiveIndexer(world);
  const before = ({ operation, arguments: [first] }: Call) => {
    if (WRITES.has(operation)) assert(operation === 'put' && String(first).startsWith(APP_LAYERS), operation);
  };
  const { failed, applied } = await live.bodies(bodies, { bucket: { before } });
  const unknown = bodies.flatMap((body, at) =>
    read(() => hintsOf(body), UnknownEventError) === undefined ? [String(at)] : [],
  );
  assert.deepEqual(failed.map(({ id }) => id).sort(), unknown.sort());
  for (const { error } of failed) assert(error instanceof UnknownEventError);
  return { failed: failed.length, applied };
}

/** A heartbeat says when it was written and nothing else, and only where it is there. */
export async function checkHeartbeat(key: string, body: Uint8Array): Promise<boolean> {
  const world = new World();
  const isKey = key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= 900;
  const written = world.clock.now();
  if (isKey) world.bucket.seed(HEARTBEATS + key, body);
  world.clock.advance(60_000);
  const { failed, heartbeats } = await new LiveIndexer(world).bodies([busEvent(HEARTBEATS + key)]);
  assert.deepEqual(failed, []);
  assert.equal(heartbeats, isKey ? 1 : 0);
  const item = await world.table.get(heartbeatKey);
  assert.equal(item?.['writtenAt'], isKey ? written : undefined);
  assert((await world.keys()).size === 0 && !HEARTBEATS.startsWith(ROOT));
  return isKey;
}
