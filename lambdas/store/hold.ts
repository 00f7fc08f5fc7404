/**
 * Giving a target an edge, and what follows when it is on its way out or gone. The indexer does it for what it
 * finds in the bucket, a prune run when it takes a deletion back.
 */
import type { Digest } from '../registry/digest.ts';
import { blobsLinked, blobsNeeded, edges } from './edges.ts';
import {
  type BlobItem,
  blobKey,
  blobQueue,
  holderKey,
  linkKey,
  type ManifestItem,
  manifestId,
  manifestKey,
  manifestQueue,
  tagKey,
} from './items.ts';
import { gainOf, live, type Metadata, type Touch } from './metadata.ts';
import type { RegistryBucket } from './registry-bucket.ts';
import { manifestsHeld } from './release.ts';

export interface Stores {
  readonly metadata: Metadata;
  readonly bucket: RegistryBucket;
  /** Told of each blob whose data was hidden and is visible again because something needs it after all. */
  readonly onRestored?: (blob: RestoredBlob) => void;
  /** Told of each `revisions` link that was absent and is written back, with the time it has. */
  readonly onRelinked?: (id: string, writtenAt: number) => void | Promise<void>;
}

/** A blob that came back, as its item was before: the run that had deleted it, and its marker. */
export type RestoredBlob = Pick<BlobItem, 'digest' | 'size' | 'runId' | 'deleteMarker'>;

/** What came of giving something an edge. */
export interface Held {
  /** Targets that are being deleted: marked to be rescued by whoever deletes them. */
  readonly deleting: readonly string[];
  /** Blobs that were deleted, with no version of their data to return to. */
  readonly lost: readonly Digest[];
  /** Manifests that are not known, or were deleted by a client. */
  readonly absent: readonly Digest[];
}

const WHOLE: Held = { deleting: [], lost: [], absent: [] };

const together = (parts: readonly Held[]): Held => ({
  deleting: parts.flatMap(({ deleting }) => deleting),
  lost: parts.flatMap(({ lost }) => lost),
  absent: parts.flatMap(({ absent }) => absent),
});

/** Attributes that only an item on its way out has. */
export const DEPARTING = [
  ...(['expireAt', 'runId', 'fence', 'slice', 'rescue', 'deleteMarker', 'condemnedAt', 'untagging'] as const),
];

/** A blob gained a link or a reference. One that was deleted is brought back (protocol section 6). */
export async function holdBlob(stores: Stores, digest: Digest, touch: Touch): Promise<Held> {
  for (;;) {
    const touched = await stores.metadata.touchBlob(digest, touch);
    if (touched === 'deleting') return { ...WHOLE, deleting: [`blob ${digest}`] };
    if (touched !== 'deleted') return WHOLE;
    const item = await stores.metadata.blobItem(digest);
    if (item?.state !== 'deleted') continue;
    if (!(await makeVisible(stores, item)) && !wasNeverThere(item)) return { ...WHOLE, lost: [digest] };
    const set = live(blobQueue(digest), touch);
    const written = await stores.metadata.transition(
      blobKey(digest),
      item.version,
      set,
      DEPARTING,
      gainOf(touch),
    );
    if (written !== undefined) return WHOLE;
  }
}

/**
 * A manifest gained a holder. One that a run has deleted is brought back (protocol section 6); one that a client
 * has deleted stays away, as the client wants it.
 */
export async function holdManifest(
  stores: Stores,
  name: string,
  digest: Digest,
  touch: Touch,
  visited: Set<Digest> = new Set(),
): Promise<Held> {
  if (visited.has(digest)) return WHOLE;
  visited.add(digest);
  const touched = await stores.metadata.touchManifest(name, digest, touch);
  if (touched === 'deleting') return { ...WHOLE, deleting: [`manifest ${digest}`] };
  if (touched === 'absent') return { ...WHOLE, absent: [digest] };
  if (touched !== 'deleted') return WHOLE;
  const item = await stores.metadata.manifest(name, digest);
  if (item?.runId === undefined) return { ...WHOLE, absent: [digest] };
  return await reviveManifest(stores, name, digest, touch, visited);
}

/**
 * Makes a manifest that was `deleting` or `deleted` whole and `live` again: its link, its edges, the manifests and
 * blobs it needs, and the links of those.
 */
export async function reviveManifest(
  stores: Stores,
  name: string,
  digest: Digest,
  touch: Touch,
  visited: Set<Digest> = new Set([digest]),
): Promise<Held> {
  const { metadata, bucket } = stores;
  for (;;) {
    const item = await metadata.manifest(name, digest);
    if (item === undefined || (item.state !== 'deleting' && item.state !== 'deleted')) return WHOLE;
    const link = (await bucket.writeRevisionLink(name, digest)) && (await bucket.revisionLink(name, digest));
    await metadata.table.write(edges(item, touch.at).map((put) => ({ put })));
    await uncoverTags(bucket, item);
    await holdByTags(stores, item, touch);
    const held: Held[] = [];
    for (const target of [...(await manifestsHeld(metadata, item)), ...(await wentWith(metadata, item))]) {
      held.push(await holdManifest(stores, name, target, touch, visited));
    }
    for (const blob of blobsNeeded(item)) held.push(await holdBlob(stores, blob, touch));
    for (const blob of blobsLinked(item)) await relink(stores, name, blob, touch.at);
    // A link that was written here is no push that the table has not seen.
    const pushed = link ? { pushedAt: link.lastModified.getTime() } : {};
    if (link) await stores.onRelinked?.(manifestId(name, digest), link.lastModified.getTime());
    const set = { ...live(manifestQueue(digest), touch), ...pushed };
    const written = await metadata.transition(
      manifestKey(name, digest),
      item.version,
      set,
      DEPARTING,
      gainOf(touch),
    );
    if (written !== undefined) return together(held);
  }
}

/**
 * Takes back deletions of tag links that hit another link than the one meant, where a run did not live to do so.
 *
 * @returns whether there was one.
 */
export async function uncoverTags(
  bucket: RegistryBucket,
  { name, untagging = [] }: Pick<ManifestItem, 'name' | 'untagging'>,
): Promise<boolean> {
  let uncovered = false;
  for (const removal of untagging) if (await bucket.uncoverTag(name, removal)) uncovered = true;
  return uncovered;
}

/**
 * Referrers that a run has deleted together with it or since: they went because they live by this manifest, and come back
 * with it. Fences grow from run to run; one that a client has deleted has none.
 */
async function wentWith(
  metadata: Metadata,
  { name, digest, fence = Number.POSITIVE_INFINITY }: ManifestItem,
): Promise<Digest[]> {
  const gone: Digest[] = [];
  for (const referrer of await metadata.formerReferrers(name, digest)) {
    const item = await metadata.manifest(name, referrer);
    if (item?.state === 'deleted' && item.fence !== undefined && item.fence >= fence) gone.push(referrer);
  }
  return gone;
}

/**
 * Edges of tags that name it in the bucket: whoever deletes a tag with its manifest removes its edge as well. The tag's
 * own item says so too, or nothing would take the edge away when a tag whose event is yet to come moves on.
 */
async function holdByTags(
  { metadata, bucket }: Stores,
  { name, digest, taggedAs }: ManifestItem,
  touch: Touch,
): Promise<void> {
  for (const tag of taggedAs) {
    const item = await metadata.tag(name, tag);
    const link = await bucket.tagLink(name, tag);
    if (link === undefined || link === 'unreadable' || link.digest !== digest) continue;
    await metadata.table.write([
      { put: { ...holderKey(name, digest, { kind: 'tag', tag }), since: touch.at } },
    ]);
    if (item?.digest === digest) continue;
    if (item !== undefined) {
      await metadata.table.write([{ remove: holderKey(name, item.digest, { kind: 'tag', tag }) }]);
      await metadata.releaseManifest(name, item.digest, touch);
    }
    const set = { digest, taggedAt: link.lastModified.getTime() };
    await metadata.transition(tagKey(name, tag), item?.version ?? 0, set);
  }
}

/** Known only by what named it: a foreign layer, or data that was missing all along. It cannot have been lost. */
export const wasNeverThere = (item: BlobItem | undefined): boolean =>
  item !== undefined && item.size === undefined;

/** Whether a blob's data can be read, after every delete marker above its newest version is removed. */
export async function makeVisible({ bucket, onRestored }: Stores, blob: RestoredBlob): Promise<boolean> {
  const { digest } = blob;
  if ((await bucket.blob(digest)) !== undefined) return true;
  if (!(await bucket.unhide(digest))) return false;
  onRestored?.(blob);
  return true;
}

/**
 * Looks at the link by which a repository may serve a blob that one of its manifests references, and writes it if
 * it is absent: a run may have removed it as stale just before the reference was put (protocol, indexer step 4).
 *
 * @param now milliseconds since the epoch, for where it is gone again at once.
 */
export async function relink(stores: Stores, name: string, digest: Digest, now: number): Promise<void> {
  const { metadata, bucket } = stores;
  if (!(await bucket.writeLayerLink(name, digest))) return;
  // By the bucket's clock: a link that is newer than the table says is taken for a push that it has not seen.
  const link = await bucket.layerLink(name, digest);
  await putLink(metadata, name, digest, link?.lastModified.getTime() ?? now);
}

/** The edge of a `_layers` link, in force. @param linkedAt milliseconds since the epoch. */
export async function putLink(
  metadata: Metadata,
  name: string,
  digest: Digest,
  linkedAt: number,
): Promise<void> {
  const change = { set: { linkedAt }, remove: ['removedAt', 'expireAt', 'slice'], add: { version: 1 } };
  await metadata.table.update(linkKey(digest, name), change);
}
