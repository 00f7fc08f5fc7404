/** The way back: nothing leaves `deleting` for `live` unrepaired (protocol, "Repair"). */
import type { Digest } from '../registry/digest.ts';
import { blobsLinked, blobsNeeded, edges } from '../store/edges.ts';
import { DEPARTING, holdBlob, isVisible, relink } from '../store/hold.ts';
import {
  blobKey,
  blobQueue,
  holderKey,
  type ManifestItem,
  manifestKey,
  manifestQueue,
} from '../store/items.ts';
import { live, tombstoneExpiry } from '../store/metadata.ts';
import type { Run } from './run.ts';

/** Makes a manifest that was `deleting` whole and `live` again: its link, the links of its blobs, its edges. */
export async function repairManifest(run: Run, name: string, digest: Digest): Promise<void> {
  const { metadata, bucket, now, policy } = run;
  for (;;) {
    const item = await metadata.manifest(name, digest);
    if (item?.state !== 'deleting') return;
    const touch = { at: now(), grace: policy.grace };
    await bucket.writeRevisionLink(name, digest);
    await metadata.table.write(edges(item, touch.at).map((put) => ({ put })));
    await holdAgain(run, item);
    for (const blob of blobsNeeded(item)) {
      if ((await holdBlob(run, blob, touch)) === 'lost') lost(run, blob, name);
    }
    for (const blob of blobsLinked(item)) await relink(run, name, blob, now());
    const set = live(manifestQueue(digest), touch);
    if ((await metadata.transition(manifestKey(name, digest), item.version, set, DEPARTING)) !== undefined)
      return;
  }
}

/** Edges of tags that name it in the bucket: a run that goes on to delete a tag removes its edge first. */
async function holdAgain(run: Run, { name, digest, taggedAs }: ManifestItem): Promise<void> {
  for (const tag of taggedAs) {
    const link = await run.bucket.tagLink(name, tag);
    if (link === undefined || link === 'unreadable' || link.digest !== digest) continue;
    const edge = { ...holderKey(name, digest, { kind: 'tag', tag }), since: run.now() };
    await run.metadata.table.write([{ put: edge }]);
  }
}

/**
 * Makes a blob that was `deleting` visible and `live` again.
 *
 * @returns `lost` when its data is gone and cannot be brought back; it is buried then.
 */
export async function repairBlob(run: Run, digest: Digest): Promise<'live' | 'lost' | 'left'> {
  const { metadata, now, policy } = run;
  for (;;) {
    const item = await metadata.blobItem(digest);
    if (item?.state !== 'deleting') return 'left';
    const visible = await isVisible(run.bucket, digest);
    const [set, gone] = visible
      ? [live(blobQueue(digest), { at: now(), grace: policy.grace }), DEPARTING]
      : [{ state: 'deleted', expireAt: tombstoneExpiry(now()) }, ['queue', 'dueAt', 'rescue']];
    if ((await metadata.transition(blobKey(digest), item.version, set, gone)) === undefined) continue;
    return visible ? 'live' : 'lost';
  }
}

/** Data that something needs is gone for good: said loudly, never papered over. */
export function lost(run: Run, digest: Digest, repository: string): void {
  const message = `blob ${digest} is needed in ${repository} and its data cannot be brought back`;
  run.tally.incomplete++;
  run.tally.refuse({ code: 'lost', message, repository, digest });
}
