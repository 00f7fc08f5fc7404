import { beforeEach, describe, expect, it } from 'vitest';
import { next } from '../../lambdas/rebuild/next.ts';
import { runRebuild } from '../../lambdas/rebuild/run.ts';
import { workSlice } from '../../lambdas/rebuild/slice.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { digestOf, image, index, layer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { PLACE, rowsOf, writeInventory } from '../support/inventories.ts';
import { rebuildContext, viewOf } from '../support/rebuilds.ts';
import { dataKey, layerKey, ROOT } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const request = { inventory: PLACE };
let inventories: MemoryBucket;

beforeEach(() => {
  inventories = new MemoryBucket();
});

async function registry(): Promise<World> {
  const world = new World();
  for (let at = 0; at < 8; at++) {
    const manifest = image(`image ${at}`);
    await world.registry.push(`team/app-${at % 4}`, manifest, `v${at}`);
    await world.registry.push(`team/app-${at % 4}`, index([manifest]));
  }
  await world.registry.upload('team/app-0', layer('of nobody'));
  world.bucket.seed(`${ROOT}repositories/Bad__/_layers/x y/link`, 'strange');
  world.bucket.seed('elsewhere/key', 'not of the registry');
  // Versions that are not current, and a marker.
  await world.bucket.deleteMany([layerKey('team/app-1', digestOf(layer('1')))]);
  await world.registry.push('team/app-2', image('image 2'), 'v2');
  world.clock.advance(HOUR);
  return world;
}

async function expected(change: (world: World) => Promise<void> = async () => {}) {
  const world = await registry();
  await change(world);
  await world.reindex();
  return await viewOf(world);
}

const listings = (world: World): number => world.bucket.requests.get('ListObjectsV2') ?? 0;

describe('a rebuild from an inventory', () => {
  it.each(['CSV', 'Parquet'] as const)('of %s comes to the same as one from listings', async (format) => {
    const world = await registry();
    const createdAt = world.clock.date();
    await writeInventory(inventories, await rowsOf(world.bucket), { format, createdAt });
    world.clock.advance(MINUTE);
    const { report } = await runRebuild(rebuildContext(world, inventories), request);
    expect(await viewOf(world)).toEqual(await expected());
    const listed = await registry();
    const other = await runRebuild(rebuildContext(listed), {});
    expect(report).toEqual(other.report);
    // What came after the inventory may be missing.
    expect(await world.metadata.lastReindex()).toMatchObject({ startedAt: createdAt.getTime() });
  });

  it.each([
    ['repositories alone', `${ROOT}repositories/`],
    ['blobs alone', `${ROOT}blobs/`],
    ['one repository', `${ROOT}repositories/team/app-1/`],
    ['nothing of it', 'elsewhere/'],
  ])('that covers %s lists the rest', async (_, prefix) => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date() } as const;
    await writeInventory(inventories, await rowsOf(world.bucket, prefix), options);
    await runRebuild(rebuildContext(world, inventories), request);
    expect(await viewOf(world)).toEqual(await expected());
  });

  it('takes what was pushed after it, and passes over what has gone since', async () => {
    const change = async ({ registry, bucket, clock }: World) => {
      clock.advance(HOUR);
      await registry.push('team/app-0', image('late'), 'v0');
      await registry.push('new', image('image 1'), 'latest');
      await registry.deleteManifest('team/app-3', image('image 3').digest);
      await bucket.deleteMany([dataKey(digestOf(layer('of nobody')))]);
      await bucket.deleteMany([layerKey('team/app-0', digestOf(layer('of nobody')))]);
    };
    const world = await registry();
    const options = { format: 'Parquet', createdAt: world.clock.date() } as const;
    await writeInventory(inventories, await rowsOf(world.bucket), options);
    await change(world);
    await runRebuild(rebuildContext(world, inventories), request);
    expect(await viewOf(world)).toEqual(await expected(change));
  });

  it('goes on within a file that no slice has time for', async () => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date(), files: 1 } as const;
    await writeInventory(inventories, await rowsOf(world.bucket), options);
    const on = rebuildContext(world, inventories);
    let slices = 0;
    let step = await next(on, request);
    const { id } = step;
    while (!step.finished) {
      for (const unit of step.units) {
        for (let done = false; !done; slices++)
          ({ done } = await workSlice(on, { id, phase: step.phase, unit }, { until: 0 }));
      }
      step = await next(on, { id });
    }
    expect(slices).toBeGreaterThan(60);
    expect(await viewOf(world)).toEqual(await expected());
  });

  it('spares the listings of links and blobs', async () => {
    const count = async (inventory: boolean): Promise<number> => {
      const world = await registry();
      for (let at = 0; at < 1200; at++)
        world.bucket.seed(
          layerKey('team/app-0', digestOf(layer(`many ${at}`))),
          digestOf(layer(`many ${at}`)),
        );
      const options = { format: 'CSV', createdAt: world.clock.date() } as const;
      await writeInventory(inventories, await rowsOf(world.bucket), options);
      const before = listings(world);
      await runRebuild(rebuildContext(world, inventories), inventory ? request : {});
      return listings(world) - before;
    };
    expect(await count(true)).toBeLessThan(await count(false));
  });

  it.each([
    ['another bucket', { sourceBucket: 'other' }, /of the bucket other: allowed is one of registry/],
    ['no bucket that has one', undefined, /there is no s3:/],
  ])('of %s is refused before anything is begun', async (_, changes, message) => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date() } as const;
    if (changes !== undefined)
      await writeInventory(inventories, await rowsOf(world.bucket), { ...options, ...changes });
    const before = await world.items();
    await expect(next(rebuildContext(world, inventories), request)).rejects.toThrow(message);
    expect(await world.items()).toEqual(before);
  });

  it.each([
    ['AccessDenied', [], /manifest.json cannot be read \(AccessDenied: .*allowed is an object .* may read/],
    ['InternalError', [], /^of the test$/],
    ['any', ['other'], /inventory: got s3:.*: allowed is one in other/],
    [
      'any',
      [],
      /inventory: got s3:.*: allowed is none, since the stack was deployed without inventoryBucket/,
    ],
  ])('is refused for good where it cannot be read: %s, %j', async (error, buckets, message) => {
    const denied = intercept(inventories, {
      before: () => {
        throw Object.assign(new Error('of the test'), { name: error });
      },
    });
    const context = rebuildContext(await registry(), denied);
    const on = error === 'any' ? { ...context, inventoryBuckets: buckets } : context;
    const refused = next(on, request);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({
      name: error === 'InternalError' ? 'InternalError' : 'InventoryError',
    });
  });

  it('in the bucket that is allowed is read', async () => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date() } as const;
    await writeInventory(inventories, await rowsOf(world.bucket), options);
    const on = { ...rebuildContext(world, inventories), inventoryBuckets: ['inventories'] };
    expect((await next(on, request)).finished).toBe(false);
  });

  it('of a manifest that is too large is refused for good', async () => {
    inventories.seed('registry/daily/2026-03-01T00-00Z/manifest.json', new Uint8Array(16 * 1024 * 1024 + 1));
    const refused = next(rebuildContext(await registry(), inventories), request);
    await expect(refused).rejects.toThrow(
      /ObjectTooLargeError.*allowed is an object of at most 16777216 bytes/,
    );
    await expect(refused).rejects.toMatchObject({ name: 'InventoryError' });
  });

  it('of very many files is divided in portions that a state machine can pass on', async () => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date(), files: 2100 } as const;
    await writeInventory(inventories, await rowsOf(world.bucket), options);
    const on = rebuildContext(world, inventories);
    const first = await next(on, request);
    if (first.finished) throw new Error('there was nothing to do');
    expect(first.units).toHaveLength(2000);
    const [unit = ''] = first.units;
    await workSlice(on, { id: first.id, phase: 'survey', unit }, { until: Number.POSITIVE_INFINITY });
    // Those that are left come when some are done.
    const units = [...first.units.slice(1), 'inventory-1983'];
    expect(await next(on, request)).toEqual({ ...first, units });
  });

  it.each([
    ['Parquet', 256],
    ['CSV', 512],
  ] as const)(
    'whose files of %s the function has no memory for is refused for good',
    async (format, most) => {
      const world = await registry();
      await writeInventory(inventories, await rowsOf(world.bucket), {
        format,
        createdAt: world.clock.date(),
      });
      const [file] = (await inventories.list('registry/daily/data/')).objects;
      const bytes = most * 1024 * 1024;
      inventories.seedSized(file?.key ?? '', bytes + 1);
      const refused = runRebuild(rebuildContext(world, inventories), request);
      await expect(refused).rejects.toThrow(`allowed is an object of at most ${bytes} bytes`);
      await expect(refused).rejects.toMatchObject({ name: 'InventoryError' });
    },
  );

  it('whose files are not those of its manifest is refused', async () => {
    const world = await registry();
    const options = { format: 'CSV', createdAt: world.clock.date() } as const;
    await writeInventory(inventories, await rowsOf(world.bucket), options);
    const [file] = (await inventories.list('registry/daily/data/')).objects;
    inventories.seed(file?.key ?? '', 'other bytes');
    const on = rebuildContext(world, inventories);
    await expect(runRebuild(on, request)).rejects.toThrow(/has the checksum [0-9a-f]{32}: its manifest says/);
    expect(await world.metadata.lastReindex()).toBeUndefined();
    await inventories.deleteMany([file?.key ?? '']);
    await expect(runRebuild(on, request)).rejects.toThrow(/there is no s3:.*data/);
  });
});
