import { describe, expect, it } from 'vitest';
import { DAY, HOUR } from '../support/clock.ts';
import { neverPushed, utf8 } from '../support/images.ts';
import { dataKey, uploadDirectory } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const uuid = '0a1b2c3d-0000-4000-8000-000000000000';
const other = 'ffffffff-0000-4000-8000-000000000000';

const multiparts = async (world: World): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of world.bucket.multipartUploads('')) keys.push(key);
  return keys;
};

const uploads = async (world: World): Promise<string[]> =>
  [...(await world.keys()).keys()].filter((key) => key.includes('/_uploads/'));

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
    const report = await world.reindexAndPrune();
    expect(report).toMatchObject({ status: 'partial', uploads: { deleted: 0, bytes: 0 } });
    world.bucket.refusedDeletes.clear();
    expect(await world.reindexAndPrune()).toMatchObject({ status: 'completed', uploads: { deleted: 1 } });
  });

  it('of another repository stays when the request names one', async () => {
    const world = new World();
    world.registry.startUpload('app', uuid, utf8('abandoned'));
    world.clock.advance(8 * DAY);
    await world.reindexAndPrune({ repositories: ['web'] });
    expect(await uploads(world)).toHaveLength(3);
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

  it('is left alone by a dry run', async () => {
    const world = new World();
    world.bucket.seedMultipart(`${uploadDirectory('app', uuid)}data`, world.clock.date(), 100);
    world.clock.advance(8 * DAY);
    const report = await world.reindexAndPrune({ dryRun: true });
    expect(report.uploads).toEqual({ deleted: 1, bytes: 100 });
    expect(await multiparts(world)).toHaveLength(1);
  });
});
