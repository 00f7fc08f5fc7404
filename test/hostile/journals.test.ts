import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { historyOf } from '../../lambdas/restore/history.ts';
import { journalledRuns } from '../../lambdas/store/journal-reader.ts';
import { DAY } from '../support/clock.ts';
import type { Digest } from '../support/images.ts';
import { watchDeletions } from '../support/planned-keys.ts';
import { ROOT } from '../support/registry-writer.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { JOURNAL, World } from '../support/world.ts';
import { anyBytes, changed, DIGESTS, NAMES, spoilt } from './arbitraries.ts';
import { expectCleanPrototypes } from './pollution.ts';
import { journalLines } from './samples.ts';
import { BESIDE, damageTo, populate } from './victim.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const name = fc.oneof(fc.constantFrom('app', 'safe', 'stranger'), fc.constantFrom(...NAMES));

/** A line that is well formed and a lie; `at` chooses among the digests that the registry has. */
const lie = fc.record({
  action: fc.constantFrom(...journalLines.map(({ action }) => action)),
  repository: name,
  at: fc.nat(60),
  tag: fc.oneof(fc.constantFrom('v1', 'multi', 'v9'), fc.constantFrom(...NAMES)),
  versionId: fc.option(fc.constantFrom('version-00000001', 'null', ''), { nil: undefined }),
  upload: fc.constantFrom('..', '', '6ba7b810-9dad-41d1-80b4-00c04fd430c8'),
  key: fc.constantFrom(...BESIDE, `${ROOT}blobs/../../secret`),
});
const line = fc.oneof(
  { weight: 3, arbitrary: lie },
  { weight: 1, arbitrary: spoilt(changed(...journalLines)) },
  { weight: 1, arbitrary: anyBytes },
);

it('a journal in which strangers write harms nobody, and its run is undone all the same', async () => {
  let problems = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 12 }), fc.boolean(), async (lines, first) => {
      const world = new World();
      const victim = await populate(world);
      await world.reindex();
      world.clock.advance(2 * DAY);
      await world.reindex();
      const { plan } = await world.plan({ mode: 'offline' });
      if (plan === undefined) throw new Error('there is no plan');
      const { runId } = await world.apply(plan);
      expect((await world.keys()).has(victim.garbage)).toBe(false);
      const digests = [
        ...DIGESTS,
        ...[...(await world.keys()).keys()].flatMap(
          (key) => /sha256\/..\/([0-9a-f]{64})\/data/.exec(key)?.[1] ?? [],
        ),
      ].map((one) => (/^[0-9a-f]{64}$/.test(one) ? `sha256:${one}` : one));
      const bodies = lines.map((one) => {
        if (one instanceof Uint8Array) return one;
        const { at, ...rest } = one;
        const always = {
          time: 't',
          run: runId,
          reason: 'x',
          etag: 'e',
          mediaType: 'x',
          size: 1,
          taggedAs: ['v1'],
        };
        return Buffer.from(
          JSON.stringify({
            ...always,
            repositories: [one.repository],
            digest: digests[at % digests.length],
            ...rest,
          }),
        );
      });
      const body = Buffer.concat(bodies.flatMap((one) => [one, Buffer.from('\n')]));
      world.bucket.seed(`${JOURNAL}${runId}/${first ? '!' : 'z'}.ndjson`, body);
      expect(await journalledRuns(world.bucket, JOURNAL)).toEqual([runId]);
      for (const subject of victim.subjects) await world.why(subject);
      for (const digest of digests.slice(-3)) {
        await historyOf({ objects: world.bucket, metadata: world.metadata }, JOURNAL, digest as Digest);
      }
      const { deleted, objects } = watchDeletions(world.dependencies.objects);
      await world.apply(plan, {}, { objects });
      const { skipped } = await world.restore(runId, {}, { objects });
      problems += skipped.length;
      // Only what hides something may go: markers above data and links of the registry.
      for (const key of deleted) expect(key.startsWith(ROOT), key).toBe(true);
      expect(await damageTo(world, victim)).toEqual([]);
      expect((await world.keys()).has(victim.garbage)).toBe(true);
      await world.later();
      await world.reindex();
      await world.prune({ mode: 'offline' });
      expect(await damageTo(world, victim)).toEqual([]);
    }),
    runs(20),
  );
  expect(problems).toBeGreaterThan(found(20));
});
