import { describe, expect, it, vi } from 'vitest';
import { huntAll } from './jobs.ts';
import { MUTANTS } from './mutants.ts';

/** For each of a mutant's worlds; most are caught within a second. */
const TIME = 6_000;

vi.setConfig({ testTimeout: 600_000 });

describe('a sentence of the protocol taken out', () => {
  it('shows in a small world', async () => {
    const hunted = await huntAll(
      MUTANTS,
      TIME,
    );
    for (const { mutant, outcome } of hunted) {
      console.log(`${mutant.name}: ${outcome === undefined ? 'lives' : `caught by ${outcome.world}`}`);
      if (outcome?.schedule !== undefined) console.log(outcome.schedule);
    }
    const lives = hunted.filter(({ outcome }) => outcome === undefined).map(({ mutant }) => mutant.name);
    expect(lives).toEqual([]);
  });
});
