/** What a prune makes of pulls: it shows them, and is not misled by them. */
import { describe, expect, it } from 'vitest';
import { PullRecorder } from '../../lambdas/notifications/pulls.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { manifestKey, tagKey } from '../../lambdas/store/items.ts';
import { Metadata } from '../../lambdas/store/metadata.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { comparable } from '../support/comparable.ts';
import { type Digest, image } from '../support/images.ts';
import { type Call, type Hooks, intercept, once } from '../support/intercept.ts';
import { revisionKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const old = image('old');
const current = image('current');
const everything = { filters: { dangling: ['false'] } };

async function pull(world: World, digest: Digest, tag?: string): Promise<string> {
  const at = world.clock.now();
  const recorder = new PullRecorder(new Metadata(world.table, world.newId));
  await recorder.record([{ repository: 'app', digest, at, ...(tag === undefined ? {} : { tag }) }]);
  return new Date(at).toISOString();
}

/** `v1` has moved on; what it was and what it is were pulled, at different times. */
async function withPulls() {
  const world = new World();
  await world.registry.push('app', old, 'v1');
  await world.reindex();
  world.clock.advance(HOUR);
  const oldPulled = await pull(world, old.digest);
  await world.registry.push('app', current, 'v1');
  await world.reindex();
  world.clock.advance(HOUR);
  const currentPulled = await pull(world, current.digest, 'v1');
  world.clock.advance(HOUR);
  await pull(world, current.digest);
  await world.later();
  return { world, oldPulled, currentPulled };
}

const onTable = (world: World, hooks: Hooks): Partial<PruneDependencies> => ({
  table: intercept(world.table, hooks),
});

const isTransitionTo = (state: string) => (call: Call) =>
  call.operation === 'update' &&
  Reflect.get(Object(Reflect.get(Object(call.arguments[1]), 'set')), 'state') === state;

describe('report and journal', () => {
  it('show when a manifest and a tag were last pulled', async () => {
    const { world, oldPulled, currentPulled } = await withPulls();
    const foretold = await world.prune({ ...everything, dryRun: true });
    const report = await world.prune(everything);
    const again = new Date(Date.parse(currentPulled) + HOUR).toISOString();
    expect(new Set(report.imagesDeleted)).toEqual(
      new Set([
        { deleted: old.digest, lastPulledAt: oldPulled },
        { untagged: 'app:v1', lastPulledAt: currentPulled },
        { deleted: current.digest, lastPulledAt: again },
      ]),
    );
    expect(comparable(foretold)).toEqual(comparable(report));

    const lines = await world.journal();
    const shown = lines.map(({ action, digest, tag, lastPulledAt }) => [action, tag ?? digest, lastPulledAt]);
    expect(new Set(shown)).toEqual(
      new Set([
        ['delete-manifest', old.digest, oldPulled],
        ['untag', 'v1', currentPulled],
        ['delete-manifest', current.digest, again],
      ]),
    );
  });

  it('show nothing of what was never pulled', async () => {
    const world = new World();
    await world.registry.push('app', old, 'v1');
    await world.reindex();
    await world.later();
    const { imagesDeleted } = await world.prune(everything);
    expect(imagesDeleted.map((entry) => Object.keys(entry))).toEqual([['untagged'], ['deleted']]);
    for (const line of await world.journal()) expect(Object.keys(line)).not.toContain('lastPulledAt');
  });

  it.each([Number.MAX_SAFE_INTEGER, 'yesterday', null])(
    'show no time that is none: %j',
    async (lastPulledAt) => {
      const world = new World();
      await world.registry.push('app', old, 'v1');
      await world.reindex();
      await world.table.update(tagKey('app', 'v1'), { set: { lastPulledAt } });
      await world.later();
      expect(await world.prune(everything)).toMatchObject({
        status: 'completed',
        imagesDeleted: [{ untagged: 'app:v1' }, { deleted: old.digest }],
      });
    },
  );
});

describe('a manifest pulled during the run', () => {
  it.each([
    { title: 'as it is about to be taken', hooks: 'before', state: 'deleting' },
    { title: 'once it is taken', hooks: 'after', state: 'deleting' },
    { title: 'as it is about to be buried', hooks: 'before', state: 'deleted' },
    { title: 'once it is buried', hooks: 'after', state: 'deleted' },
  ] as const)('is deleted all the same: $title', async ({ hooks, state }) => {
    const { world } = await withPulls();
    let at: string | undefined;
    const happens = once(isTransitionTo(state), async () => {
      at = await pull(world, old.digest);
    });
    const report = await world.prune({}, onTable(world, { [hooks]: happens }));
    expect(at).toBeDefined();
    expect(report).toMatchObject({ status: 'completed', manifests: { deleted: 1 } });
    expect(await world.bucket.head(revisionKey('app', old.digest))).toBeUndefined();
    expect(await world.table.get(manifestKey('app', old.digest))).toMatchObject({ state: 'deleted' });
    // Nothing is left that a later run would come back to.
    await world.later(3 * DAY);
    expect(await world.prune()).toMatchObject({ status: 'completed', manifests: { deleted: 0 } });
  });

  it('goes with its tag, whenever both are pulled', async () => {
    const offline = { ...everything, mode: 'offline' };
    /** @param at number of the write before which the pull comes. @returns how many there were */
    const pulledAt = async (at: number): Promise<number> => {
      const { world } = await withPulls();
      let writes = 0;
      const before = async ({ operation }: Call) => {
        if (!['put', 'update', 'remove', 'write'].includes(operation)) return;
        if (++writes === at) await pull(world, current.digest, 'v1');
      };
      const report = await world.prune(offline, onTable(world, { before }));
      expect(report, `write ${at}`).toMatchObject({ status: 'completed', refusals: [] });
      const deleted = report.imagesDeleted.flatMap((image) => ('deleted' in image ? [image.deleted] : []));
      expect(new Set(deleted).isSupersetOf(new Set([old.digest, current.digest])), `write ${at}`).toBe(true);
      expect(await world.table.get(tagKey('app', 'v1'))).toBeUndefined();
      return writes;
    };
    const writes = await pulledAt(0);
    expect(writes).toBeGreaterThan(10);
    for (let at = 1; at <= writes; at++) await pulledAt(at);
  });
});
