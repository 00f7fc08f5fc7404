import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import type { BlobExplanation, ManifestExplanation } from '../../lambdas/explain/explanation.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { HOUR } from '../support/clock.ts';
import { generate, history } from '../support/generated-registry.ts';
import { tagLinkKey } from '../support/registry-writer.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { type Body, World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const ROUNDS = 4;

const body = fc.constantFrom<Body>(
  {},
  {},
  { filters: { dangling: ['false'] } },
  { filters: { dangling: ['false'], label: ['team=core'] } },
  { filters: { until: ['40h'] } },
  { repositories: ['team/**', 'team'] },
);

interface Said {
  readonly manifests: ReadonlyMap<string, ManifestExplanation>;
  readonly blobs: ReadonlyMap<string, BlobExplanation>;
}

/** Of every item that there is. */
async function askAll(world: World, body: Body): Promise<Said> {
  const manifests = new Map<string, ManifestExplanation>();
  const blobs = new Map<string, BlobExplanation>();
  for (const { pk, sk } of await world.items()) {
    const [name, digest] = [pk.slice('REPO#'.length), sk.slice('MANIFEST#'.length)];
    if (pk.startsWith('REPO#') && sk.startsWith('MANIFEST#')) {
      const [one] = (await world.why(`${name}@${digest}`, body)).manifests;
      if (one !== undefined) manifests.set(`${name}@${digest}`, one);
    } else if (sk === 'BLOB') {
      const { blob } = await world.why(pk.slice('BLOB#'.length), body);
      if (blob !== undefined) blobs.set(blob.digest, blob);
    }
  }
  return { manifests, blobs };
}

async function read(world: World) {
  const items = await world.items();
  const of = (test: (item: Item) => boolean, id: (item: Item) => string) =>
    new Map(items.filter(test).map((item) => [id(item), item]));
  const links = items.filter(({ sk, removedAt }) => sk.startsWith('LINK#') && removedAt === undefined);
  return {
    manifests: of(
      ({ pk, sk }) => pk.startsWith('REPO#') && sk.startsWith('MANIFEST#'),
      ({ pk, sk }) => `${pk.slice('REPO#'.length)}@${sk.slice('MANIFEST#'.length)}`,
    ),
    blobs: of(
      ({ sk }) => sk === 'BLOB',
      ({ pk }) => pk.slice('BLOB#'.length),
    ),
    links: Map.groupBy(links, ({ pk }) => pk.slice('BLOB#'.length)),
  };
}

it('tells of everything what the next run does with it', async () => {
  const seen = new Map<string, number>();
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(
      history,
      body,
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: ROUNDS, maxLength: ROUNDS }),
      async (steps, request, waits) => {
        const world = new World();
        await generate(world, steps);
        for (const hours of waits) {
          world.clock.advance(hours * HOUR);
          await world.beat();
          const before = await read(world);
          const untouched = await world.items();
          const said = await askAll(world, request);
          expect(await world.items()).toEqual(untouched);
          expect(new Set(said.manifests.keys())).toEqual(new Set(before.manifests.keys()));
          expect(new Set(said.blobs.keys())).toEqual(new Set(before.blobs.keys()));
          const { runId } = await world.prune(request);
          const after = await read(world);

          for (const [id, one] of said.manifests) {
            count(`manifest ${one.verdict} ${one.because ?? ''}`);
            const now = after.manifests.get(id);
            const went = now?.['state'] === 'deleted' && before.manifests.get(id)?.['state'] !== 'deleted';
            const above = (one.goesWith ?? []).filter((what) => what.includes('@'));
            const first = above.some((what) => after.manifests.get(what)?.['runId'] === runId);
            // What holds it went before it, or while it was taken: it is for a later run.
            if (!went && first) expect(now).toMatchObject({ state: 'live', queue: expect.any(String) });
            else expect({ id, due: one.verdict === 'due' }).toEqual({ id, due: went });
            if (went) expect(now['runId']).toBe(runId);
            if (one.because === 'grace')
              expect(Date.parse(one.dueAt ?? '')).toBeGreaterThan(world.clock.now());
            if (one.path !== undefined && one.verdict === 'kept') await expectHeld(world, one);
            if (one.verdict === 'deleted') expectTold(one, before.manifests.get(id));
          }
          for (const [digest, one] of said.blobs) {
            count(`blob ${one.verdict} ${one.because ?? ''}`);
            const [was, is] = [before.blobs.get(digest)?.['state'], after.blobs.get(digest)?.['state']];
            const links = (table: typeof before) => (table.links.get(digest) ?? []).length;
            const changed = was !== is || links(before) !== links(after);
            expect({ digest, due: one.verdict === 'due' }).toEqual({ digest, due: changed });
            if (one.verdict === 'deleted') expectTold(one, before.blobs.get(digest));
          }
        }
      },
    ),
    runs(40),
  );
  // Every answer came up, or this has shown less than it says.
  const expected = [
    ...['manifest kept tag', 'manifest kept grace', 'manifest kept filter', 'manifest kept problem'],
    ...['manifest due garbage', 'manifest deleted ', 'blob deleted '],
    ...['blob kept referenced', 'blob kept grace', 'blob kept quarantine', 'blob due garbage'],
  ];
  expect(expected.filter((what) => !seen.has(what))).toEqual([]);
});

/** The path begins at a tag that names the next step in the bucket, and ends at what was asked about. */
async function expectHeld(
  world: World,
  { repository, digest, path = [] }: ManifestExplanation,
): Promise<void> {
  const [first, second] = path;
  const tag = first?.what.slice(repository.length + 1) ?? '';
  expect(first?.what).toBe(`${repository}:${tag}`);
  expect(path.at(-1)?.what).toBe(digest);
  const link = await world.bucket.get(tagLinkKey(repository, tag));
  expect(new TextDecoder().decode(link?.body)).toBe(second?.what);
}

function expectTold(
  { deletion, reason }: Pick<ManifestExplanation, 'deletion' | 'reason'>,
  item: Item | undefined,
): void {
  expect(reason).not.toBe('');
  expect(deletion?.by).toBe(item?.['runId'] === undefined ? 'client' : 'run');
  expect(deletion?.runId).toBe(item?.['runId']);
  // The journal's line was there before the deletion.
  if (deletion?.by === 'run' && deletion.reason !== undefined)
    expect(deletion.journal).toMatch(/^s3:\/\/registry\//);
}
