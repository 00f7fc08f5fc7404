import { describe, expect, it, vi } from 'vitest';
import type { RestoreDependencies } from '../../lambdas/restore/run.ts';
import { SKEW } from '../../lambdas/store/lock.ts';
import { apiView } from '../support/api-view.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { cosignTag, image, index, layer, referrer, signature } from '../support/images.ts';
import { Crash, CrashError } from '../support/intercept.ts';
import { PATIENCE, THOROUGH } from '../support/runs.ts';
import { everything } from '../support/stored.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

/** Some calls are enough for every day. */
const stride = THOROUGH ? 1 : 7;

/** A little of everything, pruned of all of it, offline. */
async function prunedWorld() {
  const world = new World();
  const { registry, clock } = world;
  const base = layer('base');
  const child = image('child', { layers: [base, layer('own')] });
  const list = index([child]);
  await registry.push('app', child);
  await registry.push('app', list, 'v1');
  await registry.push('app', image('moved', { layers: [base] }), 'v2');
  clock.advance(MINUTE);
  await registry.push('app', list, 'v2');
  await registry.push('app', signature(list.digest), cosignTag(list.digest));
  await registry.push('app', referrer(list.digest, 'sbom'));
  await registry.push('other', child, 'mirror');
  await registry.upload('other', layer('stale'));
  clock.advance(HOUR);
  await world.reindex();
  const before = await apiView(world.bucket);
  const body = { mode: 'offline', filters: { dangling: ['false'] } };
  const { runId, status } = await world.prune(body);
  expect(status).toBe('completed');
  await world.later(HOUR);
  return { world, before, runId };
}

function killedBy({ table, dependencies }: World, crash: Crash): Partial<RestoreDependencies> {
  return { table: crash.over(table), objects: (guard) => crash.over(dependencies.objects(guard)) };
}

describe('a crash in an undo', () => {
  it.each(['before', 'after'] as const)('is made good by the next one, %s whichever call', async (when) => {
    const whole = await prunedWorld();
    const counted = new Crash();
    await whole.world.restore(whole.runId, {}, killedBy(whole.world, counted));
    expect(counted.calls).toBeGreaterThan(100);
    for (let at = 1; at <= counted.calls; at += stride) {
      const place = `${when} call ${at} of ${counted.calls}`;
      const { world, before, runId } = await prunedWorld();
      const crash = new Crash(at, when);
      await world.restore(runId, {}, killedBy(world, crash)).catch((error: unknown) => {
        expect(error, place).toBeInstanceOf(CrashError);
      });
      expect(crash.happened, place).toBe(true);
      // What there is of it can be served: no tag without its manifest, no manifest without its data.
      const half = await apiView(world.bucket);
      for (const [what, bytes] of half)
        expect([place, what, bytes]).toEqual([place, what, expect.anything()]);

      world.clock.advance(10 * MINUTE + SKEW + 1);
      expect(await world.restore(runId), place).toMatchObject({ status: 'restored', skipped: [] });
      expect(await apiView(world.bucket), place).toEqual(before);
      const stored = await everything(world);
      await world.restore(runId);
      expect(await everything(world), place).toEqual(stored);
      const { added, removed } = await world.reindex();
      const drift = {
        ...added,
        uploads: 0,
        manifestsRemoved: removed.manifests,
        edgesRemoved: removed.edges,
      };
      expect(
        Object.values(drift).every((count) => count === 0),
        `${place} ${JSON.stringify(drift)}`,
      ).toBe(true);
    }
  });
});
