import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GROUPINGS } from '../../cli/usage/report.ts';
import { generate, history } from '../support/generated-registry.ts';
import type { Digest } from '../support/images.ts';
import { contentsOf } from '../support/oracle.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { expectUsages, usageReport } from '../support/usage-figures.ts';
import { usagesOf } from '../support/usage-oracle.ts';
import { World } from '../support/world.ts';

it('says of any registry what taking each thing away shows', { timeout: PATIENCE }, async () => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = new World();
      const { everIndexed } = await generate(world, steps);
      const expected = usagesOf(await contentsOf(world.bucket), everIndexed);
      const reports = await Promise.all(GROUPINGS.map((by) => usageReport(world.table, by)));
      expectUsages(reports, expected);
    }),
    runs(150),
  );
});

it('foretells what deleting an image frees', { timeout: PATIENCE }, async () => {
  let freed = 0;
  await fc.assert(
    fc.asyncProperty(history, fc.nat(), async (steps, at) => {
      const world = new World();
      // A manifest that cannot be understood keeps more than it names.
      await generate(
        world,
        steps.filter((step) => step.do !== 'strange'),
      );
      await world.reindexAndPrune({ mode: 'offline' });
      await world.later();
      const { rows } = await usageReport(world.table, 'image');
      const image = rows[at % Math.max(1, rows.length)];
      if (image?.digest === undefined) return;
      await world.registry.deleteManifest(image.repository, image.digest as Digest);
      const { spaceReclaimed, refusals } = await world.reindexAndPrune({ mode: 'offline' });
      expect([spaceReclaimed, refusals]).toEqual([image.uniqueBytes, []]);
      if (spaceReclaimed > 0) freed++;
    }),
    runs(60),
  );
  expect(freed).toBeGreaterThan(10);
});
