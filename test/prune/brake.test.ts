import { describe, expect, it } from 'vitest';
import type { BrakeSettings } from '../../lambdas/prune/brake.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { blobKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { digestOf, image, index, layer } from '../support/images.ts';
import { intercept, once } from '../support/intercept.ts';
import { World } from '../support/world.ts';

const FLOORLESS: BrakeSettings = { manifestShare: 0.5, byteShare: 0.5, manifestFloor: 0, byteFloor: 0 };

/** A repository with so many tagged images and so many untagged ones, all of them rested. */
async function registry(tagged: number, untagged: number, brake: BrakeSettings = FLOORLESS): Promise<World> {
  const world = new World({ settings: { brake } });
  for (let at = 0; at < tagged; at++) await world.registry.push('team/app', image(`kept ${at}`), `v${at}`);
  for (let at = 0; at < untagged; at++) await world.registry.push('team/app', image(`loose ${at}`));
  await world.registry.push('other', image('alone'), 'v1');
  await world.reindex();
  await world.later(DAY + HOUR);
  return world;
}

describe('the brake on manifests', () => {
  it('refuses before the first deletion, with the figure and how to confirm it', async () => {
    const world = await registry(2, 3);
    const before = await world.keys();
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'refused', manifests: { deleted: 0 }, spaceReclaimed: 0 });
    expect(report.refusals).toEqual([
      {
        code: 'blast-radius',
        repository: 'team/app',
        message:
          '3 of 5 manifests (60%) would be deleted; allowed are 50% (MAX_MANIFEST_SHARE). If that is meant, ' +
          'confirm it with --confirm 60%, or "confirm": 60 in the request',
      },
    ]);
    expect(await world.keys()).toEqual(before);
    expect(world.bus.events).toMatchObject([{ detail: { status: 'refused', refusals: ['blast-radius'] } }]);
  });

  it('lets pass what is confirmed, and no more than that', async () => {
    const less = await registry(2, 3);
    expect((await less.prune({ confirm: 59 })).status).toBe('refused');
    const world = await registry(2, 3);
    expect(await world.prune({ confirm: 60 })).toMatchObject({
      status: 'completed',
      manifests: { deleted: 3 },
    });
  });

  it.each([
    { title: 'exactly as much as is allowed', tagged: 3, untagged: 3 },
    { title: 'less', tagged: 4, untagged: 3 },
  ])('lets $title pass', async ({ tagged, untagged }) => {
    const world = await registry(tagged, untagged);
    expect(await world.prune()).toMatchObject({ status: 'completed', manifests: { deleted: untagged } });
  });

  it('asks for no share up to the floor', async () => {
    const world = await registry(0, 3, { ...FLOORLESS, manifestFloor: 3 });
    expect(await world.prune()).toMatchObject({ status: 'completed', manifests: { deleted: 3 } });
    const more = await registry(0, 4, { ...FLOORLESS, manifestFloor: 3 });
    expect((await more.prune()).status).toBe('refused');
  });

  it('looks at repositories that were asked for alone', async () => {
    const world = await registry(2, 3);
    expect((await world.prune({ repositories: ['other'] })).status).toBe('completed');
  });

  it('counts what would go, not what is due: what a tag holds is due after each push', async () => {
    const world = new World({ settings: { brake: FLOORLESS } });
    for (let at = 0; at < 8; at++) await world.registry.push('team/app', image(`kept ${at}`), `v${at}`);
    await world.registry.push('team/app', image('loose'));
    await world.reindex();
    await world.later(DAY + HOUR);
    expect(await world.prune()).toMatchObject({
      status: 'completed',
      manifests: { examined: 9, deleted: 1 },
    });
  });

  it('counts tags that would go as well', async () => {
    const world = await registry(3, 0);
    const report = await world.prune({ filters: { dangling: ['false'] }, repositories: ['team/**'] });
    expect(report).toMatchObject({ status: 'refused', refusals: [{ code: 'blast-radius' }] });
    expect(report.refusals[0]?.message).toContain('3 of 3 manifests (100%)');
  });

  it('is off for a plan, which was approved with its figures', async () => {
    const world = await registry(2, 3);
    const { plan } = await world.plan();
    if (plan === undefined) throw new Error('no plan');
    expect(plan.totals.manifests).toBe(3);
    expect(await world.apply(plan)).toMatchObject({ status: 'completed', manifests: { deleted: 3 } });
  });

  it('is told by a dry run, which ends as it does', async () => {
    const world = await registry(2, 3);
    const report = await world.prune({ dryRun: true });
    expect(report).toMatchObject({ status: 'completed', manifests: { deleted: 3 } });
    expect(report.refusals).toMatchObject([{ code: 'blast-radius', repository: 'team/app' }]);
  });
});

describe('the brake on bytes', () => {
  async function blobs(kept: number, loose: number, settings: object = {}): Promise<World> {
    const world = new World({ settings: { brake: FLOORLESS, ...settings } });
    const manifest = image('kept', { layers: [new Uint8Array(kept).fill(1)] });
    await world.registry.push('team/app', manifest, 'v1');
    await world.registry.upload('team/app', new Uint8Array(loose).fill(2));
    await world.reindex();
    await world.later(DAY + HOUR);
    return world;
  }

  it('refuses an online run when condemned bytes are due, and condemns before', async () => {
    const world = await blobs(1_000, 90_000);
    expect(await world.prune()).toMatchObject({ status: 'completed', blobs: { condemned: 1 } });
    await world.later(DAY + HOUR);
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'refused', spaceReclaimed: 0 });
    expect(report.refusals[0]?.message).toMatch(
      /^90000 of \d+ bytes of blobs \(9\d(\.\d)?%\) would be deleted; allowed are 50% \(MAX_BYTE_SHARE\)/,
    );
    expect(await world.prune({ confirm: 99 })).toMatchObject({ status: 'completed', spaceReclaimed: 90_000 });
  });

  it('refuses an offline run, in which everything goes at once', async () => {
    const world = await blobs(1_000, 90_000);
    const before = await world.keys();
    expect(await world.prune({ mode: 'offline' })).toMatchObject({ status: 'refused', spaceReclaimed: 0 });
    expect(await world.keys()).toEqual(before);
    expect(await world.prune({ mode: 'offline', confirm: 100 })).toMatchObject({ spaceReclaimed: 90_000 });
  });

  it('lets less than the share pass', async () => {
    const world = await blobs(90_000, 1_000);
    expect(await world.prune({ mode: 'offline' })).toMatchObject({
      status: 'completed',
      spaceReclaimed: 1_000,
    });
  });
});

describe('what comes after the brake was asked', () => {
  const strict = { ...FLOORLESS, manifestShare: 0.2, byteShare: 1 };

  it('is for the next run where it falls due meanwhile', async () => {
    const world = new World({ settings: { brake: strict } });
    for (let at = 0; at < 5; at++) await world.registry.push('team/app', image(`kept ${at}`), `v${at}`);
    await world.registry.push('team/app', image('loose'));
    await world.reindex();
    world.clock.advance(8 * MINUTE);
    for (let at = 0; at < 9; at++) await world.registry.push('team/app', image(`late ${at}`));
    await world.reindex();
    await world.later(DAY - 5 * MINUTE);
    // The first deletion takes so long that the run needs another slice, in which the late ones are due.
    const waits = once(
      ({ operation }) => operation === 'deleteMany',
      () => world.clock.advance(9 * MINUTE + 50 * SECOND),
    );
    const objects = (guard: () => void) => intercept(world.dependencies.objects(guard), { after: waits });
    const deadlines = [10, 25].map((minutes) => world.clock.now() + minutes * MINUTE);
    const request = parsePruneRequest({}, world.clock.date());
    const report = await prune({ ...world.dependencies, objects }, request, deadlines);
    expect(report.manifests.deleted).toBe(1);
  });

  it('ends the run where it goes with what was due', async () => {
    const world = new World({ settings: { brake: strict } });
    const child = image('child');
    await world.registry.push('team/app', child);
    for (let at = 0; at < 11; at++) {
      const own = image(`own ${at}`);
      await world.registry.push('team/app', own);
      await world.registry.push('team/app', index([child, own]), ...(at < 10 ? [`v${at}`] : []));
    }
    await world.reindex();
    await world.later(DAY + HOUR);
    await world.prune({ confirm: 100 });
    await world.later(DAY + HOUR);
    // The events of these are still on their way: the indexes are not due, and nothing holds them.
    for (let at = 0; at < 10; at++) await world.registry.deleteTag('team/app', `v${at}`);
    const before = await world.keys();
    const report = await world.prune();
    expect(report).toMatchObject({ status: 'refused', manifests: { deleted: 0 } });
    expect(report.refusals[0]).toMatchObject({ code: 'blast-radius', repository: 'team/app' });
    expect(await world.keys()).toEqual(before);
  });

  it('is no slice without a brake, when the first one went by before it', async () => {
    const world = await registry(2, 30);
    const deadLetters = async () => {
      world.clock.advance(9 * MINUTE + 45 * SECOND);
      return 0;
    };
    const deadlines = [10, 25].map((minutes) => world.clock.now() + minutes * MINUTE);
    const request = parsePruneRequest({}, world.clock.date());
    const report = await prune({ ...world.dependencies, deadLetters }, request, deadlines);
    expect(report).toMatchObject({ status: 'refused', manifests: { deleted: 0 } });
  });
});

describe('the figure that the brake tells', () => {
  it.each([
    [71, 29],
    [2, 1],
    [6, 7],
    [1, 99],
    [93, 7],
  ])('lets just that pass: %i tagged, %i not', async (tagged, untagged) => {
    const world = await registry(tagged, untagged, { ...FLOORLESS, manifestShare: 0.01, byteShare: 1 });
    const refused = await world.prune();
    expect(refused.status).toBe('refused');
    const [, figure] = /--confirm (\d+)%/.exec(refused.refusals[0]?.message ?? '') ?? [];
    expect((await world.prune({ confirm: Number(figure) - 1 || 1 })).status).toBe('refused');
    expect(await world.prune({ confirm: Number(figure) })).toMatchObject({
      status: 'completed',
      manifests: { deleted: untagged },
    });
  });
});

describe('a blob item in a shape not known', () => {
  it('does not stop a run that has nothing to do with it', async () => {
    const world = await registry(5, 1);
    const digest = digestOf(layer('odd'));
    const queue = `blob#${digest.charAt('sha256:'.length)}`;
    await world.table.put({ ...blobKey(digest), state: 'odd', version: 1, touchedAt: 1, queue, dueAt: 1 });
    const report = await world.prune();
    expect(report).toMatchObject({ manifests: { deleted: 1 } });
    expect(report.refusals.map(({ code }) => code)).toContain('unreadable');
  });
});

describe('what the brake costs', () => {
  /** Looks at the holders of manifests, in a run over a registry. */
  async function looks(world: World): Promise<number> {
    let count = 0;
    const before = ({ operation, arguments: [pk] }: { operation: string; arguments: readonly unknown[] }) => {
      if (operation === 'query' && String(pk).startsWith('HOLDERS#')) count++;
    };
    await world.prune({}, { table: intercept(world.table, { before }) });
    return count;
  }

  it('is no rehearsal where what is due is little', async () => {
    const off = { ...FLOORLESS, manifestShare: 1, byteShare: 1 };
    // Rested and looked at once, what tags hold is not due any more.
    const settled = async (brake: BrakeSettings) => {
      const world = await registry(30, 0, brake);
      await world.prune();
      for (let at = 0; at < 3; at++) await world.registry.push('team/app', image(`loose ${at}`));
      await world.reindex();
      await world.later(DAY + HOUR);
      return world;
    };
    const without = await looks(await settled(off));
    expect(without).toBeGreaterThan(0);
    expect(await looks(await settled(FLOORLESS))).toBe(without);
    // Or nothing was compared: where it is much, the run is rehearsed.
    expect(await looks(await registry(2, 3))).toBeGreaterThan(0);
  });

  it.each([0, 101, 'half', Number.NaN])('no confirmation is %j', async (confirm) => {
    const world = await registry(1, 0);
    await expect(world.prune({ confirm })).rejects.toThrow(
      /^confirm is .*: allowed are 1 to 100, in percent$/,
    );
  });
});
