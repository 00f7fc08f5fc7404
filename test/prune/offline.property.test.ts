import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { comparable } from '../support/comparable.ts';
import { generate, history } from '../support/generated-registry.ts';
import { JournalWitness } from '../support/journal-witness.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

/** Whole registries against an oracle that shares nothing with the product: the same keys, the same bytes. */
describe.each([{ versioned: false }, { versioned: true }])(
  'an offline prune of any registry, versioned: $versioned',
  ({ versioned }) => {
    it('leaves exactly what is reachable, as its dry run foretold, and a second one finds nothing', async () => {
      await fc.assert(
        fc.asyncProperty(history, async (steps) => {
          const world = new World({ versioned });
          const { everIndexed } = await generate(world, steps);
          const before = await contentsOf(world.bucket);
          const expected = judge(before, { now: world.clock.now(), everIndexed });
          const table = await world.items();

          const planned = await world.prune({ mode: 'offline', dryRun: true });
          expect(await world.items()).toEqual(table);
          expect(await contentsOf(world.bucket)).toEqual(before);
          expect(world.bus.events).toEqual([]);

          const witness = new JournalWitness();
          const report = await world.prune(
            { mode: 'offline' },
            { objects: (guard) => witness.over(world.dependencies.objects(guard)) },
          );
          const after = new Set((await world.keys()).keys());
          const gone = [...before.keys()].filter((key) => !after.has(key));
          expect(gone.filter((key) => expected.live.has(key))).toEqual([]);
          expect([...expected.garbage].filter((key) => after.has(key))).toEqual([]);
          expect(after).toEqual(expected.live);
          expect(witness.unannounced).toEqual([]);

          expect(report).toMatchObject({ status: 'completed', spaceReclaimed: expected.bytes });
          expect(reported(report.imagesDeleted, 'untagged')).toEqual(expected.deadTags);
          expect(reported(report.imagesDeleted, 'deleted')).toEqual(reportable(expected, gone));
          expect(comparable(planned)).toEqual(comparable(report));

          const again = await world.prune({ mode: 'offline' });
          expect(new Set((await world.keys()).keys())).toEqual(after);
          expect(again).toMatchObject({ imagesDeleted: [], spaceReclaimed: 0, status: 'completed' });
          expect((await world.items()).filter(({ state }) => state === 'deleting')).toEqual([]);
        }),
        runs(150),
      );
    });
  },
);

function reported(images: readonly object[], kind: 'untagged' | 'deleted'): Set<unknown> {
  return new Set(images.map((image) => Reflect.get(image, kind)).filter((value) => value !== undefined));
}

/** Digests of the manifests and of the blobs that went. */
function reportable(expected: { deadManifests: ReadonlySet<string> }, gone: readonly string[]): Set<string> {
  const manifests = [...expected.deadManifests].map((manifest) => manifest.slice(manifest.indexOf('@') + 1));
  const blobs = gone.flatMap((key) => {
    const hex = /\/blobs\/sha256\/..\/([0-9a-f]{64})\/data$/.exec(key)?.[1];
    return hex === undefined ? [] : [`sha256:${hex}`];
  });
  return new Set([...manifests, ...blobs]);
}
