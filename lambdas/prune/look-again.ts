/** The second look at a manifest's holders, after it was taken (protocol, manifest step 4). */
import { cosignSubject } from '../registry/cosign.ts';
import type { Digest } from '../registry/digest.ts';
import type { HolderEdge, ManifestItem } from '../store/items.ts';
import type { ObjectHead } from '../store/object-store.ts';
import type { Doomed } from './plan-manifest.ts';
import type { Run } from './run.ts';

/**
 * Whether anything holds a taken manifest that was not seen, or did not stand, at the first look. A holder counts
 * unless it is itself `deleting`; a tag unless the bucket says that it names something else.
 *
 * @param group digests taken together with it.
 */
export async function holdsAgain(run: Run, doomed: Doomed, group: ReadonlySet<Digest>): Promise<boolean> {
  const { item } = doomed;
  const link = await run.bucket.revisionLink(item.name, item.digest);
  if (isFresh(run, link) || isPushedOffline(run, item, link)) return true;
  const edges = await run.metadata.holders(item.name, item.digest);
  for (const edge of edges) if (await counts(run, doomed, edge, group)) return true;
  // Tags it once had are looked at in the bucket too: one may name it again and its event be on the way.
  const known = new Set(edges.map((edge) => (edge.kind === 'tag' ? edge.tag : '')));
  for (const tag of item.taggedAs) {
    if (!known.has(tag) && (await counts(run, doomed, { kind: 'tag', tag }, group))) return true;
  }
  return false;
}

/** Every push writes its links anew: one younger than the grace period is a push whose event is on the way. */
export function isFresh(run: Run, link: ObjectHead | undefined): boolean {
  return link !== undefined && link.lastModified.getTime() + run.policy.grace > run.now();
}

/** S3's clock and this one may differ by so much (milliseconds). */
const CLOCK_TOLERANCE = 5_000;

/** A push during an offline run: the registry is not stopped, and the run ends before anything more is deleted. */
function isPushedOffline(run: Run, { name, digest }: ManifestItem, link: ObjectHead | undefined): boolean {
  if (run.request.mode !== 'offline' || link === undefined) return false;
  if (link.lastModified.getTime() <= run.startedAt + CLOCK_TOLERANCE) return false;
  const message = `${name}@${digest} was pushed during the run, so the registry is not stopped or read-only`;
  run.halt({ code: 'pushes-arriving', message, repository: name, digest });
  return true;
}

async function counts(
  run: Run,
  { item, tags }: Doomed,
  edge: HolderEdge,
  group: ReadonlySet<Digest>,
): Promise<boolean> {
  if (edge.kind === 'tag') {
    // Those about to go are compared once more when they are deleted.
    if (tags.some(({ tag }) => tag === edge.tag)) return false;
    return await tagCounts(run, item, edge.tag, group);
  }
  if (group.has(edge.digest)) return false;
  const holder = await run.metadata.manifest(item.name, edge.digest);
  if (edge.kind === 'subject') return holder?.state === 'live';
  return holder?.state !== 'deleting';
}

async function tagCounts(
  run: Run,
  item: ManifestItem,
  tag: string,
  group: ReadonlySet<Digest>,
): Promise<boolean> {
  const link = await run.bucket.tagLink(item.name, tag);
  if (link === 'unreadable') return true;
  if (link === undefined || link.digest !== item.digest) return false;
  const subject = cosignSubject(tag);
  if (subject === undefined) return true;
  if (group.has(subject)) return true;
  const holder = await run.metadata.manifest(item.name, subject);
  return holder === undefined || holder.state === 'live';
}
