import { describe, expect, it } from 'vitest';
import type { Report } from '../../lambdas/prune/report.ts';
import { heldLock } from '../../lambdas/store/lock.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { distribute } from '../support/distributed.ts';
import { mixedRegistry, totalsOf } from '../support/distributed-world.ts';
import type { Body } from '../support/world.ts';

describe.each<{ title: string; body: Body }>([
  { title: 'offline', body: { mode: 'offline' } },
  { title: 'offline, tagged ones too', body: { mode: 'offline', all: true } },
])('a distributed run, $title', ({ body }) => {
  it.each([1, 3, 16])('comes to what one process comes to, with %i workers', async (workers) => {
    const [one, many] = [await mixedRegistry(), await mixedRegistry()];
    const single = await one.prune(body);
    const { report } = await distribute(many, body, { settings: { workers } });
    expect(single.manifests.deleted).toBeGreaterThan(20);
    expect(totalsOf(report)).toEqual(totalsOf(single));
    expect(await many.keys()).toEqual(await one.keys());
    expect(await heldLock(many.table, many.clock.now())).toBeUndefined();
    expect(many.bus.events.map(({ detail }) => detail)).toMatchObject([
      { status: 'completed', manifestsDeleted: single.manifests.deleted },
    ]);
  });
});

describe.each<{ title: string; body: Body }>([
  { title: 'untagged ones', body: {} },
  { title: 'tagged ones too', body: { all: true } },
])('distributed online runs, $title', ({ body }) => {
  it.each([3, 16])('come to what single ones come to, with %i workers', async (workers) => {
    const [one, many] = [await mixedRegistry(), await mixedRegistry()];
    const [singles, distributed]: Report[][] = [[], []];
    for (let round = 0; round < 7; round++) {
      singles?.push(await one.prune(body));
      const { report } = await distribute(many, body, { settings: { workers } });
      if (report !== undefined) distributed?.push(report);
      await one.later(DAY + HOUR);
      await many.later(DAY + HOUR);
    }
    // In which run something goes depends on what is looked at first; what goes does not.
    expect(sumsOf(distributed)).toEqual(sumsOf(singles));
    expect(sumsOf(singles).manifests).toBeGreaterThan(20);
    expect(await many.keys()).toEqual(await one.keys());
  });
});

function sumsOf(reports: readonly Report[] = []) {
  const sum = (of: (report: Report) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    statuses: [...new Set(reports.map(({ status }) => status))],
    manifests: sum(({ manifests }) => manifests.deleted),
    blobs: sum(({ blobs }) => blobs.deleted),
    bytes: sum(({ spaceReclaimed }) => spaceReclaimed),
    links: sum(({ links }) => links.deleted),
  };
}
