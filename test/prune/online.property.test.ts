import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { DAY, HOUR } from '../support/clock.ts';
import { generate, history } from '../support/generated-registry.ts';
import { JournalWitness } from '../support/journal-witness.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

/** A chain of holders goes one link at a time, each after its grace. */
const MOST_ROUNDS = 60;

describe.each([
  { versioned: true, allowUnversioned: false },
  { versioned: false, allowUnversioned: true },
])('online prunes of any registry, versioned: $versioned', ({ versioned, allowUnversioned }) => {
  it('come to what one offline prune leaves, and to nothing less on the way', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const world = new World({ versioned, settings: { allowUnversioned } });
        const { everIndexed } = await generate(world, steps);
        const before = await contentsOf(world.bucket);
        const fresh = await world.prune();
        expect(fresh.blobs.deleted).toBe(0);

        let reclaimed = 0;
        let expected = judge(before, { now: world.clock.now(), everIndexed });
        for (let round = 0, quiet = 0; quiet < 3; round++) {
          expect(round).toBeLessThan(MOST_ROUNDS);
          world.clock.advance(DAY + HOUR);
          expected = judge(before, { now: world.clock.now(), everIndexed });
          const witness = new JournalWitness();
          const report = await world.reindexAndPrune(
            {},
            { objects: (guard) => witness.over(world.dependencies.objects(guard)) },
          );
          expect(report.status).toBe('completed');
          expect(witness.unannounced).toEqual([]);
          reclaimed += report.spaceReclaimed;
          const after = await world.keys();
          expect([...expected.live].filter((key) => !after.has(key))).toEqual([]);
          const { manifests, blobs, links } = report;
          const idle = manifests.deleted + blobs.deleted + blobs.condemned + links.deleted === 0;
          quiet = idle ? quiet + 1 : 0;
        }
        expect(new Set((await world.keys()).keys())).toEqual(expected.live);
        expect(reclaimed).toBe(expected.bytes);
      }),
      runs(60),
    );
  });
});

describe('a rebuild beside a prune', () => {
  it('neither loses anything nor keeps any garbage for good', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.boolean(), async (steps, offline) => {
        const world = new World({ versioned: true });
        const { everIndexed } = await generate(world, steps);
        world.clock.advance(DAY);
        await world.reindex();
        const before = await contentsOf(world.bucket);
        const question = { now: world.clock.now(), everIndexed };
        const body = { mode: offline ? 'offline' : 'online' };
        await Promise.all([world.prune(body), world.reindex()]);
        const beside = await world.keys();
        expect([...judge(before, question).live].filter((key) => !beside.has(key))).toEqual([]);
        await world.later();
        const report = await world.reindexAndPrune({ mode: 'offline' });
        expect(report.status).toBe('completed');
        const expected = judge(before, { now: world.clock.now(), everIndexed });
        expect(new Set((await world.keys()).keys())).toEqual(expected.live);
      }),
      runs(60),
    );
  });
});
