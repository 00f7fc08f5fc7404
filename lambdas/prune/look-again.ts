/** The second look at a manifest's holders, after it was taken (protocol, manifest step 4). */
import { cosignSubject } from '../registry/cosign.ts';
import type { Digest } from '../registry/digest.ts';
import type { HolderEdge, ManifestItem } from '../store/items.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { isNewer } from '../store/times.ts';
import { arrival } from './arrivals.ts';
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

/** A push that the index has not seen, in an offline run: the registry is not stopped, and the run ends. */
function isPushedOffline(
  run: Run,
  { name, digest, pushedAt }: ManifestItem,
  link: ObjectHead | undefined,
): boolean {
  if (run.request.mode !== 'offline' || link === undefined || !isNewer(link.lastModified, pushedAt))
    return false;
  run.halt(arrival(`${name}@${digest} was pushed at ${link.lastModified.toISOString()}`));
  return true;
}

async function counts(
  run: Run,
  { item, tags }: Doomed,
  edge: HolderEdge,
  group: ReadonlySet<Digest>,
): Promise<boolean> {
  if (edge.kind === 'tag') {
    const subject = cosignSubject(edge.tag);
    // Those about to go are compared once more when they are deleted; what holds in their stead is looked at here.
    if (tags.some(({ tag }) => tag === edge.tag)) {
      return subject !== undefined && !group.has(subject) && (await subjectStands(run, item.name, subject));
    }
    return await tagCounts(run, item, edge.tag, group);
  }
  if (group.has(edge.digest)) return false;
  if (edge.kind === 'subject') return await subjectStands(run, item.name, edge.digest);
  return (await run.metadata.manifest(item.name, edge.digest))?.state !== 'deleting';
}

/**
 * A subject holds while it is there. Its edge was not written by itself, so one that the table has as deleted, or
 * does not know, is looked for in the bucket: it may just have been pushed again.
 */
export async function subjectStands(run: Run, name: string, subject: Digest): Promise<boolean> {
  const holder = await run.metadata.manifest(name, subject);
  if (holder?.state === 'live') return true;
  if (holder?.state === 'deleting') return false;
  return (await run.bucket.revisionLink(name, subject)) !== undefined;
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
