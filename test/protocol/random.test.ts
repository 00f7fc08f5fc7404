import pMap from 'p-map';
import { describe, expect, it, vi } from 'vitest';
import { AT_ONCE, run, TIME } from './jobs.ts';
import { large } from './large.ts';
import { MUTANTS } from './mutants/all.ts';
import type { Hazarded } from './random.ts';

vi.setConfig({ testTimeout: 600_000 + 20 * TIME });

/** Milliseconds of work for a world; and at most for a mutant in one, twice where it is made short. */
const FOR_A_WORLD = 2 * TIME;
const FOR_A_MUTANT = Math.max(30_000, TIME);

const [sweeping = '', , referring = '', timing = ''] = large.map(({ name }) => name);
const PLANTED: readonly (readonly [string, string])[] = [
  [sweeping, 'repair: a blob goes live unrepaired'],
  [sweeping, 'indexer 8: what is deleted and needed again stays deleted'],
  [sweeping, 'lock: taken whoever has it'],
  [referring, 'manifest 5: no journal before it'],
  [timing, 'blob 6: no journal before it'],
];

describe('a schedule of a larger world, by chance', () => {
  it('comes to a whole registry', async () => {
    const tried = await pMap(
      large,
      ({ name }) => run<Hazarded>({ world: name, time: FOR_A_WORLD, task: 'hazard' }),
      { concurrency: AT_ONCE },
    );
    for (const { world, schedules, steps } of tried) {
      console.log(`${world}: ${schedules} schedules by chance, ${steps} steps`);
      expect(schedules, world).toBeGreaterThan(0);
    }
    const wrong = tried.flatMap(({ world, schedule }) =>
      schedule === undefined ? [] : [`${world}\n${schedule}`],
    );
    expect(wrong).toEqual([]);
  });

  it('shows sentences of the protocol that are taken out', async () => {
    const hunted = await pMap(
      PLANTED,
      async ([world, name]) => {
        const mutant = MUTANTS.find((one) => one.name === name);
        if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
        const tried = await run<Hazarded>({ world, time: FOR_A_MUTANT, task: 'hazard', mutant });
        return { name, ...tried };
      },
      { concurrency: AT_ONCE },
    );
    for (const { name, world, schedules, schedule } of hunted) {
      console.log(`${name}: ${schedules} schedules of ${world}\n${schedule ?? '  lives'}`);
    }
    expect(hunted.filter(({ schedule }) => schedule === undefined).map(({ name }) => name)).toEqual([]);
  });
});
