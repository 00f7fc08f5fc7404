import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { holderKey, linkKey, referenceKey, tagKey } from '../../lambdas/store/items.ts';
import { SECOND } from '../support/clock.ts';
import { generate, history, REPOSITORIES, type Step, Writer } from '../support/generated-registry.ts';
import { neverPushed } from '../support/images.ts';
import { rebuild, viewOf } from '../support/rebuilds.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const damage = fc.record({
  lost: fc.array(fc.nat(), { maxLength: 10 }),
  name: fc.constantFrom(...REPOSITORIES),
});

/** Items go, and others come that nothing of the bucket is behind. */
async function harm(world: World, { lost, name }: { lost: readonly number[]; name: string }): Promise<void> {
  const items = (await world.items()).filter(({ pk }) => !['INDEX', 'REPOSITORIES'].includes(pk));
  for (const at of lost) {
    const item = items[at % Math.max(1, items.length)];
    if (item !== undefined) await world.table.remove(item);
  }
  const [nobody, blob] = [neverPushed('holder'), neverPushed('blob')];
  const stale = [
    { ...holderKey(name, blob, { kind: 'tag', tag: 'nowhere' }), since: 1 },
    { ...holderKey(name, blob, { kind: 'index', digest: nobody }), since: 1 },
    { ...referenceKey(blob, name, nobody), since: 1 },
    { ...linkKey(blob, name), version: 1, linkedAt: 1 },
    { ...tagKey(name, 'nowhere'), version: 1, digest: blob, taggedAt: 1 },
  ];
  await world.table.write(stale.map((put) => ({ put })));
}

/** The same table and the same bucket after the one and the other, each over a world of its own. */
async function expectSame(make: () => Promise<World>): Promise<void> {
  const [single, divided] = [await make(), await make()];
  const report = await single.reindex();
  const end = await rebuild(divided);
  expect(await viewOf(divided)).toEqual(await viewOf(single));
  expect(await divided.keys()).toEqual(await single.keys());
  // Which of two looks removes what both are about depends on which of them comes first, so `removed` may differ.
  const { found, added, postponed, unrecognised } = report;
  expect(end.report).toMatchObject({ found, added, postponed, unrecognised });
  expect(end.report.unreadable.count).toBe(report.unreadable.length);
  const seen = await divided.metadata.lastReindex();
  expect(seen?.startedAt).toBe((await single.metadata.lastReindex())?.startedAt);
}

/** Without any table. */
async function forgotten(steps: readonly Step[]): Promise<World> {
  const world = new World();
  const writer = new Writer(world);
  for (const step of steps) {
    world.clock.advance(SECOND);
    if (step.do !== 'reindex') await writer.take(step);
  }
  return world;
}

describe('a rebuild in units comes to the same table as one at one go', () => {
  it('from nothing', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        await expectSame(() => forgotten(steps));
      }),
      runs(12),
    );
  });

  it('from a table with items lost and left over, and a bucket that went on', async () => {
    await fc.assert(
      fc.asyncProperty(history, damage, history, async (steps, what, more) => {
        await expectSame(async () => {
          const world = new World();
          await generate(world, steps);
          await harm(world, what);
          const writer = new Writer(world);
          for (const step of more) if (step.do !== 'reindex') await writer.take(step);
          return world;
        });
      }),
      runs(12),
    );
  });
});
