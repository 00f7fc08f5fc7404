import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { type Next, next } from '../../lambdas/rebuild/next.ts';
import { parseRebuildRequest, parseSliceRequest } from '../../lambdas/rebuild/request.ts';
import { workSlice } from '../../lambdas/rebuild/slice.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { HOUR } from '../support/clock.ts';
import { image } from '../support/images.ts';
import { PLACE, rowsOf, writeInventory } from '../support/inventories.ts';
import { rebuildContext, viewOf } from '../support/rebuilds.ts';
import {
  definitionOf,
  type LocalFunction,
  type MachineEnd,
  runStateMachine,
} from '../support/state-machine.ts';
import { World } from '../support/world.ts';
import { templateOf } from './temporary-app.ts';

const MACHINE = 'ReindexWorkflow';
/** Made once, since that takes longer than an execution. */
let made: Template | undefined;

async function registry(): Promise<World> {
  const world = new World();
  for (let at = 0; at < 6; at++) await world.registry.push(`team/app-${at}`, image(`image ${at}`), 'v1');
  world.clock.advance(HOUR);
  return world;
}

const named = (name: string): Error => Object.assign(new Error('of the test'), { name });

interface Machine {
  readonly world: World;
  readonly inventories: MemoryBucket;
  /** Called before each slice; what it throws is the function's error. */
  readonly beforeSlice: (unit: string) => void;
}

/** The machine of the template, over the functions' own code. Each slice has time for one step. */
async function execute(
  { world, inventories, beforeSlice }: Machine,
  input: object = {},
): Promise<MachineEnd> {
  const on = rebuildContext(world, inventories);
  const slice: LocalFunction = async (payload) => {
    const request = parseSliceRequest(payload);
    beforeSlice(request.unit);
    return await workSlice(on, request, { until: world.clock.now() });
  };
  const say: LocalFunction = async (payload): Promise<Next> => await next(on, parseRebuildRequest(payload));
  made ??= templateOf({ bucketName: 'my-registry' });
  return await runStateMachine({
    ...{ template: made, machine: MACHINE, functions: { ReindexNext: say, ReindexSlice: slice }, input },
  });
}

const machine = async (parts: Partial<Machine> = {}): Promise<Machine> => ({
  ...{ world: await registry(), inventories: new MemoryBucket(), beforeSlice: () => {} },
  ...parts,
});

async function expectRebuilt(world: World): Promise<void> {
  const single = await registry();
  await single.reindex();
  expect(await viewOf(world)).toEqual(await viewOf(single));
}

describe('the state machine', () => {
  test('rebuilds the index, slice by slice, phase after phase', async () => {
    const parts = await machine();
    const end = await execute(parts);
    expect(end).toMatchObject({ status: 'SUCCEEDED', retried: [] });
    expect(end).toMatchObject({
      output: { finished: true, report: { found: { repositories: 6, manifests: 6 } } },
    });
    // Once for each phase; a slice has time for one step alone.
    expect(end.entered.filter((state) => state === 'Units')).toHaveLength(5);
    const slices = end.entered.filter((state) => state === 'Slice').length;
    expect(slices).toBeGreaterThan(end.entered.filter((state) => state === 'Unit done').length);
    await expectRebuilt(parts.world);
  });

  test('does a slice again whose function was killed, as often as it takes', async () => {
    const failures = new Map([['names', 3]]);
    const parts = await machine({
      beforeSlice: (unit) => {
        const left = failures.get(unit) ?? 1;
        failures.set(unit, left - 1);
        if (left > 0) throw named('Sandbox.Timedout');
      },
    });
    const end = await execute(parts);
    expect(end.status).toBe('SUCCEEDED');
    expect(end.retried.length).toBeGreaterThan(20);
    await expectRebuilt(parts.world);
  });

  test('fails with the error that stays, and another execution goes on', async () => {
    const parts = await machine();
    const { world } = parts;
    const started = world.clock.now();
    const failing = (unit: string) => {
      if (unit.startsWith('blobs-')) throw named('InternalError');
    };
    const end = await execute({ ...parts, beforeSlice: failing });
    expect(end).toMatchObject({
      status: 'FAILED',
      error: 'InternalError',
      cause: expect.stringContaining('of the test'),
    });
    expect(await world.metadata.lastReindex()).toBeUndefined();
    world.clock.advance(HOUR);
    const units: string[] = [];
    const again = await execute({ ...parts, beforeSlice: (unit) => units.push(unit) });
    expect(again).toMatchObject({ status: 'SUCCEEDED', output: { report: { found: { repositories: 6 } } } });
    // What was done before is not done again; the blobs are, then the table, and what is left of it.
    expect(units.filter((unit) => unit === 'names')).toEqual([]);
    expect(units[0]).toMatch(/^blobs-/);
    expect((await world.metadata.lastReindex())?.startedAt).toBe(started);
    await expectRebuilt(world);
  });

  test('begins with an inventory, and is over at once where there is none', async () => {
    const parts = await machine();
    const missing = await execute(parts, { inventory: PLACE });
    expect(missing).toMatchObject({ status: 'FAILED', error: 'InventoryError', retried: [] });
    const options = { format: 'Parquet', createdAt: parts.world.clock.date() } as const;
    await writeInventory(parts.inventories, await rowsOf(parts.world.bucket), options);
    expect(await execute(parts, { inventory: PLACE })).toMatchObject({ status: 'SUCCEEDED' });
    await expectRebuilt(parts.world);
  });

  test.each([
    [{ inventry: 'x' }, 'InvalidRebuildError', /inventry: got .*allowed/],
    [{ restart: 'yes' }, 'InvalidRebuildError', /restart: got .*yes.*allowed is boolean/],
    [{ inventory: 'x' }, 'InventoryError', /allowed is one such as s3:/],
  ])('refuses %j', async (input, error, message) => {
    const end = await execute(await machine(), input);
    expect(end).toMatchObject({
      status: 'FAILED',
      error,
      cause: expect.stringMatching(message),
      retried: [],
    });
  });
});

describe('its settings', () => {
  test.each([
    [undefined, 16],
    [4, 4],
  ])('%s workers', (reindexWorkers, concurrency) => {
    const template = templateOf(reindexWorkers === undefined ? {} : { reindexWorkers });
    expect(definitionOf(template, MACHINE).States['Units']).toMatchObject({ MaxConcurrency: concurrency });
  });

  test('an execution ends before the files of a rebuild expire', () => {
    const template = templateOf();
    const { TimeoutSeconds } = definitionOf(template, MACHINE) as { readonly TimeoutSeconds?: number };
    const [bucket] = Object.values(template.findResources('AWS::S3::Bucket'));
    const rules: { Id: string; ExpirationInDays: number }[] =
      bucket?.['Properties'].LifecycleConfiguration.Rules;
    const days = rules.find(({ Id }) => Id === 'rebuilds')?.ExpirationInDays ?? 0;
    expect(TimeoutSeconds).toBe((days - 1) * 86_400);
  });

  test.each([0, 41, 1.5])('%s workers cannot be', (reindexWorkers) => {
    expect(() => templateOf({ reindexWorkers })).toThrow(
      `reindexWorkers is out of range: got ${reindexWorkers}`,
    );
  });

  test.each([
    ['a pattern', 'my-*'],
    ['every bucket', '*'],
    ['an ARN', 'arn:aws:s3:::my-inventories'],
    ['a URL', 's3://my-inventories'],
    ['an address', '192.168.0.1'],
    ['two dots', 'my..inventories'],
    ['an alias', 'my-inventories-s3alias'],
  ])('%s is no bucket of inventories', (_, inventoryBucket) => {
    expect(() => templateOf({ inventoryBucket })).toThrow(
      `inventoryBucket cannot be ${JSON.stringify(inventoryBucket)}: allowed are names of buckets`,
    );
  });

  test('inventories are read where they are said to be, and nowhere else', () => {
    const reads = (template = templateOf({ bucketName: 'my-registry' })) =>
      JSON.stringify(template.findResources('AWS::IAM::Policy')).includes('s3:::my-inventories/*');
    const told = (template: Template) =>
      Object.entries(template.findResources('AWS::Lambda::Function')).find(([id]) =>
        id.startsWith('ReindexNext'),
      )?.[1]['Properties'].Environment.Variables.INVENTORY_BUCKET;
    const without = templateOf({ bucketName: 'my-registry' });
    expect([reads(without), told(without)]).toEqual([false, undefined]);
    const having = templateOf({ bucketName: 'my-registry', inventoryBucket: 'my-inventories' });
    expect([reads(having), told(having)]).toEqual([true, 'my-inventories']);
  });
});
