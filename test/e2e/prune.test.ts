import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Difference, diff, listVersions, type Snapshot, snapshotBucket } from './support/bucket.ts';
import type { BusEvent } from './support/bus.ts';
import { failureLines, type Pulls, pullEverything } from './support/pulls.ts';
import { type Reach, reach, registryRoot } from './support/reach.ts';
import { snapshotTable } from './support/table.ts';
import {
  createWorld,
  HEARTBEAT_PREFIX,
  JOURNAL_PREFIX,
  type Report,
  reportOf,
  type World,
} from './support/world.ts';

/** The product against what the harness works out by itself: the same keys, the same bytes, and nothing else. */
describe.each([
  { name: 'unversioned', versioned: false, rootDirectory: undefined },
  { name: 'rooted', versioned: true, rootDirectory: '/some/root' },
])('offline prune, $name bucket', ({ name, versioned, rootDirectory }) => {
  const place = rootDirectory === undefined ? {} : { rootDirectory };
  const root = registryRoot(rootDirectory);
  let world: World;
  let before: Snapshot;
  let expected: Reach;
  let pullsBefore: Pulls;
  let dryRun: { report: Report; changes: Difference; table: [unknown, unknown]; events: BusEvent[] };
  let prune: { report: Report; changes: Difference; events: BusEvent[]; pulls: Pulls };

  beforeAll(async () => {
    world = await createWorld({ name, versioned, ...place });
    const { endpoint, bucket, table, bus, cli, scenario } = world;
    await world.makeReadOnly();
    pullsBefore = await pullEverything(world.client());
    before = await snapshotBucket(endpoint, bucket);
    expected = await reach({
      endpoint,
      bucket,
      snapshot: before,
      everExisted: scenario.everExisted,
      ...place,
    });
    const tableBefore = await snapshotTable(endpoint, table);
    await bus.receive();

    const planned = reportOf(await cli('prune', '--mode', 'offline', '--dry-run', '--json'));
    dryRun = {
      report: planned,
      changes: diff(before, await snapshotBucket(endpoint, bucket)),
      table: [await snapshotTable(endpoint, table), tableBefore],
      events: await bus.receive(),
    };
    const report = reportOf(await cli('prune', '--mode', 'offline', '--yes', '--json'));
    prune = {
      report,
      changes: diff(before, await snapshotBucket(endpoint, bucket)),
      events: await bus.receive(),
      pulls: await pullEverything(world.client()),
    };
  });

  afterAll(() => world?.stop());

  it('starts from a registry with garbage of every kind', () => {
    expect(failureLines(pullsBefore.failures)).toEqual(world.scenario.missing.before);
    for (const keys of Object.values(expected.garbage)) expect(keys.size).toBeGreaterThan(0);
  });

  it('changes nothing in a dry run', () => {
    expect(dryRun.report).toMatchObject({ dryRun: true, mode: 'offline', refusals: [] });
    expect(keysOf(dryRun.changes)).toEqual([]);
    expect(dryRun.table[0]).toEqual(dryRun.table[1]);
    expect(dryRun.events).toEqual([]);
  });

  it('leaves every tagged image whole', () => {
    const { pulls, failures } = prune.pulls;
    expect(failureLines(failures)).toEqual(world.scenario.missing.after);
    const tagged = new Set(world.scenario.tagged.map(({ repo, tag }) => `${repo}:${tag}`));
    expect(new Set(pulls.map(({ repo, tag }) => `${repo}:${tag}`))).toEqual(tagged);
    for (const pull of pulls) {
      const then = pullsBefore.pulls.find(({ repo, tag }) => repo === pull.repo && tag === pull.tag);
      expect(new Set(pull.digests)).toEqual(new Set(then?.digests));
    }
  });

  it('keeps the untagged manifests that something tagged holds', async () => {
    for (const { repo, digest } of world.scenario.liveManifests) {
      expect(await world.client().headManifest(repo, digest)).toBe(digest);
    }
  });

  it('removes exactly the garbage', () => {
    const removed = [...prune.changes.removed.keys()].filter((key) => !key.startsWith(JOURNAL_PREFIX));
    expect(new Set(removed)).toEqual(expected.garbageKeys);
  });

  it('writes its journal, a heartbeat, and nothing else', () => {
    const written = [...prune.changes.added.keys(), ...prune.changes.changed.keys()];
    expect(
      written.filter((key) => ![JOURNAL_PREFIX, HEARTBEAT_PREFIX].some((own) => key.startsWith(own))),
    ).toEqual([]);
    expect(written).not.toEqual([]);
  });

  it('reports the bytes of the removed data, as the dry run foretold', () => {
    const bytes = [...prune.changes.removed]
      .filter(([key]) => key.startsWith(`${root}blobs/`) && key.endsWith('/data'))
      .reduce((total, [, size]) => total + size, 0);
    expect(prune.report.spaceReclaimed).toBe(bytes);
    expect(prune.report.spaceReclaimed).toBe(expected.reclaimable);
    expect(dryRun.report.spaceReclaimed).toBe(expected.reclaimable);
  });

  it('reports what it deleted', () => {
    const { report } = prune;
    expect(report).toMatchObject({ status: 'completed', dryRun: false, mode: 'offline', refusals: [] });
    expect(report.manifests.deleted).toBe(expected.deadManifests.size);
    expect(report.blobs).toMatchObject({ deleted: expected.garbage.blobs.size, failed: 0 });

    const digest = (manifest: string) => manifest.slice(manifest.indexOf('@') + 1);
    const dead = new Set([...expected.deadManifests].map(digest));
    const listed = new Set(valuesOf(report, 'deleted'));
    expect(dead.difference(listed)).toEqual(new Set());
    const deadBlobs = [...expected.garbage.blobs].map((key) => `sha256:${key.split('/').at(-2)}`);
    expect(listed.difference(new Set([...dead, ...deadBlobs]))).toEqual(new Set());
    const deadTags = new Set(world.scenario.deadTags.map(({ repo, tag }) => `${repo}:${tag}`));
    expect(new Set(valuesOf(report, 'untagged')).difference(deadTags)).toEqual(new Set());
    expect(new Set(valuesOf(dryRun.report, 'deleted'))).toEqual(listed);
  });

  it('publishes one event with the same figures', () => {
    const { report, events } = prune;
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      source: 'registry-prune',
      detailType: 'Registry Prune',
      detail: {
        schemaVersion: '1.0',
        type: 'image',
        action: 'prune',
        actor: { attributes: { reclaimed: String(expected.reclaimable) } },
        runId: report.runId,
        status: 'completed',
        mode: 'offline',
        bucket: world.bucket,
        reclaimedBytes: expected.reclaimable,
        manifestsDeleted: expected.deadManifests.size,
        blobsDeleted: expected.garbage.blobs.size,
      },
    });
  });

  it.runIf(versioned)('leaves the data of every removed blob in the bucket, hidden', async () => {
    const versions = await listVersions(world.endpoint, world.bucket, `${root}blobs/`);
    const kept = new Set(versions.filter(({ isMarker }) => !isMarker).map(({ key }) => key));
    expect(expected.garbage.blobs.difference(kept)).toEqual(new Set());
  });

  it('finds nothing the second time', async () => {
    const { endpoint, bucket, cli, bus } = world;
    const then = await snapshotBucket(endpoint, bucket, root);
    const report = reportOf(await cli('prune', '--mode', 'offline', '--yes', '--json'));
    expect(report).toMatchObject({ status: 'completed', spaceReclaimed: 0, imagesDeleted: [], refusals: [] });
    expect(report.manifests.deleted).toBe(0);
    expect(report.blobs).toMatchObject({ deleted: 0, condemned: 0 });
    expect(keysOf(diff(then, await snapshotBucket(endpoint, bucket, root)))).toEqual([]);
    const events = await bus.receive();
    expect(events.map(({ detail }) => detail['reclaimedBytes'])).toEqual([0]);
  });
});

describe('online prune where nothing can be taken back', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ name: 'online', versioned: false, grace: '0s', quarantine: '0s' });
  });

  afterAll(() => world?.stop());

  it('stops at condemned: no data and no tag goes, and everything pulls', async () => {
    const { endpoint, bucket, cli, scenario } = world;
    const before = await snapshotBucket(endpoint, bucket);
    for (const round of [1, 2]) {
      const report = reportOf(await cli('prune', '--mode', 'online', '--yes', '--json'));
      expect(report.blobs.deleted).toBe(0);
      expect(report.spaceReclaimed).toBe(0);
      if (round === 1) expect(report.blobs.condemned).toBeGreaterThan(0);

      const { removed } = diff(before, await snapshotBucket(endpoint, bucket));
      expect([...removed.keys()].filter((key) => /\/(?:data|current\/link)$/.test(key))).toEqual([]);

      const { pulls, failures } = await pullEverything(world.client());
      const failed = new Set(failureLines(failures));
      expect(failed.difference(new Set(scenario.missing.before))).toEqual(new Set());
      const pulled = new Set(pulls.map(({ repo, tag, digests }) => `${repo}:${tag}@${digests[0]}`));
      const tagged = new Set(scenario.tagged.map(({ repo, tag, digest }) => `${repo}:${tag}@${digest}`));
      expect(tagged.difference(pulled)).toEqual(new Set());
    }
  });
});

function keysOf({ removed, added, changed }: Difference): string[] {
  return [...removed.keys(), ...added.keys(), ...changed.keys()];
}

function valuesOf({ imagesDeleted }: Report, name: 'deleted' | 'untagged'): string[] {
  return imagesDeleted.flatMap((entry) => entry[name] ?? []);
}
