/**
 * Giving a target an edge, and what follows when it is on its way out or gone. The indexer does it for what it
 * finds in the bucket, a prune run when it takes a deletion back.
 */
import type { Digest } from '../registry/digest.ts';
import { blobKey, blobQueue, linkKey } from './items.ts';
import { live, type Metadata, type Touch } from './metadata.ts';
import type { RegistryBucket } from './registry-bucket.ts';

export interface Stores {
  readonly metadata: Metadata;
  readonly bucket: RegistryBucket;
}

/** `lost`: deleted, and no version of the data to return to. */
export type Held = 'live' | 'deleting' | 'lost';

/** Attributes that only an item on its way out has. */
export const DEPARTING = ['expireAt', 'runId', 'fence', 'rescue', 'deleteMarker', 'condemnedAt'] as const;

/** A blob gained a link or a reference. One that was deleted is brought back (protocol section 6). */
export async function holdBlob(stores: Stores, digest: Digest, touch: Touch): Promise<Held> {
  for (;;) {
    const touched = await stores.metadata.touchBlob(digest, touch);
    if (touched !== 'deleted') return touched === 'deleting' ? 'deleting' : 'live';
    const item = await stores.metadata.blobItem(digest);
    if (item?.state !== 'deleted') continue;
    if (!(await isVisible(stores.bucket, digest))) return 'lost';
    const set = live(blobQueue(digest), touch);
    const written = await stores.metadata.transition(blobKey(digest), item.version, set, DEPARTING);
    if (written !== undefined) return 'live';
  }
}

/** Whether a blob's data can be read, after every delete marker above its newest version is removed. */
export async function isVisible(bucket: RegistryBucket, digest: Digest): Promise<boolean> {
  return (await bucket.blob(digest)) !== undefined || (await bucket.unhide(digest));
}

/**
 * Looks at the link by which a repository may serve a blob that one of its manifests references, and writes it if
 * it is absent: a run may have removed it as stale just before the reference was put (protocol, indexer step 4).
 *
 * @param now milliseconds since the epoch.
 */
export async function relink(stores: Stores, name: string, digest: Digest, now: number): Promise<void> {
  if (await stores.bucket.writeLayerLink(name, digest)) await putLink(stores.metadata, name, digest, now);
}

/** The edge of a `_layers` link, in force. @param linkedAt milliseconds since the epoch. */
export async function putLink(
  metadata: Metadata,
  name: string,
  digest: Digest,
  linkedAt: number,
): Promise<void> {
  const change = { set: { linkedAt }, remove: ['removedAt', 'expireAt'], add: { version: 1 } };
  await metadata.table.update(linkKey(digest, name), change);
}
