import { describe, expect, it, vi } from 'vitest';
import { huntAll } from './jobs.ts';
import { MUTANTS } from './mutants.ts';

/** For each of a mutant's worlds; most are caught within a second. */
const TIME = 6_000;

vi.setConfig({ testTimeout: 600_000 });

describe('a sentence of the protocol taken out', () => {
  it('shows in a small world', async () => {
    const hunted = await huntAll(MUTANTS, TIME);
    for (const { mutant, caught } of hunted) {
      console.log(
        `${mutant.name}: ${caught === undefined ? 'lives' : `caught by ${caught.world}\n${caught.schedule}`}`,
      );
    }
    const lives = hunted.filter(({ caught }) => caught === undefined).map(({ mutant }) => mutant.name);
    expect(lives).toEqual([]);
  });
});
