import { describe, expect, it } from 'vitest';
import { shareOf } from '../../lambdas/distributed/shared.ts';
import { RunningBrake } from '../../lambdas/prune/brake.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import type { Course } from '../../lambdas/store/run-parts.ts';
import { image } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { World } from '../support/world.ts';

const course = (world: World): Course => ({
  ...{ runId: 'run', version: 1, owner: 'execution x', request: '{}', requestedAt: 0, startedAt: 0 },
  ...{ refused: false, mayDelete: true, recoverable: true, reindexedAt: 0 },
  ...{ cascades: false, walks: false, fence: 1, phase: 'manifests', pass: 1, lanes: [['0'], ['1']] },
  ...{ expireAt: Math.ceil(world.clock.now() / 1000) + 60, pace: 100 },
});

const pair = (world: World) =>
  ['one', 'two'].map((slice) => shareOf(world.dependencies, course(world), slice)) as [Share, Share];
type Share = ReturnType<typeof shareOf>;

describe('two workers', () => {
  it('count together', async () => {
    const [one, two] = pair(new World());
    expect(await one.counters.add('bytes', 5)).toBe(5);
    expect(await two.counters.add('bytes', 3)).toBe(8);
    expect(await one.counters.add('bytes', -5)).toBe(3);
    expect(await two.counters.add('manifests app', 1)).toBe(1);
  });

  it('add what many count at a moment in few requests, and lose none of it', async () => {
    const world = new World();
    let updates = 0;
    const table = intercept(world.table, {
      before: ({ operation }) => {
        if (operation === 'update') updates++;
      },
    });
    const { counters } = shareOf({ ...world.dependencies, table }, course(world), 'one');
    const totals = await Promise.all(Array.from({ length: 200 }, () => counters.add('bytes', 1)));
    expect(Math.max(...totals)).toBe(200);
    expect(updates).toBeLessThan(10);
  });

  /** The brakes of so many workers, over a bucket of some images, half of which may go; with the bytes of its data. */
  async function braked(workers: number) {
    const world = new World();
    for (let at = 0; at < 4; at++) await world.registry.push('app', image(`${at}`));
    await world.reindex();
    const settings = { manifestShare: 0.5, byteShare: 0.5, manifestFloor: 0, byteFloor: 0 };
    const request = parsePruneRequest({}, world.clock.date());
    const brakes = Array.from({ length: workers }, (_, at) => {
      const { counters } = shareOf(world.dependencies, course(world), `${at}`);
      return new RunningBrake(world.index, settings, request, { runId: 'run', counters });
    });
    const data = [...(await world.keys())].filter(([key]) => key.includes('/blobs/'));
    return { brakes, size: data.reduce((sum, [, bytes]) => sum + bytes, 0) };
  }

  it('are braked by what both have taken', async () => {
    const {
      brakes: [one, two],
      size,
    } = await braked(2);
    expect(await one?.takeManifests('app', 2)).toBeUndefined();
    // Whoever has given some back takes them again; nobody else does.
    one?.giveBackManifests('app', 1);
    expect(await one?.takeManifests('app', 1)).toBeUndefined();
    expect(await two?.takeManifests('app', 1)).toMatchObject({ code: 'blast-radius', repository: 'app' });
    expect(await one?.takeBytes(Math.floor(size / 2), () => 0)).toBeUndefined();
    expect(await two?.takeBytes(size, () => 0)).toMatchObject({ code: 'blast-radius' });
  });

  it('are braked by what all have taken before any of it is gone', async () => {
    const { brakes, size } = await braked(16);
    const part = Math.floor(size / 16);
    let taken = 0;
    for (const brake of brakes) if ((await brake.takeBytes(part, () => 0)) === undefined) taken += part;
    expect(taken).toBe(8 * part);
  });

  it('know of links that the other has written back', async () => {
    const [one, two] = pair(new World());
    expect(await two.relinked.get('app@sha256:1')).toBeUndefined();
    await one.relinked.set('app@sha256:1', 7);
    expect(await two.relinked.get('app@sha256:1')).toBe(7);
  });

  it('know of what the other could not read', async () => {
    const [one, two] = pair(new World());
    one.obstacles.add('app', 'a shape not known');
    expect(await one.obstacles.of('app')).toBe('a shape not known');
    await two.exchangeObstacles();
    expect(await two.obstacles.of('app')).toBeUndefined();
    await one.exchangeObstacles();
    await two.exchangeObstacles();
    expect(await two.obstacles.of('app')).toBe('a shape not known');
  });

  it('divide the pace', () => {
    expect(pair(new World()).map(({ pace }) => pace)).toEqual([50, 50]);
  });
});
