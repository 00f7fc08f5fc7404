/** Unlinks and condemns blobs, and finds those that are due to be swept. */
import type { Digest } from '../registry/digest.ts';
import { putLink, relink } from '../store/hold.ts';
import { type BlobItem, blobKey, blobQueue, isInForce, type LinkEdge, linkKey } from '../store/items.ts';
import { tombstoneExpiry } from '../store/metadata.ts';
import { isNewer } from '../store/times.ts';
import { arrival } from './arrivals.ts';
import { isFresh } from './look-again.ts';
import { planBlob } from './plan-blob.ts';
import { settleQueue } from './requeue.ts';
import { isUnderWay, type Run } from './run.ts';

/** `sweep`: due, to be swept together with others; `resolve`: found `deleting`. */
export type BlobOutcome =
  | { readonly next: 'left' | 'progress' }
  | { readonly next: 'sweep' | 'resolve'; readonly item: BlobItem };

const left: BlobOutcome = { next: 'left' };
const progress: BlobOutcome = { next: 'progress' };

/** One entry of the blob queue. */
export async function handleBlob(run: Run, digest: Digest): Promise<BlobOutcome> {
  const view = await run.metadata.blob(digest);
  const { item } = view;
  if (item === undefined || item.state === 'deleted') return left;
  // What this run has taken under its fence and could not finish is for the next one, or is another worker's.
  if (item.state === 'deleting') return (await isUnderWay(run, item)) ? left : { next: 'resolve', item };
  if (run.policy.resolveOnly) return left;
  run.tally.examineBlob(digest);

  const decision = await planBlob(run, { ...view, item });
  switch (decision.action) {
    case 'keep':
      await settleQueue(run, blobKey(digest), item, decision.queue);
      return left;
    case 'unlink': {
      const unlinked = await unlink(run, item, decision.links);
      // A link that stayed keeps the blob queued: it is looked at again.
      if (unlinked === 'all') {
        if (decision.next === 'condemn') await condemn(run, item);
        else await settleQueue(run, blobKey(digest), item, decision.next);
      }
      return unlinked === 'none' ? left : progress;
    }
    case 'condemn':
      await condemn(run, item);
      return progress;
    case 'sweep':
      return { next: 'sweep', item };
  }
}

/** Step 2: the link objects, then their edges. @returns how many of them are gone. */
async function unlink(
  run: Run,
  { digest, size = 0, gains = 0 }: BlobItem,
  wanted: readonly LinkEdge[],
): Promise<'all' | 'some' | 'none'> {
  const links = await withoutFresh(run, digest, wanted);
  if (links.length === 0) return 'none';
  const keys = new Map(links.map((link) => [run.bucket.layout.layerLink(link.name, digest), link]));
  await run.journal.write(
    links.map(({ name }) => ({
      action: 'unlink',
      reason: 'no manifest of the repository references it',
      repository: name,
      digest,
      size,
      gains,
    })),
  );
  const { failed } = await run.deleteObjects([...keys.keys()]);
  run.tally.fail(failed, { digest });
  const kept = new Set(failed.map(({ key }) => key));
  let gone = 0;
  for (const [key, link] of keys) {
    if (kept.has(key)) continue;
    const removedAt = run.now();
    const set = {
      ...{ removedAt, expireAt: tombstoneExpiry(removedAt) },
      ...(run.slice === undefined ? {} : { slice: run.slice }),
    };
    const edge = linkKey(digest, link.name);
    // Deleted first, looked for second: an indexer that still found the link has put its reference before that.
    const isWanted = await run.metadata.referencedIn(digest, link.name);
    const removed = !isWanted && (await run.metadata.transition(edge, link.version, set)) !== undefined;
    if (removed || (!isWanted && (await isSeenGone(run, link.name, digest)))) {
      run.tally.links.deleted++;
      gone++;
      continue;
    }
    // Referenced or linked again since it was read: the repository keeps its link.
    await relink(run, link.name, digest, run.now());
  }
  if (gone === 0) return 'none';
  return gone === wanted.length ? 'all' : 'some';
}

/** Whether the indexer has marked the edge removed first: the event of this run's own deletion was that fast. */
async function isSeenGone({ metadata }: Run, name: string, digest: Digest): Promise<boolean> {
  const edge = await metadata.link(digest, name);
  return edge !== undefined && !isInForce(edge);
}

/** Links that a push has written anew since they were indexed stay; their edges learn of it. */
async function withoutFresh(run: Run, digest: Digest, links: readonly LinkEdge[]): Promise<LinkEdge[]> {
  const stale: LinkEdge[] = [];
  for (const edge of links) {
    const link = await run.bucket.layerLink(edge.name, digest);
    const isNew = link !== undefined && isNewer(link.lastModified, edge.linkedAt);
    if (isNew && run.request.mode === 'offline') {
      run.halt(
        arrival(`the link of ${digest} in ${edge.name} was written at ${link.lastModified.toISOString()}`),
      );
    } else if (link === undefined || !isFresh(run, link)) stale.push(edge);
    else await putLink(run.metadata, edge.name, digest, link.lastModified.getTime());
  }
  return stale;
}

/** Step 3: nothing needs it any more; its bytes stay for the quarantine. */
async function condemn(run: Run, item: BlobItem): Promise<void> {
  const condemnedAt = run.now();
  const set = {
    state: 'condemned',
    condemnedAt,
    queue: blobQueue(item.digest),
    dueAt: condemnedAt + run.policy.quarantine,
  };
  if ((await run.metadata.transition(blobKey(item.digest), item.version, set)) === undefined) return;
  run.tally.blobs.condemned++;
  run.tally.blobs.condemnedBytes += item.size ?? 0;
}
