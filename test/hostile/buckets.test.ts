import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GROUPINGS } from '../../cli/usage/report.ts';
import { DAY } from '../support/clock.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { plannedKeys, watchDeletions } from '../support/planned-keys.ts';
import { ROOT } from '../support/registry-writer.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { usageReport } from '../support/usage-figures.ts';
import { type Body, World } from '../support/world.ts';
import { expectCleanPrototypes } from './pollution.ts';
import { damageTo, hostile, infest, multipartKeys, populate, type Victim } from './victim.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

/** A run, of whose deletions each is below the root and none is of what somebody needs. */
async function prune(world: World, victim: Victim, body: Body): Promise<string | undefined> {
  const { deleted, objects } = watchDeletions(world.dependencies.objects);
  const report = await world.prune(body, { objects });
  for (const key of deleted) expect(key.startsWith(ROOT)).toBe(true);
  expect([...deleted].filter((key) => victim.needed.has(key))).toEqual([]);
  expect(await damageTo(world, victim)).toEqual([]);
  return report.runId;
}

const isTag = (key: string): boolean => key.endsWith('/current/link');

describe.each([{ versioned: false }, { versioned: true }])(
  'a bucket in which strangers write, versioned: $versioned',
  ({ versioned }) => {
    it('loses nothing that is needed, and no run crashes', async () => {
      let pruned = 0;
      let aborted = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(hostile, { minLength: 1, maxLength: 8 }),
          fc.constantFrom<Body>({ mode: 'offline' }, { mode: 'online' }),
          fc.boolean(),
          async (brought, body, byEvents) => {
            const world = new World({ versioned, settings: { allowUnversioned: true } });
            const victim = await populate(world);
            const { kept, reported } = await infest(world, victim, brought);
            const before = [...(await world.keys()).keys()];
            const begun = await multipartKeys(world);
            if (byEvents) {
              const { failed } = await new LiveIndexer(world).everything();
              expect(failed).toEqual([]);
            }
            await world.reindex();
            world.clock.advance(2 * DAY);
            const { unreadable } = await world.reindex();
            const told = new Set(unreadable.map(({ what }) => what));
            for (const digest of reported) expect(told).toContain(digest);
            const { plan } = await world.plan(body);
            const planned = [...(plan === undefined ? [] : plannedKeys(plan))];
            expect(planned.filter((key) => victim.needed.has(key) || !key.startsWith(ROOT))).toEqual([]);
            const ids = new Set<string>();
            for (let round = 0; round < 3; round++) {
              const id = await prune(world, victim, body);
              if (id !== undefined) ids.add(id);
              await world.later();
              await world.reindex();
            }
            const after = await world.keys();
            for (const key of before.filter(isTag)) expect(after.has(key), key).toBe(true);
            for (const key of kept) expect(after.has(key), key).toBe(true);
            // Of what begins beside uploads and blobs nobody knows whose it is.
            const left = await multipartKeys(world);
            const isOurs = (key: string) => ['upload', 'blob'].includes(world.layout.parse(key).kind);
            expect(left.filter((key) => !isOurs(key))).toEqual(begun.filter((key) => !isOurs(key)));
            aborted += begun.length - left.length;
            if (!after.has(victim.garbage)) pruned += 1;
            for (const subject of victim.subjects) await world.why(subject);
            for (const by of GROUPINGS) await usageReport(world.table, by);
            await prune(world, victim, { ...body, filters: { label: ['nobody'], dangling: ['false'] } });
            if (versioned) for (const id of ids) await world.restore(id);
            expect(await damageTo(world, victim)).toEqual([]);
          },
        ),
        runs(60),
      );
      expect(pruned).toBeGreaterThan(found(40));
      expect(aborted).toBeGreaterThan(found(40));
    });
  },
);
