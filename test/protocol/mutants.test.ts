import { describe, expect, it, vi } from 'vitest';
import { BUDGET, type Hunted, huntAll } from './jobs.ts';
import { MUTANTS } from './mutants/all.ts';
import { SENTENCES } from './mutants/sentences.ts';

vi.setConfig({ testTimeout: 600_000 + BUDGET * MUTANTS.length });

const told = ({ mutant, caught, outcomes }: Hunted): string => {
  const { name, guardedBy } = mutant;
  if (caught !== undefined) return `${name}: caught by ${caught.world}\n${caught.schedule}`;
  const where = outcomes.map(({ world, figures }) => `${world}${figures.complete ? '' : ' (cut short)'}`);
  return `${name}: lives${guardedBy === undefined ? '' : ` by ${guardedBy.what}`} in ${where.join('; ')}`;
};

describe('a sentence of the protocol taken out', () => {
  it('shows in a small world, unless another guard suffices', async () => {
    const hunted = await huntAll(MUTANTS);
    for (const one of hunted) console.log(told(one));
    const guarded = hunted.filter(({ mutant }) => mutant.guardedBy !== undefined);
    console.log(`${hunted.length} mutants, ${hunted.filter(({ caught }) => caught).length} caught`);
    const rest = hunted.filter(({ mutant }) => mutant.guardedBy === undefined);
    expect(rest.filter(({ caught }) => caught === undefined).map(told)).toEqual([]);
    expect(guarded.filter(({ caught }) => caught !== undefined).map(told)).toEqual([]);
    const unseen = guarded.flatMap(({ outcomes }) => outcomes).filter(({ figures }) => !figures.complete);
    expect(unseen.map(({ world }) => world)).toEqual([]);
  });

  it('is hunted for each that closes a loss or a leak', () => {
    const mortal = new Set(MUTANTS.filter(({ guardedBy }) => !guardedBy).map(({ name }) => name));
    const missing = SENTENCES.flatMap(({ step, sentence, mutants }) => {
      const found = mutants.map((mutant) => `${step}: ${mutant}`).filter((name) => !mortal.has(name));
      return mutants.length === 0 ? [sentence] : found;
    });
    expect(missing).toEqual([]);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it('dies together with the guard that suffices without it', () => {
    const names = new Map(MUTANTS.map((mutant) => [mutant.name, mutant]));
    for (const { name, guardedBy, changes } of MUTANTS) {
      if (guardedBy === undefined) continue;
      const pair = names.get(guardedBy.pair);
      expect(pair?.guardedBy, name).toBeUndefined();
      expect(pair?.changes, name).toEqual(expect.arrayContaining([...changes]));
    }
  });
});
