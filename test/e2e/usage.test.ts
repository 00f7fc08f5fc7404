import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GROUPINGS, type UsageReport } from '../../cli/usage/report.ts';
import type { StoredText } from '../support/oracle.ts';
import { expectUsages } from '../support/usage-figures.ts';
import { type Usages, usagesOf } from '../support/usage-oracle.ts';
import { readObject, snapshotBucket } from './support/bucket.ts';
import { createWorld, reportOf, succeeded, type World } from './support/world.ts';

const ROOT = 'docker/registry/v2/';

/** What the command line says of a registry that the real one has written, against the bucket's own contents. */
describe('usage', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ name: 'usage', versioned: true });
  });

  afterAll(() => world?.stop());

  async function expected(gone: Iterable<string> = []): Promise<Usages> {
    const { endpoint, bucket, scenario } = world;
    const snapshot = await snapshotBucket(endpoint, bucket, ROOT);
    const contents = await pMap(
      snapshot,
      async ([key, { size, lastModified }]): Promise<[string, StoredText]> => {
        const bytes = await readObject(endpoint, bucket, key);
        return [key, { size, text: new TextDecoder().decode(bytes).trimEnd(), modified: lastModified }];
      },
      { concurrency: 16 },
    );
    return usagesOf(new Map(contents), scenario.everExisted.union(new Set(gone)));
  }

  async function answered(): Promise<UsageReport[]> {
    const reports: UsageReport[] = [];
    for (const by of GROUPINGS) {
      const result = succeeded(await world.cli('usage', '--by', by, '--top', '1000000', '--json'));
      reports.push(JSON.parse(result.stdout));
    }
    return reports;
  }

  it('says what the bucket says, with garbage of every kind', async () => {
    const usages = await expected();
    expect(usages.repositories.size).toBeGreaterThan(1);
    expect(usages.unheldManifests.size).toBeGreaterThan(0);
    expect([...usages.images.values()].some(({ physical, unique }) => unique > 0 && unique < physical)).toBe(
      true,
    );
    expectUsages(await answered(), usages);
  });

  it('foretells what a prune frees, and says what is left', async () => {
    await world.makeReadOnly();
    const [before] = await answered();
    const indexed = (await expected()).images.keys();
    const report = reportOf(await world.cli('prune', '--mode', 'offline', '--yes', '--json'));
    const usages = await expected(indexed);
    const [after, ...others] = await answered();
    if (before === undefined || after === undefined) throw new Error('no report');
    expect(report.spaceReclaimed).toBeGreaterThan(0);
    expect(before.total.bytes - after.total.bytes).toBe(report.spaceReclaimed);
    expect(before.total.unheld.bytes).toBeLessThanOrEqual(report.spaceReclaimed);
    expect(after.total.unheld.manifests).toBe(0);
    expectUsages([after, ...others], usages);
  });
});
