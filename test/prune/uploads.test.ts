import { describe, expect, it } from 'vitest';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { uploadKey } from '../../lambdas/store/items.ts';
import { SKEW } from '../../lambdas/store/lock.ts';
import type { ObjectVersion } from '../../lambdas/store/object-store.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { image, neverPushed, utf8 } from '../support/images.ts';
import { type Call, Crash, CrashError, type Hooks, intercept, once } from '../support/intercept.ts';
import { dataKey, uploadDirectory } from '../support/registry-writer.ts';
import { JOURNAL, World } from '../support/world.ts';

const uuid = '0a1b2c3d-0000-4000-8000-000000000000';
const other = 'ffffffff-0000-4000-8000-000000000000';

const multiparts = async (world: World): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of world.bucket.multipartUploads('')) keys.push(key);
  return keys;
};

const uploads = async (world: World): Promise<string[]> =>
  [...(await world.keys()).keys()].filter((key) => key.includes('/_uploads/'));

/** Everything under `_uploads`, hidden or not. */
const versions = async (world: World): Promise<ObjectVersion[]> => {
  const found: ObjectVersion[] = [];
  for await (const page of world.bucket.versionsUnder('docker/')) {
    found.push(...page.filter(({ key }) => key.includes('/_uploads/')));
  }
  return found;
};

const isJournal = ({ operation, arguments: [key] }: Call): boolean =>
  operation === 'put' && String(key).startsWith(JOURNAL);

const hooked = (world: World, hooks: Hooks): Partial<PruneDependencies> => ({
  objects: (guard) => intercept(world.dependencies.objects(guard), hooks),
});

const bytesOf = async (world: World): Promise<number> =>
  (await versions(world)).reduce((sum, { size }) => sum + size, 0);

/** A push, with the upload of one of its layers as a bucket with versions remembers it. */
async function finished(world: World, of = uuid): Promise<void> {
  await world.registry.push('app', image('app'), 'v1');
  world.registry.startUpload('app', of, utf8('layer'));
  await world.registry.continueUpload('app', of, 5);
  world.clock.advance(MINUTE);
  await world.registry.endUpload('app', of);
}

describe('an abandoned upload', () => {
  it('goes a week after it was last written to, with its bytes counted apart', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('abandoned'));
    const sizes = [...(await world.keys()).values()].reduce((sum, size) => sum + size, 0);
    world.clock.advance(7 * DAY - HOUR);
    world.registry.startUpload('app', other, utf8('young'));
    await world.reindexAndPrune();
    expect(await uploads(world)).toHaveLength(6);
    await world.later(HOUR);
    const report = await world.prune();
    expect(new Set((await uploads(world)).map((key) => key.split('/')[6]))).toEqual(new Set([other]));
    expect(report).toMatchObject({ uploads: { deleted: 1, bytes: sizes }, spaceReclaimed: 0 });
    expect(await world.journal()).toContainEqual(
      expect.objectContaining({ action: 'delete-upload', repository: 'app', upload: uuid, size: sizes }),
    );
  });

  it('stays a week longer when it has been written to since it was queued, offline too', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('begun'));
    await world.reindex();
    world.clock.advance(6 * DAY);
    world.bucket.seed(`${uploadDirectory('app', uuid)}hashstates/sha256/9`, 'more');
    await world.later(2 * DAY);
    await world.prune({ mode: 'offline' });
    expect(await uploads(world)).toHaveLength(4);
    await world.later(5 * DAY);
    await world.prune();
    expect(await uploads(world)).toEqual([]);
  });

  it('stays when S3 refuses to delete a part of it, and the run is partial', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('abandoned'));
    world.clock.advance(8 * DAY);
    world.bucket.refusedDeletes.set(`${uploadDirectory('app', uuid)}data`, 'SlowDown');
    const all = await bytesOf(world);
    const data = 'abandoned'.length;
    const report = await world.reindexAndPrune();
    expect(report).toMatchObject({ status: 'partial', uploads: { deleted: 0, bytes: all - data } });
    world.bucket.refusedDeletes.clear();
    expect(await world.reindexAndPrune()).toMatchObject({
      status: 'completed',
      uploads: { deleted: 1, bytes: data },
    });
  });

  it('of another repository stays when the request names one', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('abandoned'));
    world.clock.advance(8 * DAY);
    await world.reindexAndPrune({ repositories: ['web'] });
    expect(await uploads(world)).toHaveLength(3);
  });
});

describe('an abandoned upload of a bucket with versions', () => {
  it('goes with all its versions, each counted once', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('abandoned'));
    await world.registry.continueUpload('app', uuid, 9);
    world.clock.advance(8 * DAY);
    const bytes = await bytesOf(world);
    expect(await versions(world)).toHaveLength(5);
    const dry = await world.reindexAndPrune({ dryRun: true });
    const report = await world.prune();
    expect(report.uploads).toEqual({ deleted: 1, bytes });
    expect(dry.uploads).toEqual(report.uploads);
    expect(await versions(world)).toEqual([]);
    await world.later(HOUR);
    expect((await world.reindexAndPrune()).uploads).toEqual({ deleted: 0, bytes: 0 });
  });

  it.each([true, false])(
    'stays when a client goes on with it at the last moment (versions: %s)',
    async (versioned) => {
      const world = new World({ versioned });
      world.registry.startUpload('app', uuid, utf8('abandoned'));
      world.clock.advance(8 * DAY);
      await world.reindex();
      const before = await versions(world);
      const resumed = once(isJournal, () => world.registry.continueUpload('app', uuid, 9));
      const report = await world.prune({}, hooked(world, { after: resumed }));
      expect(report).toMatchObject({ status: 'completed', uploads: { deleted: 0, bytes: 0 } });
      const startedat = before.find(({ key }) => key.endsWith('startedat'));
      expect(await versions(world)).toContainEqual(startedat);
      await world.later(HOUR);
      expect((await world.prune()).uploads).toEqual({ deleted: 0, bytes: 0 });
    },
  );
});

describe('what a finished upload leaves on a bucket with versions', () => {
  it.each(['online', 'offline'])('goes at once and is counted (%s)', async (mode) => {
    const world = new World();
    await finished(world);
    world.registry.startUpload('app', other, utf8('in flight'));
    await world.registry.continueUpload('app', other, 9);
    const inFlight = (await versions(world)).filter(({ key }) => key.includes(other));
    const bytes = (await bytesOf(world)) - inFlight.reduce((sum, { size }) => sum + size, 0);
    await world.reindex();
    const dry = await world.prune({ mode, dryRun: true });
    const report = await world.prune({ mode });
    expect(report).toMatchObject({ status: 'completed', uploads: { deleted: 1, bytes }, spaceReclaimed: 0 });
    expect(dry.uploads).toEqual(report.uploads);
    // Even its hash states under their markers.
    expect(await versions(world)).toEqual(inFlight);
    expect(await world.table.get(uploadKey('app', uuid))).toBeUndefined();
    const directory = uploadDirectory('app', uuid);
    expect(await world.journal()).toContainEqual(
      expect.objectContaining({
        action: 'delete-upload',
        reason: 'finished',
        repository: 'app',
        upload: uuid,
        keys: expect.arrayContaining([`${directory}data`, `${directory}startedat`]),
        size: bytes,
      }),
    );
    const again = await world.reindexAndPrune({ mode });
    expect(again.uploads).toEqual({ deleted: 0, bytes: 0 });
  });

  it('is nothing where there are no versions', async () => {
    const world = new World({ versioned: false });
    await finished(world);
    expect((await world.reindexAndPrune()).uploads).toEqual({ deleted: 0, bytes: 0 });
  });

  it('is deleted in requests of at most 1,000', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('layer'));
    for (let offset = 1; offset <= 700; offset++) await world.registry.continueUpload('app', uuid, offset);
    await world.registry.endUpload('app', uuid);
    await world.registry.push('app', image('app'), 'v1');
    await world.reindex();
    world.bucket.requests.clear();
    expect((await world.prune()).uploads.deleted).toBe(1);
    expect(world.bucket.requests.get('DeleteObjects')).toBe(2);
    expect(await versions(world)).toEqual([]);
  });

  it('stays queued as far as S3 refuses to delete it, and is counted once', async () => {
    const world = new World();
    await finished(world);
    const bytes = await bytesOf(world);
    const data = `${uploadDirectory('app', uuid)}data`;
    world.bucket.refusedDeletes.set(data, 'AccessDenied');
    const first = await world.reindexAndPrune();
    expect(first).toMatchObject({ status: 'partial', uploads: { deleted: 0 } });
    expect(first.refusals).toEqual([
      { code: 'failed', repository: 'app', message: expect.stringContaining(`${data}: AccessDenied`) },
    ]);
    expect(new Set((await versions(world)).map(({ key }) => key))).toEqual(new Set([data]));
    world.bucket.refusedDeletes.clear();
    const second = await world.reindexAndPrune();
    expect(second).toMatchObject({ status: 'completed', uploads: { deleted: 1 } });
    expect(first.uploads.bytes + second.uploads.bytes).toBe(bytes);
    expect(await versions(world)).toEqual([]);
  });

  it('stays when something of it turns out to be current, and when the request is not about it', async () => {
    const world = new World();
    await finished(world);
    await world.reindex();
    const before = await versions(world);
    expect((await world.prune({ repositories: ['web'] })).uploads.deleted).toBe(0);
    const written = once(isJournal, () => world.bucket.seed(`${uploadDirectory('app', uuid)}data`, 'new'));
    expect((await world.prune({}, hooked(world, { after: written }))).uploads.deleted).toBe(0);
    expect(await versions(world)).toHaveLength(before.length + 1);
  });

  it('is left to the next run when one that may delete nothing meets it', async () => {
    const world = new World();
    await finished(world);
    await world.reindex();
    world.clock.advance(HOUR);
    expect((await world.prune()).status).toBe('refused');
    await world.beat();
    expect((await world.prune()).uploads.deleted).toBe(1);
  });

  it.each(['before', 'after'] as const)('goes with the next run after a crash %s any call', async (when) => {
    const small = async () => {
      const world = new World();
      await finished(world);
      world.registry.startUpload('app', other, utf8('in flight'));
      await world.reindex();
      return world;
    };
    const killed = (world: World, crash: Crash): Partial<PruneDependencies> => ({
      table: crash.over(world.table),
      objects: (guard) => crash.over(world.dependencies.objects(guard)),
    });
    const whole = new Crash();
    const calm = await small();
    await calm.prune({}, killed(calm, whole));
    for (let at = 1; at <= whole.calls; at++) {
      const world = await small();
      await world.prune({}, killed(world, new Crash(at, when))).catch((error: unknown) => {
        expect(error).toBeInstanceOf(CrashError);
      });
      world.clock.advance(10 * MINUTE + SKEW + 1);
      await world.beat();
      expect((await world.prune()).status).toBe('completed');
      expect(await versions(world), `${when} call ${at}`).toHaveLength(3);
      expect(await world.table.get(uploadKey('app', uuid))).toBeUndefined();
    }
  });
});

describe('a multipart upload', () => {
  it('is aborted a week after it was begun, be it an upload or a move to a blob', async () => {
    const world = new World();
    const upload = `${uploadDirectory('app', uuid)}data`;
    const moving = dataKey(neverPushed('moving'));
    world.bucket.seedMultipart(upload, world.clock.date(), 100);
    world.bucket.seedMultipart(moving, world.clock.date(), 10);
    world.bucket.seedMultipart('somebody/elses', world.clock.date(), 1);
    world.clock.advance(7 * DAY - HOUR);
    world.bucket.seedMultipart(`${uploadDirectory('app', other)}data`, world.clock.date(), 1);
    await world.reindexAndPrune();
    expect(await multiparts(world)).toHaveLength(4);
    await world.later(HOUR);
    const report = await world.prune();
    expect(new Set(await multiparts(world))).toEqual(
      new Set(['somebody/elses', `${uploadDirectory('app', other)}data`]),
    );
    expect(report.uploads).toEqual({ deleted: 2, bytes: 110 });
    const aborted = (await world.journal()).filter(({ action }) => action === 'abort-multipart');
    expect(new Set(aborted.map(({ key }) => key))).toEqual(new Set([upload, moving]));
  });

  it('begun long ago stays while its upload is still written to', async () => {
    const world = new World();
    const key = `${uploadDirectory('app', uuid)}data`;
    world.bucket.seedMultipart(key, world.clock.date(), 100);
    world.clock.advance(8 * DAY);
    world.bucket.seed(`${uploadDirectory('app', uuid)}hashstates/sha256/5`, 'state');
    await world.reindexAndPrune();
    expect(await multiparts(world)).toEqual([key]);
  });

  it('begun long ago goes when its upload has ended', async () => {
    const world = new World();
    const key = `${uploadDirectory('app', uuid)}data`;
    world.bucket.seedMultipart(key, world.clock.date(), 100);
    world.clock.advance(8 * DAY);
    await finished(world);
    await world.reindex();
    const bytes = (await bytesOf(world)) + 100;
    expect((await world.prune()).uploads).toEqual({ deleted: 2, bytes });
    expect(await multiparts(world)).toEqual([]);
  });

  it('is left alone by a dry run', async () => {
    const world = new World();
    world.bucket.seedMultipart(`${uploadDirectory('app', uuid)}data`, world.clock.date(), 100);
    world.clock.advance(8 * DAY);
    const report = await world.reindexAndPrune({ dryRun: true });
    expect(report.uploads).toEqual({ deleted: 1, bytes: 100 });
    expect(await multiparts(world)).toHaveLength(1);
  });
});
