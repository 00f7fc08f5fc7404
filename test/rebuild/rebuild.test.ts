import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import { next } from '../../lambdas/rebuild/next.ts';
import { runRebuild } from '../../lambdas/rebuild/run.ts';
import { workSlice } from '../../lambdas/rebuild/slice.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { image, index, malformed, referrer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { rebuild, rebuildContext, viewOf, WORK } from '../support/rebuilds.ts';
import { tagLinkKey } from '../support/registry-writer.ts';
import { World, type WorldOptions } from '../support/world.ts';

/** A dozen repositories with something of everything. */
async function registry(options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  for (let at = 0; at < 12; at++) {
    const [name, manifest] = [`team-${at % 3}/app-${at}`, image(`image ${at}`)];
    await world.registry.push(name, manifest, 'v1');
    await world.registry.push(name, index([manifest]), 'all');
    await world.registry.push(name, referrer(manifest.digest, `${at}`));
    if (at % 5 === 0) await world.registry.push(name, malformed(`${at}`), 'broken');
    world.clock.advance(MINUTE);
  }
  return world;
}

/** Before the rebuild, without events. */
async function change({ registry, bucket, clock }: World): Promise<void> {
  clock.advance(MINUTE);
  await registry.push('team-0/app-0', image('behind the table'), 'v2');
  await registry.deleteManifest('team-1/app-1', image('image 1').digest);
  await bucket.deleteMany([tagLinkKey('team-2/app-2', 'all')]);
}

/** While it runs, with events. */
async function changeMore({ registry, bucket, clock }: World): Promise<void> {
  clock.advance(MINUTE);
  await registry.push('team-0/app-0', image('late'), 'v1');
  await registry.push('new', image('image 3'), 'v1');
  await registry.deleteManifest('team-2/app-5', image('image 5').digest);
  await registry.deleteTag('team-1/app-4', 'v1');
  await bucket.deleteMany([tagLinkKey('team-2/app-8', 'all')]);
}

/** What a rebuild at one go makes of the same. */
async function expected(change: (world: World) => Promise<void> = async () => {}) {
  const world = await registry();
  await change(world);
  await world.reindex();
  return await viewOf(world);
}

/** All slices of the units of one phase, one step each. */
async function smallSlices(
  world: World,
  id: string,
  phase: string,
  units: readonly string[],
): Promise<number> {
  let slices = 0;
  for (const unit of units) {
    for (let done = false; !done; slices++) {
      const on = rebuildContext(world);
      ({ done } = await workSlice(on, { id, phase: phase as 'blobs', unit }, { until: world.clock.now() }));
    }
  }
  return slices;
}

const leftOf = async (world: World): Promise<string[]> =>
  (await world.bucket.list(WORK)).objects.map(({ key }) => key);

describe('a rebuild in units', () => {
  it('leaves no work behind, and counts as the heartbeat of its start', async () => {
    const world = await registry();
    const startedAt = world.clock.now();
    const { report } = await rebuild(world);
    expect(report.found).toMatchObject({ repositories: 12, manifests: 39, tags: 27 });
    expect(report.unreadable).toMatchObject({ count: 3 });
    expect(await leftOf(world)).toEqual([]);
    expect(await world.metadata.lastReindex()).toMatchObject({ startedAt });
    expect(await viewOf(world)).toEqual(await expected());
  });

  it('comes to an end and to the same however little time a slice has', async () => {
    const world = await registry();
    const slices: Record<string, number> = {};
    let step = await next(rebuildContext(world), {});
    while (!step.finished) {
      slices[step.phase] = await smallSlices(world, step.id, step.phase, step.units);
      step = await next(rebuildContext(world), { id: step.id });
    }
    // Each page of links, tags, manifests and each repository's uploads is a slice of its own.
    expect(slices['repositories']).toBeGreaterThanOrEqual(48);
    expect(step.report.found).toMatchObject({ repositories: 12, manifests: 39, tags: 27 });
    expect(await viewOf(world)).toEqual(await expected());
  });

  it('goes on where it was cut short: units that are done are not done again', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const startedAt = world.clock.now();
    let step = await next(on, {});
    while (!step.finished && step.phase !== 'repositories') {
      await smallSlices(world, step.id, step.phase, step.units);
      step = await next(on, { id: step.id });
    }
    const units = step.finished ? [] : step.units;
    const half = units.slice(0, units.length / 2);
    await smallSlices(world, step.id, 'repositories', half);
    world.clock.advance(HOUR);
    expect(await next(on, {})).toEqual({ ...step, units: units.slice(half.length) });
    const { report } = await runRebuild(on, {});
    expect(report.found).toMatchObject({ repositories: 12, manifests: 39, tags: 27 });
    expect(await viewOf(world)).toEqual(await expected());
    expect((await world.metadata.lastReindex())?.startedAt).toBe(startedAt);
  });

  it('does a slice again that was cut short anywhere, and comes to the same', async () => {
    const want = await expected();
    for (const at of [3, 60, 400]) {
      const world = await registry();
      let requests = 0;
      const bucket = intercept(world.bucket, {
        before: () => {
          if (++requests === at) throw new Error('killed');
        },
      });
      const on = rebuildContext(world, undefined, bucket);
      await expect(runRebuild(on, {}, { concurrency: 1 })).rejects.toThrow('killed');
      world.clock.advance(MINUTE);
      await runRebuild(on, {});
      expect(await viewOf(world)).toEqual(want);
    }
  });

  it.each(['survey', 'repositories', 'blobs', 'items', 'verification'])(
    'runs beside pushes and deletions, whose events come while it is at its %s',
    async (phase) => {
      const changed: string[] = [];
      const world = await registry({ onChange: (key) => changed.push(key) });
      await world.reindex();
      await change(world);
      let isLater = false;
      let step = await next(rebuildContext(world), {});
      while (!step.finished) {
        const [first = '', ...units] = step.units;
        await smallSlices(world, step.id, step.phase, [first]);
        // A push may bring a directory, and so another unit: a phase can come twice.
        if (step.phase === phase && !isLater) {
          isLater = true;
          changed.length = 0;
          await changeMore(world);
          for (const key of changed) await apply(world.index, world.layout.parse(key));
        }
        await smallSlices(world, step.id, step.phase, units);
        step = await next(rebuildContext(world), { id: step.id });
      }
      const want = await expected(async (other) => {
        await change(other);
        await changeMore(other);
      });
      expect(await viewOf(world)).toEqual(want);
    },
  );

  it.each(['survey', 'repositories', 'blobs', 'verification'])(
    'counts for nothing when its files are gone at its %s',
    async (gone) => {
      const world = await registry();
      const on = rebuildContext(world);
      let left = await next(on, {});
      while (!left.finished && left.phase !== gone) {
        await smallSlices(world, left.id, left.phase, left.units);
        left = await next(on, { id: left.id });
      }
      if (left.finished) throw new Error('there was nothing to do');
      const { id, phase, units } = left;
      await world.bucket.deleteMany(await leftOf(world));
      await expect(next(on, { id })).rejects.toThrow(/is gone/);
      const slice = { id, phase, unit: units[0] ?? '' };
      await expect(workSlice(on, slice, { until: 0 })).rejects.toThrow(/is gone/);
      expect(await world.metadata.lastReindex()).toBeUndefined();
      // From the beginning it comes to its end.
      await runRebuild(on, { restart: true });
      expect(await viewOf(world)).toEqual(await expected());
    },
  );

  it('does nothing of a phase that is over', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const survey = await next(on, {});
    if (survey.finished) throw new Error('there was nothing to do');
    const slice = { id: survey.id, phase: 'blobs', unit: '00' } as const;
    await expect(workSlice(on, slice, { until: 0 })).rejects.toThrow(/is at survey/);
  });

  it('leaves the files of one that goes on where it is not the one that is begun', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const first = await next(on, {});
    if (first.finished) throw new Error('there was nothing to do');
    let advanced = false;
    const table = intercept(world.table, {
      before: async ({ operation, arguments: [item] }) => {
        if (operation !== 'put' || advanced || !('inventoryFiles' in Object(item))) return;
        advanced = true;
        await smallSlices(world, first.id, 'survey', first.units);
        await next(on, { id: first.id });
      },
    });
    const late = {
      ...on,
      context: { ...on.context, metadata: new Metadata(table, world.dependencies.newId) },
    };
    await expect(next(late, { restart: true })).rejects.toThrow(/restart again/);
    await runRebuild(on, {});
    expect(await viewOf(world)).toEqual(await expected());
  });

  it('by one process is done in slices of an hour', async () => {
    const world = await registry();
    const saved: string[] = [];
    const table = intercept(world.table, {
      before: ({ operation, arguments: [item] }) => {
        const { sk } = Object(item) as { readonly sk?: string };
        if (operation === 'put' && sk?.startsWith('UNIT#')) saved.push(sk);
      },
    });
    const on = rebuildContext(world);
    const { context } = on;
    const now = () => {
      world.clock.advance(20_000);
      return world.clock.now();
    };
    const metadata = new Metadata(table, world.dependencies.newId);
    await runRebuild({ ...on, context: { ...context, metadata, now } }, {}, { concurrency: 1 });
    expect(saved.length).toBeGreaterThan(60);
    expect(new Set(saved).size).toBe(saved.length);
  });

  it('is gone on with a day after its last progress, however long ago it was begun', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const { id, ...survey } = await next(on, {});
    if (survey.finished) throw new Error('there was nothing to do');
    for (const unit of survey.units.slice(0, 3)) {
      world.clock.advance(DAY - MINUTE);
      await smallSlices(world, id, 'survey', [unit]);
    }
    world.clock.advance(DAY - MINUTE);
    expect((await next(on, {})).id).toBe(id);
    world.clock.advance(MINUTE);
    expect((await next(on, {})).id).not.toBe(id);
  });

  it('ends before its files expire, though it makes progress', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const { id, ...survey } = await next(on, {});
    if (survey.finished) throw new Error('there was nothing to do');
    const slice = { id, phase: survey.phase, unit: 'names' };
    world.clock.advance(13 * DAY - MINUTE);
    await smallSlices(world, id, 'survey', survey.units.slice(0, 1));
    world.clock.advance(MINUTE);
    const message = new RegExp(`${id} was begun at 20.*Z, and may take 13 days`);
    await expect(next(on, { id })).rejects.toThrow(message);
    await expect(workSlice(on, slice, { until: 0 })).rejects.toThrow(message);
    expect((await next(on, {})).id).not.toBe(id);
  });

  it('is begun anew when it is asked to, is too old, or the one before is done', async () => {
    const world = await registry();
    const on = rebuildContext(world);
    const first = await next(on, {});
    expect((await next(on, {})).id).toBe(first.id);
    const second = await next(on, { restart: true });
    expect(second.id).not.toBe(first.id);
    await expect(next(on, { id: first.id })).rejects.toThrow(/has given way/);
    const slice = { id: first.id, phase: 'survey', unit: 'names' } as const;
    await expect(workSlice(on, slice, { until: 0 })).rejects.toThrow(/has given way/);
    world.clock.advance(DAY + MINUTE);
    const third = await next(on, {});
    expect(third.id).not.toBe(second.id);
    await runRebuild(on, {});
    expect((await next(on, { id: third.id })).finished).toBe(true);
    expect((await next(on, {})).id).not.toBe(third.id);
  });
});
