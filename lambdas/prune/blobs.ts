/** Decides on blobs of the queue, and condemns those that nothing needs. */
import type { Digest } from '../registry/digest.ts';
import { type BlobItem, blobKey } from '../store/items.ts';
import { condemn } from './condemn.ts';
import { type KnownBlob, planBlob } from './plan-blob.ts';
import { settleQueue } from './requeue.ts';
import { isUnderWay, type Run } from './run.ts';
import type { Stale } from './unlink.ts';

/** `sweep`: due; `resolve`: found `deleting`; `unlink`: with stale links. Each is done together with others of the page. */
export type BlobOutcome =
  | { readonly next: 'left' | 'progress' }
  | { readonly next: 'sweep' | 'resolve'; readonly item: BlobItem }
  | { readonly next: 'unlink'; readonly stale: Stale };

const left: BlobOutcome = { next: 'left' };

/** One entry of the blob queue. */
export async function handleBlob(run: Run, digest: Digest): Promise<BlobOutcome> {
  const blob = await lookAt(run, digest);
  if (blob === undefined || blob.item.state === 'deleted') return left;
  const { item } = blob;
  // What this run has taken under its fence and could not finish is for the next one, or is another worker's.
  if (item.state === 'deleting') return (await isUnderWay(run, item)) ? left : { next: 'resolve', item };
  if (run.policy.resolveOnly) return left;
  run.tally.examineBlob(digest);

  const decision = await planBlob(run, blob);
  switch (decision.action) {
    case 'keep':
      await settleQueue(run, blobKey(digest), item, decision.queue);
      return left;
    case 'unlink':
      return { next: 'unlink', stale: { item, links: decision.links, next: decision.next } };
    case 'condemn':
      await condemn(run, item);
      return { next: 'progress' };
    case 'sweep':
      return { next: 'sweep', item };
  }
}

/**
 * With its links and references only where it is live: nothing held it when it was condemned, whoever has since wanted it
 * has touched it, and the last look after it was taken is at all of them.
 */
async function lookAt(run: Run, digest: Digest): Promise<KnownBlob | undefined> {
  const item = await run.metadata.blobItem(digest);
  if (item !== undefined && item.state !== 'live') return { item, links: [], references: [], complete: true };
  const view = await run.metadata.blob(digest);
  return view.item && { ...view, item: view.item };
}
