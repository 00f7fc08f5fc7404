/** A repository's manifests: their `revisions` links, and the tag histories that name them. */
import type { Digest } from '../registry/digest.ts';
import { blobsLinked, blobsNeeded, edges } from '../store/edges.ts';
import { DEPARTING, holdBlob, holdManifest, relink } from '../store/hold.ts';
import { type ManifestItem, manifestKey, manifestQueue, obstacleKey, repositoryKey } from '../store/items.ts';
import { live, type Touch, tombstoneExpiry } from '../store/metadata.ts';
import { manifestsHeld, removeManifestEdges } from '../store/release.ts';
import type { Value } from '../store/table.ts';
import {
  APPLIED,
  combine,
  type Hints,
  type IndexContext,
  type Outcome,
  outcomeOf,
  retry,
} from './context.ts';
import { type ManifestContent, readManifest } from './manifest-record.ts';
import { remembered, rememberTag } from './tag-names.ts';

/** Attributes that a manifest's item need not have, so that one that no longer applies is removed. */
const OPTIONAL = ['artifactType', 'createdAt', 'labels', 'config', 'subject', 'unlinked', 'problem'] as const;

/** How often an item is written that is touched at the same time. */
const WRITES = 8;

/** A manifest was pushed, pushed again, or deleted by a client. */
export async function applyRevision(
  context: IndexContext,
  name: string,
  digest: Digest,
  hints: Hints,
): Promise<Outcome | undefined> {
  const { metadata, bucket, now, grace } = context;
  const item = await metadata.manifest(name, digest);
  const link = await bucket.revisionLink(name, digest);
  if (link === undefined) return await forget(context, name, digest, item);

  const key = manifestKey(name, digest);
  if (item?.state === 'deleting') {
    const marked = await metadata.transition(key, item.version, { rescue: true }, [], 1);
    return marked === undefined ? undefined : retry(`manifest ${digest} is being deleted`);
  }
  const at = hints.at?.(link.lastModified) ?? now();
  const content = await contentInSight(context, name, digest, item, { at, grace });
  await recordProblem(context, name, digest, content);
  const held = await holdAll(context, { name, digest, ...content }, { at, grace });

  const names = await tagsOf(context, name, digest);
  const set = {
    ...content,
    pushedAt: link.lastModified.getTime(),
    taggedAs: remembered([...(item?.taggedAs ?? []), ...(hints.taggedAs ?? []), ...names]),
  };
  const gone = [...OPTIONAL.filter((name) => !(name in content)), ...DEPARTING];
  const written = await writeItem(context, item ?? { name, digest }, { set, gone, at });
  if (written === undefined) return undefined;
  // Whoever saw the link gone while there was no item had none to change: what is new is looked at once more.
  const isGone = item === undefined && (await bucket.revisionLink(name, digest)) === undefined;
  return isGone ? undefined : held;
}

/**
 * Data that a run has deleted comes back as soon as the manifest holds it: first its own bytes, then its config, which
 * these name. So what could not be read is held and read once more, before it counts as unreadable.
 */
async function contentInSight(
  context: IndexContext,
  name: string,
  digest: Digest,
  item: ManifestItem | undefined,
  touch: Touch,
): Promise<ManifestContent> {
  let content = await contentOf(context, digest, item);
  for (let code = content.problem?.code; code === 'unreadable' || code === 'config-missing'; ) {
    await holdAll(context, { name, digest, ...content }, touch);
    content = await readManifest(context.bucket, digest);
    if (content.problem?.code === code) break;
    code = content.problem?.code;
  }
  return content;
}

/**
 * Writes the item on the version that was read, or on a later one that only touches have made. Every look touches what
 * the manifest holds, so an index and the subject that it lists would void each other's looks for ever.
 */
async function writeItem(
  { metadata, grace }: IndexContext,
  item: ManifestItem | Pick<ManifestItem, 'name' | 'digest'>,
  { set, gone, at }: { set: Readonly<Record<string, Value>>; gone: readonly string[]; at: number },
): Promise<number | undefined> {
  const { name, digest } = item;
  const key = manifestKey(name, digest);
  let known = 'version' in item ? item : undefined;
  for (let attempt = 1; ; attempt++) {
    const touch = { at: Math.max(at, known?.touchedAt ?? 0), grace };
    const all = { ...set, ...live(manifestQueue(digest), touch) };
    const written = await metadata.transition(key, known?.version ?? 0, all, gone, 1);
    if (written !== undefined || known === undefined || attempt === WRITES) return written;
    const now = await metadata.manifest(name, digest);
    // Every other change leaves a stamp of its own.
    if (now?.state !== 'live' || known.state !== 'live' || now.stamp !== known.stamp) return undefined;
    known = now;
  }
}

/** Content is named by its digest, so what was read once and understood is not read again. */
async function contentOf(
  context: IndexContext,
  digest: Digest,
  item: ManifestItem | undefined,
): Promise<ManifestContent> {
  if (item === undefined || item.problem !== undefined) return await readManifest(context.bucket, digest);
  const { mediaType, size, layers, children, artifactType, createdAt, labels, config, subject, unlinked } =
    item;
  return {
    ...{ mediaType, size, layers, children },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(labels === undefined ? {} : { labels }),
    ...(config === undefined ? {} : { config }),
    ...(subject === undefined ? {} : { subject }),
    ...(unlinked === undefined ? {} : { unlinked }),
  };
}

async function recordProblem(
  context: IndexContext,
  name: string,
  digest: Digest,
  { problem }: ManifestContent,
): Promise<void> {
  const { metadata } = context;
  const what = `MANIFEST#${digest}`;
  const since = context.now();
  if (problem !== undefined) context.onProblem?.({ repository: name, digest, ...problem });
  await metadata.table.put({ ...repositoryKey(name), firstSeenAt: since }, { absent: true });
  if (problem?.code !== 'unreadable') return await metadata.clearObstacle(name, what);
  await metadata.table.put({ ...obstacleKey(name, what), detail: problem.detail, since });
}

/** Edges first, then a touch of each target, then a look at the links of the blobs. */
async function holdAll(
  context: IndexContext,
  manifest: ManifestContent & { readonly name: string; readonly digest: Digest },
  touch: Touch,
): Promise<Outcome> {
  const { metadata } = context;
  const { name } = manifest;
  await metadata.table.write(edges(manifest, touch.at).map((put) => ({ put })));
  const manifests = await manifestsHeld(metadata, manifest);
  const held = await Promise.all([
    ...manifests.map((target) => holdManifest(context, name, target, touch)),
    ...blobsNeeded(manifest).map((blob) => holdBlob(context, blob, touch)),
  ]);
  await Promise.all(blobsLinked(manifest).map((blob) => relink(context, name, blob, context.now())));
  const missing = new Set(held.flatMap(({ absent }) => absent)).intersection(new Set(manifest.children));
  for (const child of missing) {
    // Its own event may be on the way.
    if ((await context.bucket.revisionLink(name, child)) !== undefined) continue;
    const detail = `it lists ${child}, which is not in the repository`;
    context.onProblem?.({ repository: name, digest: manifest.digest, code: 'child-missing', detail });
  }
  return combine(held.map(outcomeOf));
}

async function tagsOf(context: IndexContext, name: string, digest: Digest): Promise<string[]> {
  const holders = await context.metadata.holders(name, digest);
  return holders.flatMap((holder) => (holder.kind === 'tag' ? [holder.tag] : []));
}

/** The `revisions` link is absent: the manifest's edges go in any state, and its item gets a new version. */
async function forget(
  context: IndexContext,
  name: string,
  digest: Digest,
  item: ManifestItem | undefined,
): Promise<Outcome | undefined> {
  const { metadata, now, grace } = context;
  // Without an item an earlier look may have left edges and stopped; the bytes tell which.
  const named = item ?? { name, digest, ...(await readManifest(context.bucket, digest)) };
  await removeManifestEdges(metadata, named, { at: now(), grace });
  await metadata.clearObstacle(name, `MANIFEST#${digest}`);
  if (item === undefined) return APPLIED;
  const key = manifestKey(name, digest);
  if (item.state === 'deleting' || item.state === 'deleted') {
    return (await metadata.transition(key, item.version, {})) === undefined ? undefined : APPLIED;
  }
  const set = { state: 'deleted', expireAt: tombstoneExpiry(now()) };
  const gone = ['queue', 'dueAt', 'runId', 'fence', 'slice', 'rescue'];
  return (await metadata.transition(key, item.version, set, gone)) === undefined ? undefined : APPLIED;
}

/** A tag has pointed at the manifest. */
export async function applyHistory(
  context: IndexContext,
  name: string,
  tag: string,
  digest: Digest,
): Promise<Outcome | undefined> {
  const { metadata, bucket, now } = context;
  const item = await metadata.manifest(name, digest);
  if (item === undefined && (await bucket.revisionLink(name, digest)) !== undefined) {
    // Its own event is on the way; the name need not wait for it.
    return await applyRevision(context, name, digest, { taggedAs: [tag] });
  }
  const link = await bucket.objects.head(bucket.layout.tagHistory(name, tag, digest));
  if (link === undefined) return APPLIED;
  if (item !== undefined) return (await rememberTag(context, name, digest, tag)) ? APPLIED : undefined;
  // Deleted before it was ever seen. Should it be pushed again, this name is one of those it had.
  const times = { pushedAt: link.lastModified.getTime(), touchedAt: now(), expireAt: tombstoneExpiry(now()) };
  const tombstone = { ...(await readManifest(bucket, digest)), ...times, state: 'deleted', taggedAs: [tag] };
  const written = await metadata.transition(manifestKey(name, digest), 0, tombstone);
  return written === undefined ? undefined : APPLIED;
}
