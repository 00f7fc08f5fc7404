/** At the end of a soak, tagged images are pruned until their bytes are gone, and the runs that did it are undone. */
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../../bench/random.ts';
import { diff, snapshotBucket } from '../support/bucket.ts';
import { type RegistryClient, sha256 } from '../support/client.ts';
import { type Artifact, pushArtifact } from '../support/images.ts';
import { registryRoot } from '../support/reach.ts';
import { questionsFrom, served } from '../support/served.ts';
import { snapshotTable } from '../support/table.ts';
import { reportOf, succeeded } from '../support/world.ts';
import { Contents } from './contents.ts';
import { drained } from './settle.ts';
import type { SoakWorld } from './world.ts';

export interface Undone {
  /** That deleted something and were undone, newest first. */
  readonly runs: readonly string[];
  readonly bytes: number;
  /** What the registry served before the runs and not after them. */
  readonly gone: readonly string[];
  /** What it serves otherwise after the undoing than before the runs. */
  readonly different: readonly string[];
  /** Keys and items that undoing once more changed. */
  readonly changedAgain: readonly string[];
}

interface Doomed {
  readonly repo: string;
  readonly tag: string;
  readonly artifact: Artifact;
  readonly referrer: Artifact;
}

/** By what is asked for, or by key. */
type View = ReadonlyMap<string, string>;

const REPOSITORY = 'team/doomed';
const IMAGES = 4;
const MOST_RUNS = 30;
const PAUSE_MS = 1_000;

/** The prunes of the soak must have ended. */
export async function undo(world: SoakWorld, failed: () => void): Promise<Undone> {
  const doomed = await pushDoomed(world.client);
  await drained(world, failed);
  const objects = () => snapshotBucket(world.endpoint, world.bucket, registryRoot());
  const questions = questionsFrom(await objects());
  const before = await served(world.client, questions);
  const runs = await pruneDoomed(world, doomed, failed);
  const without = await served(world.client, questions);
  for (const { runId } of runs) succeeded(await world.cli('restore', runId, '--yes', '--json'));
  await drained(world, failed);
  const after = await served(world.client, questions);

  const [restored, items] = [await objects(), await itemsOf(world)];
  for (const { runId } of runs) succeeded(await world.cli('restore', runId, '--yes', '--json'));
  await drained(world, failed);
  const { removed, added, changed } = diff(restored, await objects());
  return {
    runs: runs.map(({ runId }) => runId),
    bytes: runs.reduce((sum, { bytes }) => sum + bytes, 0),
    gone: differences(before, without),
    different: differences(before, after),
    changedAgain: [
      ...[removed, added, changed].flatMap((keys) => [...keys.keys()]),
      ...differences(items, await itemsOf(world)),
    ],
  };
}

/** Two tags each, and a bill of materials. */
async function pushDoomed(client: RegistryClient): Promise<Doomed[]> {
  const contents = new Contents('doomed', new Random(1));
  const doomed: Doomed[] = [];
  for (let at = 0; at < IMAGES; at++) {
    const artifact = contents.image({ doomed: 'yes' });
    const referrer = contents.referrer(artifact);
    for (const tag of [`doomed-${at}`, `doomed-${at}-too`]) {
      await pushArtifact(client, REPOSITORY, artifact, tag);
      doomed.push({ repo: REPOSITORY, tag, artifact, referrer });
    }
    await pushArtifact(client, REPOSITORY, referrer);
  }
  return doomed;
}

/** @returns the runs that deleted something, newest first. */
async function pruneDoomed(world: SoakWorld, doomed: readonly Doomed[], failed: () => void) {
  // Manifests and configs are their own; layers may be others' too.
  const keys = doomed.flatMap(({ artifact, referrer }) =>
    [artifact.bytes, referrer.bytes, ...artifact.blobs.slice(0, 1)].map((bytes) => dataKey(sha256(bytes))),
  );
  const runs: { readonly runId: string; readonly bytes: number }[] = [];
  for (let run = 0; run < MOST_RUNS; run++) {
    failed();
    // What such a run leaves without a holder, and that has no such label, is for plain ones.
    const filters = run % 2 === 0 ? ['--filter', 'dangling=false', '--filter', 'label=doomed=yes'] : [];
    const report = reportOf(await world.cli('prune', ...filters, '--yes', '--json'));
    const { runId, manifests, blobs, spaceReclaimed: bytes } = report;
    const links = Number(Reflect.get(Object(report['links']), 'deleted'));
    if (manifests.deleted + blobs.deleted + links > 0) runs.unshift({ runId, bytes });
    const there = await snapshotBucket(world.endpoint, world.bucket, `${registryRoot()}blobs/`);
    if (!keys.some((key) => there.has(key))) return runs;
    await delay(PAUSE_MS);
  }
  throw new Error(`the bytes of tagged images were still there after ${MOST_RUNS} runs`);
}

/** Without those that go on changing: the lock, which each command takes, and the heartbeat. */
async function itemsOf({ tables, table }: SoakWorld): Promise<View> {
  const items = await snapshotTable(tables, table);
  const kept = [...items].filter(([key]) => !/^(?:LOCK|INDEX) /.test(key));
  return new Map(kept.map(([key, item]) => [key, JSON.stringify(item)]));
}

function differences(one: View, other: View): string[] {
  const keys = new Set([...one.keys(), ...other.keys()]);
  return [...keys].filter((key) => one.get(key) !== other.get(key)).sort();
}

function dataKey(digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return `${registryRoot()}blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
}
