import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HOUR } from '../support/clock.ts';
import { comparable } from '../support/comparable.ts';
import { generate, history, LABELS, REPOSITORIES } from '../support/generated-registry.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const entry = fc
  .constantFrom(...LABELS, ['team', 'other'] as const)
  .chain(([key, value]) => fc.constantFrom(key, `${key}=${value}`));

const filters = fc.record(
  {
    dangling: fc.boolean(),
    label: fc.uniqueArray(entry, { minLength: 1, maxLength: 2 }),
    labelNot: fc.uniqueArray(entry, { minLength: 1, maxLength: 2 }),
    /** Hours. */
    until: fc.nat(72),
  },
  { requiredKeys: [] },
);

/** Globs, and the repositories they mean. */
const SCOPES = [
  [['team'], ['team']],
  [['team/*'], ['team/app']],
  [
    ['base', 'team/**'],
    ['base', 'team/app'],
  ],
  [['**'], ['base', 'team', 'team/app']],
  [['*'], ['base', 'team']],
  [['nobody'], []],
] as const;

describe('an offline prune with filters', () => {
  it('leaves exactly what is reachable or spared', async () => {
    await fc.assert(
      fc.asyncProperty(history, filters, fc.boolean(), async (steps, given, versioned) => {
        const world = new World({ versioned });
        const { everIndexed } = await generate(world, steps);
        const { dangling, label, labelNot, until } = given;
        const now = world.clock.now();
        const before = await contentsOf(world.bucket);
        const expected = judge(before, {
          now,
          everIndexed,
          filters: {
            ...(dangling === undefined ? {} : { dangling }),
            ...(label === undefined ? {} : { label }),
            ...(labelNot === undefined ? {} : { labelNot }),
            ...(until === undefined ? {} : { until: now - until * HOUR }),
          },
        });
        const body = {
          mode: 'offline',
          filters: {
            ...(dangling === undefined ? {} : { dangling: [String(dangling)] }),
            ...(label === undefined ? {} : { label }),
            ...(labelNot === undefined ? {} : { 'label!': labelNot }),
            ...(until === undefined ? {} : { until: [`${until}h`] }),
          },
        };
        const planned = await world.prune({ ...body, dryRun: true });
        const report = await world.prune(body);
        const after = new Set((await world.keys()).keys());
        expect([...expected.live].filter((key) => !after.has(key))).toEqual([]);
        expect([...expected.garbage].filter((key) => after.has(key))).toEqual([]);
        expect(report).toMatchObject({ status: 'completed', spaceReclaimed: expected.bytes });
        expect(comparable(planned)).toEqual(comparable(report));
        expect(await world.prune(body)).toMatchObject({ imagesDeleted: [], spaceReclaimed: 0 });
        expect(new Set((await world.keys()).keys())).toEqual(after);
      }),
      runs(200),
    );
  });

  it('touches no manifest, tag or link of a repository that was not asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.constantFrom(...SCOPES),
        fc.boolean(),
        async (steps, [repositories, names], dangling) => {
          const world = new World({ versioned: true });
          const { everIndexed } = await generate(world, steps);
          const scope = new Set<string>(names);
          const before = await contentsOf(world.bucket);
          const question = { now: world.clock.now(), everIndexed, scope, filters: { dangling } };
          const expected = judge(before, question);
          const report = await world.prune({
            mode: 'offline',
            repositories,
            filters: { dangling: [String(dangling)] },
          });
          const after = new Set((await world.keys()).keys());
          for (const name of REPOSITORIES) {
            if (scope.has(name)) continue;
            const own = [...before.keys()].filter((key) => key.includes(`/repositories/${name}/_`));
            expect(own.filter((key) => !after.has(key))).toEqual([]);
          }
          expect(after).toEqual(expected.live);
          expect(report.spaceReclaimed).toBe(expected.bytes);
        },
      ),
      runs(100),
    );
  });
});
