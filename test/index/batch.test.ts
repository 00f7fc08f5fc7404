import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BatchResult } from '../../lambdas/index/batch.ts';
import { EventNotPublishedError } from '../../lambdas/store/event-bus.ts';
import { heartbeatKey, manifestKey } from '../../lambdas/store/items.ts';
import { MemoryQueue } from '../../local/memory-queue.ts';
import { MINUTE } from '../support/clock.ts';
import { image, index, layer, type Manifest, neverPushed, referrer } from '../support/images.ts';
import { busEvent, LiveIndexer, notification } from '../support/indexer.ts';
import type { Call } from '../support/intercept.ts';
import { dataKey, layerKey, ROOT, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { HEARTBEATS, World } from '../support/world.ts';

const failedIds = ({ failed }: BatchResult): string[] => failed.map(({ id }) => id);

const liveWorld = (options = {}) => {
  const world = new World(options);
  return { world, live: new LiveIndexer(world) };
};

/** Its `revisions` link, which a live push writes last but for tags. */
const revision = ({ digest }: Manifest) => revisionKey('app', digest);

describe('a batch', () => {
  it('brings the table in line with a whole push', async () => {
    const { world, live } = liveWorld();
    const manifest = image('one');
    await world.registry.push('app', manifest, 'v1');
    const result = await live.everything();
    expect(result).toMatchObject({ applied: 8, ignored: 0, failed: [], postponed: [], problems: [] });
    expect((await world.reindex()).added).toMatchObject({
      manifests: 0,
      tags: 0,
      links: 0,
      blobs: 0,
      edges: 0,
    });
  });

  it('with a poisoned message fails that one and no other', async () => {
    const { world, live } = liveWorld();
    const manifest = image('one');
    await world.registry.push('app', manifest, 'v1');
    const result = await live.bodies(['poison', busEvent(revision(manifest)), '{"Records":1}']);
    expect(failedIds(result)).toEqual(['0', '2']);
    expect(result.failed[0]?.error).toMatchObject({ name: 'UnknownEventError' });
    expect(await world.metadata.manifest('app', manifest.digest)).toMatchObject({ state: 'live' });
  });

  it('looks once at a key that several messages tell of', async () => {
    const { world, live } = liveWorld();
    const key = layerKey('app', await world.registry.upload('app', layer('x')));
    await live.keys([key]);
    const before = world.bucket.requests.get('HeadObject') ?? 0;
    const result = await live.bodies([busEvent(key), notification(key), busEvent(key, 'Object Deleted')]);
    expect(result.applied).toBe(1);
    expect(world.bucket.requests.get('HeadObject')).toBe(before + 1);
  });

  it('looks once at an upload, whatever of it was written', async () => {
    const { world, live } = liveWorld();
    const uuid = '0a1b2c3d-0000-4000-8000-000000000000';
    world.registry.startUpload('app', uuid, layer('x'));
    expect(await live.everything()).toMatchObject({ applied: 1, failed: [] });
    expect(await world.table.get({ pk: 'UPLOAD#app', sk: uuid })).toMatchObject({
      startedAt: world.clock.now(),
    });
  });

  it.each([
    { service: 'S3', fault: (key: string) => ({ bucket: { before: refusing('head', key) } }) },
    {
      service: 'DynamoDB',
      fault: (_: string, pk: string) => ({ table: { before: refusing('update', pk) } }),
    },
  ])('fails the messages of the key that $service refuses, and only those', async ({ fault }) => {
    const { world, live } = liveWorld();
    const [bad, good] = [neverPushed('bad'), neverPushed('good')];
    for (const digest of [bad, good]) world.registry.mount('app', digest);
    const [badKey, goodKey] = [layerKey('app', bad), layerKey('app', good)];
    const result = await live.keys([badKey, goodKey, badKey], fault(badKey, `BLOB#${bad}`));
    expect(failedIds(result)).toEqual(['0', '2']);
    expect(result.failed[0]?.error).toMatchObject({ message: 'refused' });
    expect(await world.metadata.link(good, 'app')).toBeDefined();
  });

  it('ignores and counts what is of another bucket, of no layout, or of no key', async () => {
    const { world, live } = liveWorld();
    await world.registry.push('app', image('one'), 'v1');
    const result = await live.bodies([
      busEvent(revision(image('one')), 'Object Created', 'another'),
      busEvent('registry-prune/journal/run/1.ndjson'),
      busEvent(`${ROOT}repositories/app/_layers/readme.txt`),
      busEvent('x', 'Object Tags Added'),
    ]);
    expect(result).toMatchObject({ applied: 0, ignored: 4, failed: [] });
    expect(await world.items()).toEqual([]);
  });

  it('looks at no more keys at once than it may', async () => {
    const { world, live } = liveWorld();
    for (let at = 0; at < 30; at++) await world.registry.upload('app', layer(`${at}`));
    for (const concurrency of [1, 3, undefined]) {
      let [under, most] = [0, 0];
      const isData = ({ operation, arguments: [key] }: Call) =>
        operation === 'head' && String(key).endsWith('/data');
      const bucket = {
        before: async (call: Call) => {
          if (!isData(call)) return;
          most = Math.max(most, ++under);
          // Until whoever else may begin has begun.
          await setImmediate();
        },
        after: (call: Call) => {
          if (isData(call)) under--;
        },
      };
      const indexer = concurrency === undefined ? {} : { concurrency };
      await live.everything({ bucket, indexer });
      expect(most).toBe(concurrency ?? 8);
    }
  });

  it('comes to an end with two manifests that change each other: an index and the subject that it lists', async () => {
    const { world, live } = liveWorld();
    const subject = index([]);
    const both = index([subject], { subject: subject.digest });
    await world.registry.push('app', subject);
    await world.registry.push('app', both, 'v1');
    await live.everything();
    const result = await live.keys([revision(subject), revision(both)]);
    expect(result).toMatchObject({ applied: 2, postponed: [], failed: [] });
    // In two batches just the same.
    const apart = await Promise.all([subject, both].map((one) => live.keys([revision(one)])));
    for (const one of apart) expect(one).toMatchObject({ applied: 1, postponed: [], failed: [] });
  });
});

const refusing =
  (operation: string, where: string) =>
  (call: Call): void => {
    const [first] = call.arguments;
    const name = typeof first === 'string' ? first : String(Reflect.get(Object(first), 'pk'));
    if (call.operation === operation && name === where) throw new Error('refused');
  };

describe('a key whose target is being deleted', () => {
  async function deleting() {
    const { world, live } = liveWorld();
    const manifest = image('going');
    await world.registry.push('app', manifest);
    await live.everything();
    await world.table.update(manifestKey('app', manifest.digest), { set: { state: 'deleting' } });
    return { world, live, key: revision(manifest), manifest };
  }

  it('is sent anew with a delay that grows, and fails nothing', async () => {
    const { world, live, key } = await deleting();
    const first = await live.keys([key]);
    expect(first).toMatchObject({ applied: 0, failed: [] });
    expect(first.postponed).toEqual([{ key, reason: expect.stringContaining('being deleted') }]);
    const delays: number[] = [];
    for (let round = 0; round < 12; round++) {
      const [{ body = '', delay = 0 } = {}] = live.queue.waiting;
      delays.push(delay);
      world.clock.advance(delay * 1000);
      await live.queue.remove(await live.queue.receive({ waitSeconds: 0 }));
      expect((await live.bodies([body])).failed).toEqual([]);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  });

  it('marks it, so that whoever deletes it gives it back', async () => {
    const { world, live, key, manifest } = await deleting();
    await live.keys([key]);
    expect(await world.metadata.manifest('app', manifest.digest)).toMatchObject({ rescue: true });
  });

  it('fails its messages when it cannot be put off', async () => {
    const { live, key } = await deleting();
    const postpone = { send: () => Promise.reject(new Error('no queue')) };
    const other = layerKey('app', neverPushed('other'));
    const result = await live.keys([other, key], { indexer: { postpone } });
    expect(failedIds(result)).toEqual(['1']);
  });
});

describe('the order of a push does not matter', () => {
  it('a manifest comes before its blobs, an index before its children', async () => {
    const { world, live } = liveWorld();
    const child = image('child');
    const list = index([child]);
    await world.registry.push('app', child);
    await world.registry.push('app', list, 'v1');
    const keys = [...(await world.keys()).keys()];
    for (const key of [tagLinkKey('app', 'v1'), revision(list), revision(child), ...keys.reverse()]) {
      expect((await live.keys([key])).failed).toEqual([]);
    }
    expect((await world.reindex()).added).toMatchObject({
      manifests: 0,
      tags: 0,
      links: 0,
      blobs: 0,
      edges: 0,
    });
  });

  it('a referrer comes before its subject', async () => {
    const { world, live } = liveWorld();
    const subject = image('subject');
    const about = referrer(subject.digest, 'sbom');
    await world.registry.push('app', subject, 'v1');
    await world.registry.push('app', about);
    await live.keys([revision(about)]);
    await live.everything();
    expect(await world.metadata.holders('app', about.digest)).toEqual([
      { kind: 'subject', digest: subject.digest },
    ]);
  });
});

describe('heartbeats', () => {
  const beat = (id: string) => `${HEARTBEATS}${id}`;
  const seen = async (world: World) => await world.table.get(heartbeatKey);

  it('count as of when they were written, not as of when they were seen', async () => {
    const { world, live } = liveWorld();
    world.bucket.seed(beat('1'), '{}');
    const writtenAt = world.clock.now();
    world.clock.advance(MINUTE);
    expect(await live.keys([beat('1')])).toMatchObject({ heartbeats: 1, applied: 0, ignored: 0, failed: [] });
    expect(await seen(world)).toMatchObject({ writtenAt, seenAt: writtenAt + MINUTE });
  });

  it('never set the time back, however late and in whatever order they come', async () => {
    const { world, live } = liveWorld();
    for (const id of ['1', '2', '3']) {
      world.bucket.seed(beat(id), '{}');
      world.clock.advance(MINUTE);
    }
    const newest = world.clock.now() - MINUTE;
    for (const ids of [['2'], ['3', '1'], ['1'], ['2', '2']]) await live.keys(ids.map(beat));
    expect(await seen(world)).toMatchObject({ writtenAt: newest });
  });

  it('that are deleted tell nothing', async () => {
    const { world, live } = liveWorld();
    world.bucket.seed(beat('1'), '{}');
    await world.bucket.deleteMany([beat('1')]);
    expect((await live.keys([beat('1')])).failed).toEqual([]);
    expect(await seen(world)).toBeUndefined();
  });

  it('are seen only after what came with them is in the table', async () => {
    const { world, live } = liveWorld();
    const manifest = image('with it');
    await world.registry.push('app', manifest);
    world.bucket.seed(beat('1'), '{}');
    let inTable: unknown;
    const after = async ({ operation, arguments: [key] }: Call) => {
      if (operation === 'update' && key === heartbeatKey)
        inTable = await world.metadata.manifest('app', manifest.digest);
    };
    await live.keys([beat('1'), revision(manifest)], { table: { after } });
    expect(inTable).toMatchObject({ state: 'live' });
  });
});

describe('blobs that were needed after they had been deleted', () => {
  /** A run deletes an image, and the same image is pushed again with answers older than the deletion. */
  async function lateReference(versioned: boolean) {
    const { world, live } = liveWorld({ versioned });
    const bytes = layer('late');
    const digest = await world.registry.upload('app', bytes);
    await live.everything();
    const run = await world.reindexAndPrune({ mode: 'offline' });
    expect((await world.keys()).has(dataKey(digest))).toBe(false);
    world.bus.events.length = 0;
    world.registry.mount('app', digest);
    return { world, live, digest, run, bytes, key: layerKey('app', digest) };
  }

  it('are announced when they are back', async () => {
    const { world, live, digest, run, bytes, key } = await lateReference(true);
    const result = await live.keys([key]);
    expect(result.restored).toMatchObject([{ digest, runId: run.runId }]);
    expect(result.lost).toEqual([]);
    expect((await world.keys()).has(dataKey(digest))).toBe(true);
    expect(world.bus.events).toEqual([
      {
        source: 'registry-prune',
        detailType: 'Blob Restored',
        resources: ['arn:aws:s3:::registry'],
        time: world.clock.date(),
        detail: {
          schemaVersion: '1.0',
          type: 'blob',
          action: 'restored',
          digest,
          bucket: 'registry',
          size: bytes.byteLength,
          deletedBy: run.runId,
          repositories: ['app'],
          time: world.clock.date().toISOString(),
        },
      },
    ]);
  });

  it('are announced as lost where nothing can bring them back, each once in a batch', async () => {
    const { world, live, digest, run, key } = await lateReference(false);
    const again = image('again', { layers: [layer('late')] });
    await world.registry.putManifest('app', again);
    const result = await live.keys([key, revision(again)]);
    expect(result.lost).toEqual([digest]);
    expect(result).toMatchObject({ restored: [], failed: [] });
    expect(world.bus.events).toMatchObject([
      {
        detailType: 'Blob Lost',
        detail: { action: 'lost', digest, deletedBy: run.runId, repositories: ['app'] },
      },
    ]);
  });

  it('fail their messages when the bus does not take the event', async () => {
    const { live, key } = await lateReference(true);
    const bus = { publish: () => Promise.reject(new EventNotPublishedError('throttled')) };
    const result = await live.keys([key], { indexer: { bus } });
    expect(failedIds(result)).toEqual(['0']);
    expect(result.failed[0]?.error).toMatchObject({ name: 'EventNotPublishedError' });
  });

  it('name twenty repositories and no more', async () => {
    const { world, live, digest } = await lateReference(true);
    const names = Array.from({ length: 30 }, (_, at) => `team/${at}`);
    for (const name of names) world.registry.mount(name, digest);
    const result = await live.keys(names.map((name) => layerKey(name, digest)));
    expect(result.restored.map((blob) => blob.digest)).toEqual([digest]);
    const restored = world.bus.events.filter(({ detailType }) => detailType === 'Blob Restored');
    expect(restored).toHaveLength(1);
    expect(restored[0]).toMatchObject({ detail: { repositories: { length: 20 } } });
  });
});

it('the queue in memory redrives what keeps failing, as the real one does', async () => {
  const world = new World();
  const dead = new MemoryQueue({ now: world.clock.now });
  const queue = new MemoryQueue({ now: world.clock.now, redrive: { to: dead, after: 3 } });
  await queue.send([{ body: 'poison', delay: 0 }]);
  for (let round = 0; round < 4; round++) {
    for (const { body } of await queue.receive({ waitSeconds: 0 })) expect(body).toBe('poison');
    expect(await queue.receive({ waitSeconds: 0 })).toEqual([]);
    world.clock.advance(MINUTE);
  }
  expect([await queue.depth(), await dead.depth()]).toEqual([0, 1]);
});
