/** `_layers` links and blob data. */
import { algorithmOf, type Digest } from '../registry/digest.ts';
import { DEPARTING, holdBlob, makeVisible, relink } from '../store/hold.ts';
import { type BlobItem, blobKey, blobQueue, isInForce, linkKey, obstacleKey } from '../store/items.ts';
import { live, tombstoneExpiry } from '../store/metadata.ts';
import { APPLIED, type Hints, type IndexContext, type Outcome, outcomeOf, retry } from './context.ts';

/** A repository's link to a blob. */
export async function applyLink(
  context: IndexContext,
  name: string,
  digest: Digest,
  hints: Hints,
): Promise<Outcome | undefined> {
  const { metadata, bucket, grace, now } = context;
  const edge = await metadata.link(digest, name);
  const link = await bucket.layerLink(name, digest);
  await checkAlias(context, name, digest);
  if (link !== undefined) {
    const set = { linkedAt: link.lastModified.getTime() };
    const gone = ['removedAt', 'expireAt', 'slice'];
    const key = linkKey(digest, name);
    if ((await metadata.transition(key, edge?.version ?? 0, set, gone)) === undefined) return undefined;
    // Whoever saw the link gone while there was no edge had none to remove: what is new is looked at once more.
    const isNew = edge === undefined || !isInForce(edge);
    if (isNew && (await bucket.layerLink(name, digest)) === undefined) return undefined;
    return outcomeOf(await holdBlob(context, digest, { at: hints.at?.(link.lastModified) ?? now(), grace }));
  }
  if (await metadata.referencedIn(digest, name)) {
    // A manifest needs it: its push was accepted while the link was being removed.
    await relink(context, name, digest, now());
    return outcomeOf(await holdBlob(context, digest, { at: now(), grace }));
  }
  if (edge === undefined || !isInForce(edge)) return APPLIED;
  const removedAt = now();
  const set = { removedAt, expireAt: tombstoneExpiry(removedAt) };
  if ((await metadata.transition(linkKey(digest, name), edge.version, set)) === undefined) return undefined;
  await metadata.releaseBlob(digest, { at: removedAt, grace });
  return APPLIED;
}

/**
 * A blob pushed under another algorithm's digest gets a link that leads to its sha256 digest, where the data is.
 * Manifests name the one, the data has the other, and the table does not know that they are the same: nothing of
 * such a repository is deleted.
 */
async function checkAlias(
  { metadata, bucket, now }: IndexContext,
  name: string,
  digest: Digest,
): Promise<void> {
  if (algorithmOf(digest) === 'sha256') return;
  const what = `LINK#${digest}`;
  const target = await bucket.layerTarget(name, digest);
  if (target === undefined || target === digest) await metadata.clearObstacle(name, what);
  else
    await metadata.table.put({
      ...obstacleKey(name, what),
      detail: `its link leads to ${target}`,
      since: now(),
    });
}

/** A blob's bytes. */
export async function applyData(
  context: IndexContext,
  digest: Digest,
  hints: Hints,
): Promise<Outcome | undefined> {
  const { metadata, bucket, grace, now } = context;
  const item = await metadata.blobItem(digest);
  const data = await bucket.blob(digest);
  if (data === undefined) return await withoutData(context, item);
  const { size } = data;
  const touch = { at: hints.at?.(data.lastModified) ?? now(), grace };
  let written: number | undefined;
  if (item === undefined) {
    written = await metadata.transition(blobKey(digest), 0, { ...live(blobQueue(digest), touch), size });
  } else if (item.state === 'deleted') {
    const set = { ...live(blobQueue(digest), touch), size };
    written = await metadata.transition(blobKey(digest), item.version, set, DEPARTING, 1);
  } else if (item.size !== size && item.state !== 'deleting') {
    written = await metadata.transition(blobKey(digest), item.version, { size });
  } else {
    return APPLIED;
  }
  return written === undefined ? undefined : APPLIED;
}

/** The data is not to be seen. */
async function withoutData(context: IndexContext, item: BlobItem | undefined): Promise<Outcome | undefined> {
  if (item === undefined || item.state === 'deleted') return APPLIED;
  const { digest, state, version } = item;
  if (state === 'deleting') return retry(`blob ${digest} is being deleted`);
  // Hidden though nobody deleted it, as far as the table knows.
  if (await makeVisible(context, item)) {
    // A run may have deleted it since the item was read: then its state is to be looked at again.
    const same = await context.metadata.transition(blobKey(digest), version, {});
    return same === undefined ? undefined : APPLIED;
  }
  return (await isNeeded(context, digest)) ? { status: 'lost', digests: [digest] } : APPLIED;
}

async function isNeeded({ metadata }: IndexContext, digest: Digest): Promise<boolean> {
  const { references } = await metadata.blob(digest);
  return references.some(isInForce);
}
