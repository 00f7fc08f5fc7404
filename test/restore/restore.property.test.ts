import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { apiView } from '../support/api-view.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { generate, history, LABELS } from '../support/generated-registry.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { everything } from '../support/stored.ts';
import { World } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const request = fc.record(
  { dangling: fc.constantFrom('true', 'false'), label: fc.constantFrom(...LABELS) },
  { requiredKeys: [] },
);

const bodyOf = ({ dangling, label }: { dangling?: string; label?: readonly [string, string] }) => ({
  filters: {
    ...(dangling === undefined ? {} : { dangling: [dangling] }),
    ...(label === undefined ? {} : { label: [label.join('=')] }),
  },
});

describe('an undone run', () => {
  it('leaves the registry as it was before it, offline', async () => {
    await fc.assert(
      fc.asyncProperty(history, request, async (steps, given) => {
        const world = new World({ versioned: true });
        await generate(world, steps);
        await world.reindex();
        const before = await apiView(world.bucket);
        const { runId } = await world.prune({ ...bodyOf(given), mode: 'offline' });
        const pruned = await apiView(world.bucket);
        const planned = await world.restore(runId, { dryRun: true });
        const report = await world.restore(runId);
        expect(report).toMatchObject({ status: 'restored' });
        expect({ ...planned, dryRun: false }).toEqual(report);
        expect(await apiView(world.bucket)).toEqual(before);

        const then = await everything(world);
        world.clock.advance(HOUR);
        const again = await world.restore(runId);
        expect(again).toMatchObject({ status: 'restored', blobs: { restored: 0, bytes: 0 } });
        expect(await everything(world)).toEqual(then);
        // The table is in line with what is there again.
        const { added, removed } = await world.reindex();
        expect({ ...added, uploads: 0 }).toEqual(NOTHING);
        expect({ ...removed, uploads: 0 }).toEqual(NOTHING);
        // What was garbage is garbage again.
        await world.later();
        await world.prune({ ...bodyOf(given), mode: 'offline' });
        expect(await apiView(world.bucket)).toEqual(pruned);
      }),
      runs(150),
    );
  });

  it('leaves the registry as it was, each of several online runs in turn', async () => {
    await fc.assert(
      fc.asyncProperty(history, request, async (steps, given) => {
        const world = new World({ versioned: true });
        await generate(world, steps);
        await world.reindex();
        const stages: { readonly runId: string; readonly before: Map<string, string | undefined> }[] = [];
        for (let round = 0; round < 4; round++) {
          await world.later(DAY + HOUR);
          const before = await apiView(world.bucket);
          const { runId } = await world.prune(bodyOf(given));
          stages.push({ runId, before });
        }
        for (const { runId, before } of stages.reverse()) {
          expect((await world.restore(runId)).status).toBe('restored');
          const now = await apiView(world.bucket);
          // A manifest comes back with all that it needs, so what went before this run may be there again already.
          expect(
            [...before].filter(([what, bytes]) => bytes !== undefined && now.get(what) !== bytes),
          ).toEqual([]);
        }
        expect(await apiView(world.bucket)).toEqual(stages.at(-1)?.before);
      }),
      runs(60),
    );
  });
});

const NOTHING = { repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 };
