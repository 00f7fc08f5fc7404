/** Blobs: their data visible again and their items live, and the links by which repositories serve them. */
import type { Digest } from '../registry/digest.ts';
import { DEPARTING, makeVisible, wasNeverThere } from '../store/hold.ts';
import { blobKey, blobQueue, isInForce } from '../store/items.ts';
import type { LineOf } from '../store/journal-reader.ts';
import { live } from '../store/metadata.ts';
import { bringInLine, type Restoring } from './restoring.ts';

/** `never`: the table knows of no data that there ever was. */
export type Shown = 'restored' | 'present' | 'lost' | 'never';

/**
 * Makes a blob's data visible, whichever run has deleted it, and its item `live` if it was deleted. Counts what comes back.
 *
 * @param size for the count, where the table does not know; bytes.
 */
export async function showBlob(restoring: Restoring, digest: Digest, size = 0): Promise<Shown> {
  const { metadata, bucket, tally, now, grace } = restoring;
  for (;;) {
    const item = await metadata.blobItem(digest);
    const isDeleted = item?.state === 'deleted' || item?.state === 'deleting';
    const isVisible = (await bucket.blob(digest)) !== undefined;
    if (isVisible && item !== undefined && !isDeleted) return 'present';
    if (!isVisible && !(await makeVisible(restoring, item ?? { digest }))) {
      return wasNeverThere(item) ? 'never' : 'lost';
    }
    tally.changed = true;
    if (item === undefined) {
      await bringInLine(restoring, { kind: 'blob', digest });
      if (isVisible) return 'present';
    } else if (isDeleted) {
      const set = live(blobQueue(digest), { at: now(), grace });
      const written = await metadata.transition(blobKey(digest), item.version, set, DEPARTING, 1);
      if (written === undefined) continue;
    }
    tally.blobs.restored++;
    tally.blobs.bytes += item?.size ?? size;
    return 'restored';
  }
}

/** A blob that the run has deleted, or was about to. */
export async function restoreBlob(
  restoring: Restoring,
  { digest, size }: LineOf<'delete-blob'>,
): Promise<void> {
  const { tally } = restoring;
  if (!tally.first(`blob ${digest}`)) return;
  const shown = await showBlob(restoring, digest, size);
  if (shown === 'present') tally.blobs.present++;
  if (shown !== 'lost' && shown !== 'never') return;
  tally.blobs.lost++;
  tally.skip({ code: 'lost', what: digest, reason: 'no version of its data is left in the bucket' });
}

/** A link that the run has removed as stale, or was about to. */
export async function restoreLink(
  restoring: Restoring,
  { repository, digest, size }: LineOf<'unlink'>,
): Promise<void> {
  const { metadata, bucket, tally } = restoring;
  const what = `${repository}@${digest}`;
  if (!tally.first(`link ${what}`)) return;
  const edge = await metadata.link(digest, repository);
  const link = await bucket.layerLink(repository, digest);
  if (link !== undefined) {
    tally.links.present++;
    if (edge === undefined || !isInForce(edge)) {
      await bringInLine(restoring, { kind: 'layer', name: repository, digest });
    }
    return;
  }
  if ((await showBlob(restoring, digest, size)) === 'lost') {
    tally.links.skipped++;
    tally.skip({
      code: 'lost',
      what,
      reason: 'the blob it leads to is gone, with every version of its data',
    });
    return;
  }
  await bucket.writeLayerLink(repository, digest);
  await bringInLine(restoring, { kind: 'layer', name: repository, digest });
  tally.links.restored++;
}
