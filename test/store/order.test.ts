import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { s3Client } from '../../lambdas/store/aws-clients.ts';
import { waitOf } from '../../lambdas/store/backoff.ts';
import { compareUtf8, segmentOf } from '../../lambdas/store/order.ts';
import { SortedList } from '../../lambdas/store/sorted-list.ts';

describe('compareUtf8', () => {
  it('orders as the bytes do', () => {
    const unit = fc.oneof(
      fc.constantFrom('a', 'b', '\u007f', 'é', '\uD7FF', '\uE000', '\uFFFF', '😀', '𝒳'),
      fc.string(),
    );
    const text = fc.array(unit, { maxLength: 4 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

describe('a sorted list', () => {
  it('holds what a sorted map would, whatever is put and deleted', () => {
    const operation = fc.record({ key: fc.nat(3000), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 4000, size: 'max' }), fc.nat(3000), (operations, from) => {
        const list = new SortedList<{ key: number; at: number }, number>(
          (value) => value.key,
          (a, b) => a - b,
        );
        const map = new Map<number, number>();
        for (const [at, { key, remove }] of operations.entries()) {
          if (remove) {
            expect(list.delete(key)).toBe(map.delete(key));
          } else {
            list.set({ key, at });
            map.set(key, at);
          }
        }
        const sorted = [...map].map(([key, at]) => ({ key, at })).sort((a, b) => a.key - b.key);
        expect([...list]).toEqual(sorted);
        expect(list.size).toBe(sorted.length);
        expect([...list.from(from)]).toEqual(sorted.filter(({ key }) => key >= from));
        expect([...list.from(from, true)]).toEqual(sorted.filter(({ key }) => key > from));
        expect(list.get(from)).toEqual(sorted.find(({ key }) => key === from));
      }),
      { numRuns: 30 },
    );
  });
});

it('divides partitions evenly enough', () => {
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 4000; n++) {
    const segment = segmentOf(`BLOB#sha256:${n}`, 4);
    counts[segment] = (counts[segment] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(800);
});

it('waits longer with each try, up to a bound, and never the same for all', () => {
  expect([1, 2, 3, 4].map((attempt) => waitOf(attempt, () => 0.999))).toEqual([50, 100, 200, 400]);
  expect(waitOf(30, () => 0.999)).toBeLessThanOrEqual(5000);
  expect(waitOf(30, () => 0)).toBe(0);
});

it('addresses buckets by path where an endpoint is set', async () => {
  expect(s3Client({ AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }).config.forcePathStyle).toBe(true);
  expect(s3Client({}).config.forcePathStyle).toBe(false);
});
