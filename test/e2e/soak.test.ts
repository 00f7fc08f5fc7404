import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { soakOptions } from './soak/options.ts';
import { type Soak, soak } from './soak/soak.ts';

const options = soakOptions(process.env);
/** For coming to rest and for the checks (milliseconds). */
const REST = 600_000;

describe('soak: pushes and online prunes at the same time', () => {
  let done: Soak;

  beforeAll(
    async () => {
      done = await soak(options, (line) => process.stdout.write(`${line}\n`));
      process.stdout.write(`${done.figures.text(options)}\n`);
    },
    options.seconds * 10_000 + REST,
  );

  afterAll(() => done?.world.stop());

  it('pushed and pruned as much as it was to', () => {
    const { figures } = done;
    expect(figures.pushes).toBeGreaterThanOrEqual(options.pushes);
    expect(figures.elapsed).toBeGreaterThanOrEqual(options.seconds * 1_000);
    expect(figures.reports.some(({ spaceReclaimed }) => spaceReclaimed > 0)).toBe(true);
  });

  it('lets no push fail for good', () => {
    expect(done.figures.failedOperations).toBe(0);
  });

  it('has applied every event, and lost nothing', () => {
    expect(done.figures.index.failures).toEqual([]);
    expect([...done.figures.index.lost]).toEqual([]);
    expect(done.figures.pruneErrors).toEqual([]);
    expect(done.deadLetters).toBe(0);
  });

  it('pulls every acknowledged image that is still tagged', () => {
    expect(done.findings.incomplete).toEqual([]);
  });

  it('lists exactly the tags that are owed', () => {
    expect(done.findings.tags).toEqual([]);
  });

  it('has removed all garbage, and left nothing half done', () => {
    expect(done.findings.garbage).toEqual([]);
    expect(done.findings.leftovers).toEqual([]);
    expect(done.findings.deleting).toEqual([]);
  });

  it('brings back all that undone runs had deleted, and nothing the second time', () => {
    expect(done.undone?.bytes).toBeGreaterThan(0);
    expect(done.undone?.gone).not.toEqual([]);
    expect(done.undone?.different).toEqual([]);
    expect(done.undone?.changedAgain).toEqual([]);
  });
});
