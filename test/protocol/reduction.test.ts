import pMap from 'p-map';
import { describe, expect, it, vi } from 'vitest';
import { AT_ONCE, run } from './jobs.ts';
import { MUTANTS } from './mutants/all.ts';
import { TINY } from './tiny.ts';
import type { Ends } from './work.ts';

vi.setConfig({ testTimeout: 600_000 });

/** Milliseconds of work for each of the two searches. */
const TIME = 60_000;

/** Nothing planted, and then what each of the worlds can show. */
const PLANTED = new Map<string, string>([
  ['a layer and its events', 'indexer 3: a touch does not queue'],
  ['a tag deleted beside its event', 'indexer 3: a touch does not queue'],
  ['two for the lock', 'lock: taken whoever has it'],
  ['a tag deleted beside its event, in time', 'indexer 3: a touch does not queue'],
  ['two for the lock, in time', 'lock: taken whoever has it'],
]);

const cases = TINY.flatMap(({ name }) => [
  { world: name },
  { world: name, planted: PLANTED.get(name) ?? '' },
]);

describe('a search that leaves out what shows nothing new', () => {
  it('comes to the same ends and finds the same wrong as one that runs every order of all calls', async () => {
    const compared = await pMap(
      cases,
      async ({ world, planted }: { readonly world: string; readonly planted?: string }) => {
        const mutant = MUTANTS.find(({ name }) => name === planted);
        const job = {
          world,
          time: TIME,
          task: 'compare',
          ...(mutant === undefined ? {} : { mutant }),
        } as const;
        const { reduced, unreduced } = await run<{ reduced: Ends; unreduced: Ends }>(job);
        return { world, planted, mutant, reduced, unreduced };
      },
      { concurrency: AT_ONCE },
    );
    for (const { world, planted, mutant, reduced, unreduced } of compared) {
      const what = planted === undefined ? world : `${world}, ${planted}`;
      console.log(
        `${what}: ${reduced.schedules} schedules for ${unreduced.schedules}, ` +
          `${unreduced.states.length} ends, ${unreduced.wrong.length} lines of what is wrong`,
      );
      expect(unreduced.complete && reduced.complete, what).toBe(true);
      expect(reduced.states, what).toEqual(unreduced.states);
      expect(reduced.wrong, what).toEqual(unreduced.wrong);
      expect(unreduced.wrong.length > 0, what).toBe(mutant !== undefined);
      expect(unreduced.schedules, what).toBeGreaterThanOrEqual(reduced.schedules);
    }
  });
});
