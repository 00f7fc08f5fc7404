/** Removes links of repositories in which nothing references a blob, many in one request (protocol, blob steps 2 and 3). */
import type { Digest } from '../registry/digest.ts';
import { putLink, relink } from '../store/hold.ts';
import { type BlobItem, blobKey, isInForce, type LinkEdge, linkKey } from '../store/items.ts';
import type { JournalEntry } from '../store/journal.ts';
import { tombstoneExpiry } from '../store/metadata.ts';
import { sideBySide } from '../store/side-by-side.ts';
import { isNewer } from '../store/times.ts';
import { arrival } from './arrivals.ts';
import { condemn } from './condemn.ts';
import { isFresh } from './look-again.ts';
import type { AfterUnlink } from './plan-blob.ts';
import { settleQueue } from './requeue.ts';
import type { Run } from './run.ts';

/** A blob with links that may go, and what is left to do with it once they are gone. */
export interface Stale {
  readonly item: BlobItem;
  readonly links: readonly LinkEdge[];
  readonly next: AfterUnlink;
}

/**
 * The link objects first, then their edges.
 *
 * @param settle does the last part for one blob: what goes wrong with one is no matter of the others.
 * @returns of each blob whether any of its links is gone.
 */
export async function unlink(
  run: Run,
  all: readonly Stale[],
  settle: (stale: Stale, work: () => Promise<boolean>) => Promise<boolean>,
): Promise<boolean[]> {
  const ripe = await sideBySide(
    all,
    async (stale) => ({ ...stale, links: await withoutFresh(run, stale) }),
    run.concurrency,
  );
  // A push seen in an offline run, or the end of the time.
  if (run.isOver()) return all.map(() => false);
  await run.journal.write(ripe.flatMap(lines));
  const digests = new Map(
    ripe.flatMap(({ item: { digest }, links }) =>
      links.map((link) => [keyOf(run, link, digest), digest] as const),
    ),
  );
  const { failed } = await run.deleteObjects([...digests.keys()]);
  for (const one of failed) {
    const digest = digests.get(one.key);
    run.tally.fail([one], digest === undefined ? {} : { digest });
  }
  const kept = new Set(failed.map(({ key }) => key));
  const gone = ripe.map(({ item, links }) =>
    links.filter((link) => !kept.has(keyOf(run, link, item.digest))),
  );
  return await sideBySide(
    all.map((stale, at) => ({ stale, links: gone[at] ?? [] })),
    ({ stale, links }) => settle(stale, () => afterDeletion(run, stale, links)),
    run.concurrency,
  );
}

const keyOf = ({ bucket }: Run, { name }: LinkEdge, digest: Digest): string =>
  bucket.layout.layerLink(name, digest);

const lines = ({ item: { digest, size = 0, gains = 0 }, links }: Stale): JournalEntry[] =>
  links.map(({ name }) => ({
    action: 'unlink',
    reason: 'no manifest of the repository references it',
    repository: name,
    digest,
    size,
    gains,
  }));

/** Links that a push has written anew since they were indexed stay; their edges learn of it. */
async function withoutFresh(run: Run, { item: { digest }, links }: Stale): Promise<LinkEdge[]> {
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

/** @param gone the links that were deleted. @returns whether they are gone for good, or one of them is. */
async function afterDeletion(
  run: Run,
  { item, links, next }: Stale,
  gone: readonly LinkEdge[],
): Promise<boolean> {
  let removed = 0;
  for (const link of gone) if (await removeEdge(run, item.digest, link)) removed++;
  // A link that stayed keeps the blob queued: it is looked at again.
  if (removed === links.length) {
    if (next === 'condemn') await condemn(run, item);
    else await settleQueue(run, blobKey(item.digest), item, next);
  }
  return removed > 0;
}

/** @returns whether the repository is without its link. */
async function removeEdge(run: Run, digest: Digest, { name, version }: LinkEdge): Promise<boolean> {
  const removedAt = run.now();
  const set = {
    ...{ removedAt, expireAt: tombstoneExpiry(removedAt) },
    ...(run.slice === undefined ? {} : { slice: run.slice }),
  };
  // Deleted first, looked for second: an indexer that still found the link has put its reference before that.
  const isWanted = await run.metadata.referencedIn(digest, name);
  const removed =
    !isWanted && (await run.metadata.transition(linkKey(digest, name), version, set)) !== undefined;
  if (removed || (!isWanted && (await isSeenGone(run, name, digest)))) {
    run.tally.links.deleted++;
    return true;
  }
  // Referenced or linked again since it was read: the repository keeps its link.
  await relink(run, name, digest, run.now());
  return false;
}

/** Whether the indexer has marked the edge removed first: the event of this run's own deletion was that fast. */
async function isSeenGone({ metadata }: Run, name: string, digest: Digest): Promise<boolean> {
  const edge = await metadata.link(digest, name);
  return edge !== undefined && !isInForce(edge);
}
