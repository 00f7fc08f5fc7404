import { afterAll, beforeAll, expect, it } from 'vitest';
import { diff, listVersions, type Snapshot, type StoredVersion, snapshotBucket } from './support/bucket.ts';
import { image, layer, pushArtifact } from './support/images.ts';
import { registryRoot } from './support/reach.ts';
import {
  createWorld,
  JOURNAL_PREFIX,
  type Report,
  reportOf,
  succeeded,
  type World,
} from './support/world.ts';

/** The registry copies every finished upload away and deletes it: a bucket with versions keeps a second copy of it. */
const ROOT = `${registryRoot(undefined)}repositories/`;

let world: World;
let before: readonly StoredVersion[];
let objects: Snapshot;
let dryRun: Report;
let report: Report;

const uploads = async (): Promise<StoredVersion[]> =>
  (await listVersions(world.endpoint, world.bucket, ROOT)).filter(({ key }) => key.includes('/_uploads/'));
const uuidOf = ({ key }: StoredVersion): string => /\/_uploads\/([^/]+)\//.exec(key)?.[1] ?? '';
const isInFlight = (version: StoredVersion): boolean =>
  uuidOf(version) === world.scenario.abandonedUpload.uuid;
const bytesOf = (versions: readonly StoredVersion[]): number =>
  versions.reduce((sum, { size }) => sum + size, 0);
const byId = (versions: readonly StoredVersion[]) =>
  new Map(versions.map((version) => [version.versionId, version]));

beforeAll(async () => {
  world = await createWorld({ name: 'uploads', versioned: true });
  before = await uploads();
  objects = await snapshotBucket(world.endpoint, world.bucket);
  dryRun = reportOf(await world.cli('prune', '--dry-run', '--json'));
  report = reportOf(await world.cli('prune', '--yes', '--json'));
});

afterAll(() => world?.stop());

it('starts with a second copy of every layer, hidden, and with an upload in flight', () => {
  const left = before.filter((version) => !isInFlight(version));
  expect(left.some(({ key, isMarker, size }) => key.endsWith('/data') && !isMarker && size > 0)).toBe(true);
  expect(left.filter(({ isLatest, isMarker }) => isLatest && !isMarker)).toEqual([]);
  expect(before.filter(isInFlight)).not.toEqual([]);
});

it('leaves no version and no marker of a finished upload, and all of one in flight', async () => {
  expect(byId(await uploads())).toEqual(byId(before.filter(isInFlight)));
});

it('reports the bytes of the versions that went, as the dry run foretold', async () => {
  const gone = before.filter((version) => !isInFlight(version));
  expect(report).toMatchObject({ status: 'completed', refusals: [], spaceReclaimed: 0 });
  expect(report.uploads).toEqual({ deleted: new Set(gone.map(uuidOf)).size, bytes: bytesOf(gone) });
  expect(dryRun.uploads).toEqual(report.uploads);
});

it('takes no object away that a reader could find', async () => {
  const changes = diff(objects, await snapshotBucket(world.endpoint, world.bucket));
  const removed = [...changes.removed.keys()].filter((key) => !key.startsWith(JOURNAL_PREFIX));
  expect([removed, [...changes.changed.keys()]]).toEqual([[], []]);
});

it('takes what the pushes after it leave with the next run, and only that', async () => {
  await pushArtifact(world.client(), 'team/app', image({ layers: [layer('pushed later', 9_000)] }), 'later');
  const left = (await uploads()).filter((version) => !isInFlight(version));
  expect(bytesOf(left)).toBeGreaterThan(9_000);
  succeeded(await world.cli('reindex'));
  const next = reportOf(await world.cli('prune', '--yes', '--json'));
  expect(next.uploads).toEqual({ deleted: new Set(left.map(uuidOf)).size, bytes: bytesOf(left) });
  expect(byId(await uploads())).toEqual(byId(before.filter(isInFlight)));
});
