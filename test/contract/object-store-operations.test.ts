import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import { PreviewBucket } from '../../lambdas/store/preview-bucket.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';

/** Few keys, so that operations meet; they lie below common prefixes. */
const key = fc.constantFrom('a', 'a/', 'a/1', 'a/b/1', 'a/b/2', 'a0', 'b/x', '😀/x', '\uffee/x');
const prefix = fc.constantFrom('', 'a', 'a/', 'a/b/', 'b/', '😀');

type Operation = (bucket: ObjectStore) => Promise<unknown>;
const named = (name: string, details: unknown, run: Operation) =>
  Object.assign(run, { toString: () => `${name} ${JSON.stringify(details)}` });

const operation = fc.oneof(
  key.map((k) => named('head', k, (bucket) => bucket.head(k))),
  key.map((k) => named('get', k, (bucket) => bucket.get(k))),
  key.map((k) => named('versions', k, (bucket) => bucket.versions(k))),
  fc
    .tuple(key, fc.constantFrom('1', '22'))
    .map(([k, body]) => named('put', { k, body }, (bucket) => bucket.put(k, body))),
  key.map((k) =>
    named('delete', k, async (bucket) => bucket.delete(k, (await bucket.head(k))?.etag ?? '"none"')),
  ),
  fc
    .uniqueArray(key, { maxLength: 3 })
    .map((keys) => named('deleteMany', keys, (bucket) => bucket.deleteMany(keys))),
  fc.tuple(key, fc.nat(2)).map(([k, at]) =>
    named('deleteVersion', { k, at }, async (bucket) => {
      const { versionId = 'none' } = (await bucket.versions(k))[at] ?? {};
      await bucket.deleteVersion(k, versionId);
    }),
  ),
  fc.uniqueArray(fc.tuple(key, fc.nat(2)), { maxLength: 4 }).map((picked) =>
    named('deleteVersions', picked, async (bucket) => {
      const all = await Promise.all(picked.map(async ([k, at]) => (await bucket.versions(k))[at]));
      const { deleted, failed } = await bucket.deleteVersions(all.filter((version) => version !== undefined));
      return { deleted, failed };
    }),
  ),
  key.map((k) => named('put where absent', k, (bucket) => bucket.put(k, '333', { ifAbsent: true }))),
  prefix.map((p) =>
    named('versionsUnder', p, async (bucket) => {
      const all: string[] = [];
      for await (const page of bucket.versionsUnder(p)) {
        all.push(...page.map((version) => JSON.stringify(plain(version))));
      }
      return all.sort();
    }),
  ),
  fc
    .tuple(prefix, fc.constantFrom(undefined, '/'))
    .map(([p, delimiter]) =>
      named('list', { p, delimiter }, (bucket) => bucket.list(p, delimiter ? { delimiter } : {})),
    ),
);

describe.each(['off', 'enabled', 'suspended'] as const)('with versioning %s', (mode) => {
  const versioned = mode === 'enabled' ? true : mode === 'suspended' ? mode : false;

  it('a preview begun at any moment goes on as the bucket would, and leaves it alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.nat(40),
        async (operations, begun) => {
          const bucket = new MemoryBucket({ versioned, now: clock() });
          const base = new MemoryBucket({ versioned, now: clock() });
          const preview = new PreviewBucket(base, { now: clock() });
          const before = operations.slice(0, begun);
          for (const run of before) await Promise.all([run(bucket), run(base)]);
          const untouched = await everything(base);
          for (const run of operations.slice(begun)) {
            const expected = await run(bucket);
            const actual = await run(preview).catch((error: Error) => {
              // The port cannot read an older version: the preview says so.
              expect(error.message).toContain('cannot read the older version');
              return expected;
            });
            expect(plain(actual), `${run}`).toEqual(plain(expected));
          }
          expect(plain(await everything(preview))).toEqual(plain(await everything(bucket)));
          expect(await everything(base)).toEqual(untouched);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Times do not matter here. */
const clock = () => () => new Date(0);

async function everything(bucket: ObjectStore): Promise<unknown> {
  const { objects } = await bucket.list('');
  const keys = ['a', 'a/', 'a/1', 'a/b/1', 'a/b/2', 'a0', 'b/x', '😀/x', '\uffee/x'];
  return { objects, versions: await Promise.all(keys.map((k) => bucket.versions(k))) };
}

/** Without the ids that each bucket makes up: `null` stays, others only are. */
function plain(result: unknown): unknown {
  return JSON.parse(
    JSON.stringify(result ?? null, (name, value) =>
      (name === 'versionId' || name === 'marker') && value !== 'null' ? 'some' : value,
    ),
  );
}
