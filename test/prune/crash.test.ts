import { describe, expect, it, vi } from 'vitest';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { SKEW } from '../../lambdas/store/lock.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { cosignTag, digestOf, image, index, layer, referrer, signature } from '../support/images.ts';
import { type Call, Crash, CrashError, intercept } from '../support/intercept.ts';
import { dataKey, revisionKey } from '../support/registry-writer.ts';
import { PATIENCE, THOROUGH } from '../support/runs.ts';
import { type Body, World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

/**
 * Some calls on every day, each of them by PROPERTY_RUNS above 1. `test/protocol` crashes between any two steps of smaller
 * worlds; the second and third here share most of their steps with the first.
 */
const strides = THOROUGH ? { first: 1, other: 1 } : { first: 3, other: 7 };

/** A little of everything: a held image, and an untagged index with child, signature, referrer and a cycle. */
async function smallWorld(versioned: boolean): Promise<World> {
  const world = new World({ versioned });
  const { registry, clock } = world;
  const [base, own] = [layer('base'), layer('own')];
  const kept = image('kept', { layers: [base] });
  const child = image('child', { layers: [base, own] });
  const list = index([child], { subject: child.digest });
  const first = signature(list.digest, 'first');
  const signed = cosignTag(list.digest);
  await registry.push('app', kept, 'v1');
  await registry.push('app', child);
  await registry.push('app', list, 'v2');
  // By mistake, at first: the history of the tag that goes names an image that stays.
  registry.tag('app', kept.digest, signed);
  await registry.push('app', first, signed);
  await registry.push('app', referrer(list.digest, 'sbom'));
  await registry.push('other', child, 'mirror');
  registry.mount('other', await registry.upload('app', layer('stale')));
  clock.advance(MINUTE);
  // The tag moves on, and so does the signature's: histories name what they were before.
  await registry.push('app', kept, 'v2');
  await registry.push('app', signature(list.digest, 'second'), signed);
  clock.advance(HOUR);
  await world.reindex();
  return world;
}

/** @returns how many calls a run makes, and what it leaves. */
async function uninterrupted(versioned: boolean, body: Body) {
  const world = await smallWorld(versioned);
  const crash = new Crash();
  const report = await world.prune(body, killedBy(world, crash));
  expect(report.status).toBe('completed');
  return { calls: crash.calls, keys: await world.keys(), buried: await buried(world) };
}

/** The blobs that were deleted, with the bytes that were counted for each. */
async function buried(world: World): Promise<unknown[]> {
  const blobs = (await world.items()).filter(({ sk, state }) => sk === 'BLOB' && state === 'deleted');
  return blobs.map(({ pk, size }) => [pk, size]);
}

function killedBy(world: World, crash: Crash): Partial<PruneDependencies> {
  return {
    table: crash.over(world.table),
    objects: (guard) => crash.over(world.dependencies.objects(guard)),
    bus: crash.over(world.bus),
  };
}

describe.each([
  { versioned: true, filters: {}, rebuilt: false, stride: strides.first },
  { versioned: false, filters: {}, rebuilt: true, stride: strides.other },
  { versioned: true, filters: { dangling: ['false'], until: ['1h'] }, rebuilt: true, stride: strides.other },
])(
  'a crash in an offline prune (versioned $versioned, filters $filters, rebuilt $rebuilt)',
  ({ versioned, filters, rebuilt, stride }) => {
    it.each(['before', 'after'] as const)('is made good by the next run, %s whichever call', async (when) => {
      const body = { mode: 'offline', filters };
      const whole = await uninterrupted(versioned, body);
      expect(whole.calls).toBeGreaterThan(100);
      for (let at = 1; at <= whole.calls; at += stride) {
        const world = await smallWorld(versioned);
        const crash = new Crash(at, when);
        // The last calls release the lock; whether the report is still heard of does not matter.
        await world.prune(body, killedBy(world, crash)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(CrashError);
        });
        expect(crash.happened).toBe(true);

        world.clock.advance(10 * MINUTE + SKEW + 1);
        if (rebuilt) await world.reindex();
        else await world.beat();
        const report = await world.prune(body);
        const place = `${when} call ${at} of ${whole.calls}`;
        expect(report.status, place).toBe('completed');
        expect([...(await world.keys()).keys()], place).toEqual([...whole.keys.keys()]);
        const rest = (await world.items()).filter(
          ({ state }) => state === 'deleting' || state === 'condemned',
        );
        expect(rest, place).toEqual([]);
        expect(await buried(world), place).toEqual(whole.buried);
      }
    });
  },
);

/** An offline run whose process ends when it has deleted links: their manifests are `deleting`. */
async function dieAtFirstDeletion(world: World): Promise<void> {
  const objects = (guard: () => void) =>
    intercept(world.dependencies.objects(guard), {
      after: ({ operation }) => {
        if (operation === 'deleteMany') throw new CrashError('the process is gone');
      },
    });
  await expect(world.prune({ mode: 'offline' }, { objects })).rejects.toThrow(CrashError);
}

describe('an offline run after a crash', () => {
  it('does not take a link that it has put back itself for a push', async () => {
    const world = new World();
    const { registry, clock } = world;
    const child = image('child', { layers: [layer('own')] });
    const list = index([child]);
    await registry.push('app', child);
    await registry.push('app', list, 'v1');
    clock.advance(MINUTE);
    await registry.push('app', image('kept'), 'v1');
    clock.advance(HOUR);
    await world.reindex();
    await dieAtFirstDeletion(world);
    clock.advance(HOUR);
    await world.reindex();

    // While the next run finishes them, one is marked to be kept, so that it gives both back, whole.
    let marked = false;
    const marking = intercept(world.table, {
      before: async ({ operation, arguments: [key, change] }) => {
        const { sk = '' } = Object(key);
        if (marked || operation !== 'update' || !sk.startsWith('MANIFEST#')) return;
        if (Object(change).set?.state !== 'deleted') return;
        marked = true;
        clock.advance(MINUTE);
        await world.table.update(Object(key), { set: { rescue: true }, add: { version: 1 } });
      },
    });
    const report = await world.prune({ mode: 'offline' }, { table: marking });
    expect(marked).toBe(true);
    expect(report).toMatchObject({ status: 'completed', refusals: [] });
    const left = [...(await world.keys()).keys()].filter((key) => key.includes('/revisions/'));
    expect(left).toHaveLength(1);
  });

  it('comes back to what one of its workers gave back while another one finished what held it', async () => {
    const world = new World({ settings: { grace: 0, quarantine: 0 } });
    const { registry, clock } = world;
    const kept = image('kept');
    // Taken in the order of digests: the child must be given back because the index cannot be taken.
    const lists = Array.from({ length: 64 }, (_, at) => {
      const child = image(`child ${at}`);
      return { child, list: index([child]) };
    });
    const first = lists.find(({ child, list }) => child.digest < list.digest);
    if (first === undefined) throw new Error('no child comes before its index');
    const { child, list } = first;
    await registry.push('app', child);
    await registry.push('app', list, 'v1');
    clock.advance(MINUTE);
    await registry.push('app', kept, 'v1');
    clock.advance(HOUR);
    await world.reindex();
    await dieAtFirstDeletion(world);
    clock.advance(HOUR);
    await world.beat();

    // One has seen the index `deleting` and comes to take the child; the other finishes the index meanwhile.
    const [arrived, finished] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const change = ({ operation, arguments: [key, change] }: Call, digest: string) =>
      operation === 'update' && Object(key).sk === `MANIFEST#${digest}`
        ? Object(change).set?.state
        : undefined;
    const sideBySide = intercept(world.table, {
      before: async (call) => {
        if (change(call, list.digest) === 'deleting') await arrived.promise;
        if (change(call, child.digest) !== 'deleting') return;
        arrived.resolve();
        await finished.promise;
      },
      after: (call) => {
        if (change(call, list.digest) === 'deleted') finished.resolve();
      },
    });
    const report = await world.prune({ mode: 'offline' }, { table: sideBySide });
    expect(report.status).toBe('completed');
    const revisions = [...(await world.keys()).keys()].filter((key) => key.includes('/revisions/'));
    expect(revisions).toEqual([revisionKey('app', kept.digest)]);
    const left = [...(await world.keys()).keys()].filter((key) => key.endsWith('/data'));
    expect(new Set(left)).toEqual(new Set([kept.digest, ...kept.blobs.map(digestOf)].map(dataKey)));
  });
});
