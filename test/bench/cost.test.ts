import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { costOf, costTable, MEASURED, PRICES } from '../../bench/cost.ts';

const ROOT = join(import.meta.dirname, '../..');

it('is the table of docs/operations.md', () => {
  expect(readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')).toContain(costTable());
});

it('of the first index is what was measured, at the prices', () => {
  const { blobs, readUnits, writeUnits, gets, puts } = MEASURED.index;
  const bill =
    readUnits * PRICES.readUnit + writeUnits * PRICES.writeUnit + gets * PRICES.get + puts * PRICES.put;
  expect(costOf(blobs).firstIndex).toBeCloseTo(bill, 9);
});

it('grows with the registry, but for what stands whatever its size', () => {
  const [small, large] = [costOf(1_000), costOf(2_000)];
  expect(large.pruning).toBeCloseTo(2 * small.pruning, 12);
  expect(large.standing).toBeLessThan(2 * small.standing);
  expect(costOf(0)).toMatchObject({ firstIndex: 0, indexing: 0, pruning: 0, garbage: 0 });
});
