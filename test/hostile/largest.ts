/**
 * Run as a thread of its own, whose memory is bounded: manifests as large as there can be, and larger. Tells what was
 * done, and the milliseconds of the processor that each took.
 */
import assert from 'node:assert/strict';
import { parentPort } from 'node:worker_threads';
import { readManifest } from '../../lambdas/index/manifest-record.ts';
import {
  blobsOf,
  ConfigError,
  MAX_MANIFEST_BYTES,
  ManifestError,
  parseImageConfig,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { RegistryBucket } from '../../lambdas/store/registry-bucket.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { digestOf, image, type Manifest } from '../support/images.ts';
import { dataKey, revisionKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';
import { GROWING } from './corpus.ts';

const HUGE = 10 * 1024 * 1024;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A whole image of so many layers, each with data of its own; spaces after it where it is to be larger. */
function imageOf(count: number, bytes = 0): Manifest {
  const blobs = Array.from({ length: count }, (_, at) => utf8(`layer ${at} of ${count}`));
  const type = 'application/vnd.oci.image';
  const layers = blobs.map((one) => ({
    ...{ mediaType: `${type}.layer.v1.tar`, digest: digestOf(one), size: one.length },
  }));
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(utf8('{}')), size: 2 };
  const mediaType = `${type}.manifest.v1+json`;
  const body = utf8(JSON.stringify({ schemaVersion: 2, mediaType, config, layers }).padEnd(bytes));
  return { mediaType, bytes: body, digest: digestOf(body), blobs: [utf8('{}'), ...blobs] };
}

/** Says of every object that it is small. */
class LyingBucket extends MemoryBucket {
  override async get(key: string) {
    const object = await super.get(key);
    return object && { ...object, size: 100 };
  }
}

const WORKS: Readonly<Record<string, () => Promise<void> | void>> = {
  'of the largest size are read one after the other': () => {
    for (const make of Object.values(GROWING)) {
      const bytes = utf8(make(MAX_MANIFEST_BYTES - 5_000));
      try {
        blobsOf(parseManifest(bytes));
      } catch (error) {
        if (!(error instanceof ManifestError)) throw error;
      }
    }
  },

  'of 10 MB are refused, whatever S3 says of their size': async () => {
    const { bytes, digest } = imageOf(40_000, HUGE);
    assert.throws(() => parseManifest(bytes), ManifestError);
    assert.throws(() => parseImageConfig(bytes), ConfigError);
    const bucket = new LyingBucket();
    bucket.seed(dataKey(digest), bytes);
    const content = await readManifest(new RegistryBucket(bucket, new World().layout), digest);
    assert.equal(content.problem?.code, 'unreadable');
    assert.deepEqual([content.layers, content.children], [[], []]);
  },

  'of 10 MB keep their repository as it is': async () => {
    const world = new World();
    const huge = { ...imageOf(0, HUGE), blobs: [] };
    await keepsAll(world, huge, 'huge');
  },

  'of 10,000 layers keep their repository as it is': async () => {
    await keepsAll(new World(), imageOf(10_000), 'many');
  },

  'of 2,000 layers go with them, and come back with them': async () => {
    const world = new World();
    const many = imageOf(2_000);
    await world.registry.push('many', many);
    await world.registry.push('many', image('kept'), 'v1');
    const before = [...(await world.keys()).keys()];
    await world.reindex();
    const { runId } = await world.prune({ mode: 'offline' });
    const after = await world.keys();
    assert(!after.has(revisionKey('many', many.digest)));
    for (const blob of many.blobs.slice(1)) assert(!after.has(dataKey(digestOf(blob))));
    await world.restore(runId);
    assert.deepEqual([...(await world.keys()).keys()], before);
  },
};

/** It is reported, and nothing of its repository goes; what is garbage elsewhere does. */
async function keepsAll(world: World, manifest: Manifest, name: string): Promise<void> {
  const garbage = image('garbage');
  await world.registry.push(name, manifest);
  for (const one of [name, 'other']) await world.registry.push(one, garbage);
  const before = [...(await world.keys()).keys()].filter((key) => key.includes(`/${name}/`));
  const data = [manifest, garbage].flatMap(({ digest, blobs }) => [digest, ...blobs.map(digestOf)]);
  const { unreadable } = await world.reindex();
  assert(unreadable.some(({ what }) => what === manifest.digest));
  await world.plan({ mode: 'offline' });
  const { status } = await world.prune({ mode: 'offline' });
  assert.equal(status, 'completed');
  await world.why(manifest.digest);
  const after = await world.keys();
  for (const key of [...before, ...data.map(dataKey)]) assert(after.has(key), key);
  assert(!after.has(revisionKey('other', garbage.digest)));
}

const took: Record<string, number> = {};
for (const [work, run] of Object.entries(WORKS)) {
  const before = process.threadCpuUsage().user;
  await run();
  took[work] = (process.threadCpuUsage().user - before) / 1_000;
}
parentPort?.postMessage(took);
