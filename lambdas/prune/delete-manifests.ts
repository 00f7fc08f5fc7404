/** Carries out the deletion of a manifest with its unheld ancestors (protocol, manifest steps 3 to 8). */
import type { Digest } from '../registry/digest.ts';
import {
  holderKey,
  type ManifestItem,
  manifestId,
  manifestKey,
  manifestQueue,
  tagKey,
} from '../store/items.ts';
import type { JournalEntry } from '../store/journal.ts';
import { tombstoneExpiry } from '../store/metadata.ts';
import { removeManifestEdges } from '../store/release.ts';
import { settled } from '../store/side-by-side.ts';
import { holdsAgain } from './look-again.ts';
import type { Doomed } from './plan-manifest.ts';
import { type PullTimes, pullTime, tagPullTimes } from './pull-times.ts';
import { repairManifest } from './repair.ts';
import { marks, type Run, released } from './run.ts';

/** `conflict`: something changed since it was read. `failed`: left `deleting`, to be resolved later. */
export type Deletion = 'deleted' | 'conflict' | 'failed';

/** @param group holders before what they hold, all of one repository. */
export async function deleteManifests(run: Run, group: readonly Doomed[], reason: string): Promise<Deletion> {
  const taken = await take(run, group);
  if (taken === undefined) return 'conflict';
  const digests = new Set(group.map(({ item }) => item.digest));
  if (await anyAsync(group, (doomed) => holdsAgain(run, doomed, digests))) return await giveBack(run, group);

  const pulled = await tagPullTimes(run, group);
  await run.journal.write(group.flatMap((doomed) => lines(doomed, reason, pulled)));
  for (const doomed of group) {
    if ((await removeTags(run, doomed, pulled)) === 'changed') return await giveBack(run, group);
  }
  if (!(await removeLinks(run, group))) return 'failed';

  const { metadata } = run;
  for (const { item, tags } of group) {
    // Edges are removed whatever their version: a process that stood still here would remove those of a push after it.
    await run.confirm();
    await metadata.table.write(
      tags.map(({ tag }) => ({ remove: holderKey(item.name, item.digest, { kind: 'tag', tag }) })),
    );
    await settled(
      tags.map(({ tag }) =>
        metadata.table.remove(tagKey(item.name, tag), { equals: { digest: item.digest } }),
      ),
    );
    await removeManifestEdges(metadata, item, released(run), digests);
  }
  const versions = new Map(taken.map(({ item, version }) => [item.digest, version]));
  for (const doomed of group) {
    const version = versions.get(doomed.item.digest) ?? 0;
    // What one needs again, or what lives as long as it, may be buried already: all come back.
    if (!(await bury(run, doomed, version, digests))) return await giveBack(run, group);
  }
  for (const { item } of group) {
    run.tally.examineManifest(manifestId(item.name, item.digest));
    run.tally.deleteManifest(item.name);
    run.tally.image({ deleted: item.digest, ...pullTime(item.lastPulledAt) });
  }
  return 'deleted';
}

/**
 * Step 3. In one order for all workers, so that of several who want the same manifests one gets them all: holders can
 * form a cycle, around which everybody would begin somewhere else.
 */
async function take(
  run: Run,
  group: readonly Doomed[],
): Promise<{ readonly item: ManifestItem; readonly version: number }[] | undefined> {
  const taken: { item: ManifestItem; version: number }[] = [];
  const inOrder = group.toSorted((a, b) => (a.item.digest < b.item.digest ? -1 : 1));
  for (const { item, tags } of inOrder) {
    // With the versions that are meant, for whoever comes after a crash between a deletion and the look at it.
    const untagging = tags.flatMap(({ tag, versionId }) =>
      versionId === undefined ? [] : [{ tag, versionId }],
    );
    // Queued while it is `deleting`, so that whoever comes after a crash finds it.
    const set = {
      state: 'deleting',
      ...marks(run),
      queue: manifestQueue(item.digest),
      dueAt: Math.min(item.dueAt ?? run.now(), run.now()),
      ...(untagging.length === 0 ? {} : { untagging }),
    };
    const key = manifestKey(item.name, item.digest);
    const version = await run.metadata.transition(key, item.version, set);
    if (version === undefined) {
      // Nothing has been done to them yet, so they are due as they were.
      for (const { item } of taken) await repairManifest(run, item.name, item.digest, item.touchedAt);
      return undefined;
    }
    taken.push({ item, version });
  }
  return taken;
}

async function giveBack(run: Run, group: readonly Doomed[]): Promise<Deletion> {
  for (const { item } of group) await repairManifest(run, item.name, item.digest);
  return 'conflict';
}

/** Step 5. */
function lines({ item, tags }: Doomed, reason: string, pulled: PullTimes): JournalEntry[] {
  const { name: repository, digest, mediaType, size, taggedAs, lastPulledAt, gains = 0 } = item;
  const about = { reason, repository, digest };
  return [
    ...tags.map((tag) => ({ action: 'untag' as const, ...about, ...tag, ...pulled.get(tag.tag) })),
    { action: 'delete-manifest', ...about, mediaType, size, taggedAs, gains, ...pullTime(lastPulledAt) },
  ];
}

/** Step 6, tags: each only if it is still the journalled one. */
async function removeTags(
  run: Run,
  { item, tags }: Doomed,
  pulled: PullTimes,
): Promise<'removed' | 'changed'> {
  for (const removal of tags) {
    const outcome = await run.bucket.removeTag(item.name, removal);
    if (outcome === 'changed') return 'changed';
    if (outcome !== 'deleted') continue;
    run.tally.image({ untagged: `${item.name}:${removal.tag}`, ...pulled.get(removal.tag) });
  }
  return 'removed';
}

/** Step 6, links. @returns false when S3 refused any; the group then stays `deleting`. */
async function removeLinks(run: Run, group: readonly Doomed[]): Promise<boolean> {
  const { layout } = run.bucket;
  const revisions = group.map(({ item }) => layout.revisionLink(item.name, item.digest));
  if (!(await removeKeys(run, revisions))) return false;
  const histories: string[] = [];
  for (const doomed of group) {
    const { name, digest, taggedAs } = doomed.item;
    histories.push(...taggedAs.map((tag) => layout.tagHistory(name, tag, digest)));
    // As the registry does when a tag goes: the history of what it pointed at before would keep it listed.
    for (const tag of await tagsGone(run, doomed)) histories.push(...(await historyOf(run, name, tag)));
  }
  return await removeKeys(run, histories);
}

/** Tags that this run has removed with the manifest; of one left by an earlier run, those that are not there now. */
async function tagsGone(run: Run, { item, tags }: Doomed): Promise<Set<string>> {
  const gone = new Set(tags.map(({ tag }) => tag));
  if (item.state !== 'deleting') return gone;
  for (const tag of item.taggedAs) {
    if ((await run.bucket.tagLink(item.name, tag)) === undefined) gone.add(tag);
  }
  return gone;
}

async function historyOf(run: Run, name: string, tag: string): Promise<string[]> {
  const { bucket } = run;
  const keys: string[] = [];
  const prefix = `${bucket.layout.tagPrefix(name, tag)}index/`;
  for await (const objects of bucket.pages(prefix)) {
    for (const { key } of objects) if (bucket.layout.parse(key).kind === 'tag-history') keys.push(key);
  }
  return keys;
}

async function removeKeys(run: Run, keys: readonly string[]): Promise<boolean> {
  const { failed } = await run.deleteObjects([...new Set(keys)]);
  run.tally.fail(failed);
  return failed.length === 0;
}

/** Step 8. @returns false when the manifest is needed again. */
async function bury(run: Run, doomed: Doomed, taken: number, group: ReadonlySet<Digest>): Promise<boolean> {
  const { name, digest } = doomed.item;
  const key = manifestKey(name, digest);
  for (let version = taken; ; ) {
    const set = { state: 'deleted', expireAt: tombstoneExpiry(run.now()) };
    const written = await run.metadata.transition(key, version, set, [
      'queue',
      'dueAt',
      'rescue',
      'untagging',
    ]);
    if (written !== undefined) return true;
    // Written since it was taken: by an indexer that needs it, or by one that saw its link go.
    const now = await run.metadata.manifest(name, digest);
    // It took effect, its answer was lost, and an indexer has written since: to a tombstone, that changes nothing.
    if (now?.state === 'deleted' && now.fence === run.fence && now.runId === run.runId) return true;
    if (now?.state !== 'deleting' || now.fence !== run.fence) return false;
    if (now.rescue || (await holdsAgain(run, doomed, group))) return false;
    version = now.version;
  }
}

async function anyAsync<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (await test(item)) return true;
  return false;
}
