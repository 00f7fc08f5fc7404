/** Unlinks and condemns blobs, and finds those that are due to be swept. */
import type { Digest } from '../registry/digest.ts';
import { putLink } from '../store/hold.ts';
import { type BlobItem, blobKey, blobQueue, type LinkEdge, linkKey } from '../store/items.ts';
import { tombstoneExpiry } from '../store/metadata.ts';
import { planBlob } from './plan-blob.ts';
import { settleQueue } from './requeue.ts';
import type { Run } from './run.ts';

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
  // What this run has taken and could not finish is for the next one.
  if (item.state === 'deleting') return item.runId === run.runId ? left : { next: 'resolve', item };
  if (run.policy.resolveOnly) return left;
  run.tally.examineBlob(digest);

  const decision = await planBlob(run, { ...view, item });
  switch (decision.action) {
    case 'keep':
      await settleQueue(run, blobKey(digest), item, decision.queue);
      return left;
    case 'unlink': {
      const outcome = await unlink(run, item, decision.links);
      if (decision.next !== 'condemn') await settleQueue(run, blobKey(digest), item, decision.next);
      // A link that stayed keeps the blob; it is still queued and looked at again.
      else if (outcome === 'all') await condemn(run, item);
      return outcome === 'none' ? left : progress;
    }
    case 'condemn':
      await condemn(run, item);
      return progress;
    case 'sweep':
      return { next: 'sweep', item };
  }
}

/** Step 2: the link objects, then their edges. @returns whether all of them are gone. */
async function unlink(run: Run, { digest }: BlobItem, links: readonly LinkEdge[]): Promise<boolean> {
  const keys = new Map(links.map((link) => [run.bucket.layout.layerLink(link.name, digest), link]));
  await run.journal.write(
    links.map(({ name }) => ({
      action: 'unlink',
      reason: 'no manifest of the repository references it',
      repository: name,
      digest,
    })),
  );
  const { failed } = await run.deleteObjects([...keys.keys()]);
  const kept = new Set<string>();
  for (const { key, code, message } of failed) {
    if (!keys.has(key)) continue;
    kept.add(key);
    run.tally.incomplete++;
    run.tally.refuse({ code: 'failed', message: `${key}: ${code}: ${message}`, digest });
  }
  let all = kept.size === 0;
  for (const [key, link] of keys) {
    if (kept.has(key)) continue;
    const removedAt = run.now();
    const set = { removedAt, expireAt: tombstoneExpiry(removedAt) };
    const edge = linkKey(digest, link.name);
    if ((await run.metadata.transition(edge, link.version, set)) !== undefined) {
      run.tally.links.deleted++;
      continue;
    }
    // Linked again since it was read: the repository keeps its link.
    all = false;
    if (await run.bucket.writeLayerLink(link.name, digest)) {
      await putLink(run.metadata, link.name, digest, run.now());
    }
  }
  return all;
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
