import { describe, expect, it } from 'vitest';
import { apply } from '../../lambdas/index/apply.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import type { PruneEventDetail } from '../../lambdas/prune/event.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { EventNotPublishedError } from '../../lambdas/store/event-bus.ts';
import { heartbeatKey, lockKey, manifestKey, runsPk } from '../../lambdas/store/items.ts';
import { PruneAlreadyRunningError, SKEW } from '../../lambdas/store/lock.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { image, type Manifest } from '../support/images.ts';
import { Crash, CrashError, intercept, once } from '../support/intercept.ts';
import { dataKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { type Body, JOURNAL, World, type WorldOptions } from '../support/world.ts';

const offline: Body = { mode: 'offline' };

/** In each repository one tagged image and one untagged one. */
async function withGarbage(options: WorldOptions = {}, names: readonly string[] = ['app']) {
  const world = new World(options);
  const garbage = new Map<string, Manifest>();
  for (const name of names) {
    const manifest = image(`garbage of ${name}`);
    garbage.set(name, manifest);
    await world.registry.push(name, manifest);
    await world.registry.push(name, image(`kept in ${name}`), 'v1');
  }
  await world.reindex();
  await world.later();
  return { world, garbage };
}

const deletedOf = ({ imagesDeleted }: { imagesDeleted: readonly object[] }): Set<unknown> =>
  new Set(imagesDeleted.map((entry) => Reflect.get(entry, 'deleted')));

const codes = ({ refusals }: { refusals: readonly { code: string }[] }): string[] =>
  refusals.map(({ code }) => code);

const detailOf = (world: World): PruneEventDetail | undefined =>
  world.bus.events.at(-1)?.detail as PruneEventDetail | undefined;

describe('a run', () => {
  it('publishes one event with what it really reclaimed, and records itself', async () => {
    const { world } = await withGarbage();
    const report = await world.prune(offline);
    expect(world.bus.events).toHaveLength(1);
    expect(world.bus.events[0]).toMatchObject({ source: 'registry-prune', detailType: 'Registry Prune' });
    expect(detailOf(world)).toMatchObject({
      schemaVersion: '1.0',
      actor: { id: '', attributes: { reclaimed: String(report.spaceReclaimed) } },
      status: 'completed',
      reclaimedBytes: report.spaceReclaimed,
      manifestsDeleted: 1,
      journal: `s3://registry/${JOURNAL}${report.runId}/`,
    });
    expect(report.spaceReclaimed).toBeGreaterThan(0);
    const run = await world.table.get({ pk: runsPk, sk: report.runId });
    expect(run).toMatchObject({ status: 'completed', spaceReclaimed: report.spaceReclaimed });
    expect(await world.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
  });

  it('leaves nothing anywhere when it is dry: no lock, no run, no event, no journal', async () => {
    const { world } = await withGarbage();
    const [items, keys] = [await world.items(), await world.keys()];
    const report = await world.prune({ ...offline, dryRun: true });
    expect(report).toMatchObject({ dryRun: true, status: 'completed', manifests: { deleted: 1 } });
    expect(report).not.toHaveProperty('journal');
    expect(await world.items()).toEqual(items);
    expect(await world.keys()).toEqual(keys);
    expect((await world.bucket.list(JOURNAL)).objects).toEqual([]);
    expect(world.bus.events).toEqual([]);
  });

  it('is partial without its event, and everything else is done', async () => {
    const { world, garbage } = await withGarbage();
    const bus = { publish: () => Promise.reject(new EventNotPublishedError('throttled')) };
    const report = await world.prune(offline, { bus });
    expect(report.status).toBe('partial');
    expect(codes(report)).toEqual(['event-not-published']);
    expect(deletedOf(report)).toContain(garbage.get('app')?.digest);
    expect(await world.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
    expect(await world.table.get({ pk: runsPk, sk: report.runId })).toMatchObject({ status: 'partial' });
  });

  it('goes on where one that ran out of time has stopped', async () => {
    const { world, garbage } = await withGarbage({}, ['app', 'web']);
    const request = parsePruneRequest(offline, world.clock.date());
    const before = await world.keys();
    // Nearer than the time that is kept back for closing.
    const first = await prune(world.dependencies, request, [world.clock.now() + 10_000]);
    expect(first).toMatchObject({ status: 'partial', imagesDeleted: [] });
    expect(detailOf(world)).toMatchObject({ status: 'partial', reclaimedBytes: 0 });
    expect(await world.keys()).toEqual(before);
    const second = await world.prune(offline);
    expect(second.status).toBe('completed');
    for (const { digest } of garbage.values()) expect(deletedOf(second)).toContain(digest);
  });

  it('takes as many slices as it is given, each with a later lease', async () => {
    const { world } = await withGarbage({}, ['app', 'web', 'base']);
    const leases = new Set<unknown>();
    const start = world.clock.now();
    const request = parsePruneRequest(offline, world.clock.date());
    const table = intercept(world.table, {
      after: ({ operation, arguments: [key] }, item) => {
        if (operation === 'update' && key === lockKey) leases.add(Reflect.get(Object(item), 'expiresAt'));
        // Every look at a queue takes its time.
        if (operation === 'due') world.clock.advance(400);
      },
    });
    const minutes = Array.from({ length: 10 }, (_, at) => start + (at + 1) * MINUTE);
    const report = await prune({ ...world.dependencies, table }, request, minutes);
    expect(report.status).toBe('completed');
    expect(leases.has(start + MINUTE + SKEW)).toBe(true);
    expect(leases.has(start + 2 * MINUTE + SKEW)).toBe(true);
  });

  it('that is aborted ends as partial, with its event and without the lock', async () => {
    const { world } = await withGarbage();
    const abort = new AbortController();
    abort.abort();
    const report = await world.prune(offline, { signal: abort.signal });
    expect(report).toMatchObject({ status: 'partial', imagesDeleted: [] });
    expect(detailOf(world)?.status).toBe('partial');
    expect(await world.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
  });

  it('that fails on the way publishes its event, releases the lock and throws', async () => {
    const { world } = await withGarbage();
    const broken = new Error('the table is on fire');
    const table = intercept(world.table, {
      before: once(
        ({ operation }) => operation === 'write',
        () => {
          throw broken;
        },
      ),
    });
    await expect(world.prune(offline, { table })).rejects.toBe(broken);
    expect(detailOf(world)?.status).toBe('partial');
    expect(await world.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
  });

  it('signs nothing destructive after its deadline', async () => {
    const { world } = await withGarbage();
    const before = await world.keys();
    // The process is stopped for an hour right before its first deletion.
    const frozen: Partial<PruneDependencies> = {
      objects: (guard) =>
        intercept(world.dependencies.objects(guard), {
          before: once(
            ({ operation }) => operation === 'deleteMany',
            () => world.clock.advance(HOUR),
          ),
        }),
    };
    const report = await world.prune(offline, frozen);
    expect(report).toMatchObject({ status: 'partial', imagesDeleted: [], spaceReclaimed: 0 });
    expect(await world.keys()).toEqual(before);
  });
});

describe('two runs', () => {
  it('at once: one works, the other is told by whom and until when', async () => {
    const { world, garbage } = await withGarbage();
    const [one, two] = await Promise.allSettled([world.prune(offline), world.prune(offline)]);
    const outcomes = [one, two];
    const worked = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(worked.map(({ status }) => status)).toEqual(['completed']);
    expect(worked.flatMap((report) => [...deletedOf(report)])).toContain(garbage.get('app')?.digest);
    expect(refused).toEqual([expect.any(PruneAlreadyRunningError)]);
    expect(refused[0]).toMatchObject({ holder: { owner: 'test', runId: worked[0]?.runId } });
    expect(String(refused[0])).toContain('a prune operation is already running');
    expect(world.bus.events).toHaveLength(1);
  });

  it('do not keep a dry run from looking', async () => {
    const { world } = await withGarbage();
    const [one, dry] = await Promise.all([world.prune(offline), world.prune({ ...offline, dryRun: true })]);
    expect(one.status).toBe('completed');
    expect(dry.dryRun).toBe(true);
  });

  it('one after the other: the second waits for the lease of a crashed first to end', async () => {
    const { world } = await withGarbage();
    const crash = new Crash(20);
    const dying = { table: crash.over(world.table), bus: crash.over(world.bus) };
    await expect(world.prune(offline, dying)).rejects.toThrow(CrashError);
    await expect(world.prune(offline)).rejects.toThrow(PruneAlreadyRunningError);
    world.clock.advance(10 * MINUTE + SKEW + 1);
    await world.beat();
    expect(await world.prune(offline)).toMatchObject({ status: 'completed' });
  });
});

describe('a run is refused', () => {
  it.each([
    { why: 'the index lags', spoil: (world: World) => world.clock.advance(16 * MINUTE) },
    { why: 'there is no index', spoil: (world: World) => world.table.remove(heartbeatKey) },
  ])('when $why, also offline: it deletes nothing and says so', async ({ spoil }) => {
    const { world } = await withGarbage();
    await spoil(world);
    const before = await world.keys();
    for (const mode of ['online', 'offline']) {
      const report = await world.prune({ mode });
      expect(report).toMatchObject({ status: 'refused', imagesDeleted: [], spaceReclaimed: 0 });
      expect(codes(report)).toEqual(['stale-index']);
      expect(detailOf(world)).toMatchObject({ status: 'refused', reclaimedBytes: 0 });
    }
    expect(await world.keys()).toEqual(before);
  });

  it('but brings back to live what an earlier one left being deleted', async () => {
    const { world, garbage } = await withGarbage();
    const { digest } = garbage.get('app') ?? image('none');
    // It dies with the manifest taken and its link gone.
    let dead = false;
    const objects: PruneDependencies['objects'] = (guard) =>
      intercept(world.dependencies.objects(guard), {
        after: ({ operation }) => {
          if (operation === 'deleteMany') dead = true;
          if (dead) throw new CrashError('gone');
        },
      });
    await expect(world.prune({}, { objects })).rejects.toThrow(CrashError);
    expect(await world.metadata.manifest('app', digest)).toMatchObject({ state: 'deleting' });
    expect((await world.keys()).has(revisionKey('app', digest))).toBe(false);

    world.clock.advance(HOUR);
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'refused', imagesDeleted: [] });
    expect(await world.metadata.manifest('app', digest)).toMatchObject({ state: 'live' });
    expect((await world.keys()).has(revisionKey('app', digest))).toBe(true);
    expect((await world.items()).filter(({ state }) => state === 'deleting')).toEqual([]);
  });

  it('offline, when a push arrives in the index', async () => {
    const { world } = await withGarbage();
    const arriving = image('arriving');
    const table = intercept(world.table, {
      before: once(
        ({ operation }) => operation === 'due',
        async () => {
          world.clock.advance(1_000);
          await world.registry.push('app', arriving);
          await apply(world.index, { kind: 'revision', name: 'app', digest: arriving.digest });
        },
      ),
    });
    const report = await world.prune(offline, { table });
    expect(report.status).toBe('refused');
    expect(codes(report)).toContain('pushes-arriving');
    expect((await world.keys()).has(dataKey(arriving.digest))).toBe(true);
    expect(detailOf(world)?.status).toBe('refused');
  });
});

/** The index has seen everything up to now. */
async function inLine(world: World): Promise<void> {
  world.clock.advance(MINUTE);
  await world.reindex();
}

describe('a repository is skipped', () => {
  it.each([
    {
      why: 'an item has an unknown shape',
      spoil: async (world: World, { digest }: Manifest) => {
        await world.table.update(manifestKey('app', digest), { set: { layers: 'in another form' } });
      },
    },
    {
      why: "a tag's link holds no digest",
      spoil: async (world: World) => {
        world.bucket.seed(tagLinkKey('app', 'v1'), 'v1');
        await inLine(world);
      },
    },
    {
      why: "a manifest's bytes are others",
      spoil: async (world: World) => {
        const corrupt = image('corrupt');
        await world.registry.push('app', corrupt);
        world.bucket.seed(dataKey(corrupt.digest), 'others');
        await inLine(world);
      },
    },
  ])('when $why, and the others are not', async ({ spoil }) => {
    const { world, garbage } = await withGarbage({}, ['app', 'web']);
    await spoil(world, garbage.get('app') ?? image('none'));
    const before = await world.keys();
    const report = await world.prune(offline);
    expect(codes(report)).toContain('unreadable');
    expect(report.refusals.map(({ repository }) => repository)).toContain('app');
    const after = await world.keys();
    const gone = [...before.keys()].filter((key) => !after.has(key));
    expect(gone.filter((key) => key.includes('/repositories/app/'))).toEqual([]);
    expect(deletedOf(report)).not.toContain(garbage.get('app')?.digest);
    expect(deletedOf(report)).toContain(garbage.get('web')?.digest);
  });
});

describe('labels', () => {
  it.each(['__proto__', 'constructor', 'toString'])('may be called %s', async (name) => {
    const world = new World();
    const [labelled, plain] = [image('labelled', { labels: [[name, 'x']] }), image('plain', { labels: [] })];
    await world.registry.push('app', labelled);
    await world.registry.push('app', plain);
    await world.reindex();
    await world.later();
    const keep = await world.prune({ ...offline, filters: { 'label!': [name] } });
    expect(deletedOf(keep)).toContain(plain.digest);
    expect(deletedOf(keep)).not.toContain(labelled.digest);
    const only = await world.prune({ ...offline, filters: { label: [`${name}=x`] } });
    expect(deletedOf(only)).toContain(labelled.digest);
  });
});
