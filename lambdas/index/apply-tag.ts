/** Tags: where `current/link` points. */
import type { Digest } from '../registry/digest.ts';
import { holdManifest } from '../store/hold.ts';
import { holderKey, obstacleKey, type TagItem, tagKey } from '../store/items.ts';
import { APPLIED, type Hints, type IndexContext, type Outcome, outcomeOf } from './context.ts';
import { rememberTag } from './tag-names.ts';

/** How often a tag is looked at anew when its item changes under the indexer. */
const ATTEMPTS = 8;

/** A tag was put, moved or deleted. */
export async function applyTag(
  context: IndexContext,
  name: string,
  tag: string,
  hints: Hints,
): Promise<Outcome | undefined> {
  // Edges of looks that came to nothing: no item tells of them, so they are let go by the look that does.
  const put = new Set<Digest>();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await look(context, { name, tag, put }, hints);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

interface Looked {
  readonly name: string;
  readonly tag: string;
  readonly put: Set<Digest>;
}

async function look(context: IndexContext, looked: Looked, hints: Hints): Promise<Outcome | undefined> {
  const { metadata, bucket, now } = context;
  const { name, tag, put } = looked;
  const item = await metadata.tag(name, tag);
  const link = await bucket.tagLink(name, tag);
  if (link === 'unreadable') {
    // What it should hold is not known, so nothing of the repository may go; what it held before stays held.
    const detail = `the link of tag ${tag} does not hold a digest`;
    await metadata.table.put({ ...obstacleKey(name, `TAG#${tag}`), detail, since: now() });
    return APPLIED;
  }
  await metadata.clearObstacle(name, `TAG#${tag}`);
  if (link === undefined) return await release(context, looked, item);

  const { digest, lastModified } = link;
  const at = hints.at?.(lastModified) ?? now();
  await metadata.table.write([{ put: { ...holderKey(name, digest, { kind: 'tag', tag }), since: at } }]);
  put.add(digest);
  const held = outcomeOf(await holdManifest(context, name, digest, { at, grace: context.grace }));
  if (held.status === 'retry') return held;
  if (!(await rememberTag(context, name, digest, tag))) return undefined;
  await letGo(context, looked, item, at, digest);
  const set = { digest, taggedAt: lastModified.getTime() };
  const written = await metadata.transition(tagKey(name, tag), item?.version ?? 0, set);
  if (written === undefined) return undefined;
  // Whoever saw the link gone while there was no item had none to change: what is new is looked at once more.
  const isGone = item === undefined && (await bucket.tagLink(name, tag)) === undefined;
  return isGone ? undefined : held;
}

/** What the tag held, and does not name any more. */
async function letGo(
  { metadata, grace }: IndexContext,
  { name, tag, put }: Looked,
  item: TagItem | undefined,
  at: number,
  named?: Digest,
): Promise<void> {
  const held = new Set(item === undefined ? put : [...put, item.digest]);
  if (named !== undefined) held.delete(named);
  for (const digest of held) {
    await metadata.table.write([{ remove: holderKey(name, digest, { kind: 'tag', tag }) }]);
    await metadata.releaseManifest(name, digest, { at, grace });
  }
}

async function release(
  context: IndexContext,
  looked: Looked,
  item: TagItem | undefined,
): Promise<Outcome | undefined> {
  await letGo(context, looked, item, context.now());
  if (item === undefined) return APPLIED;
  const { metadata } = context;
  const unchanged = { equals: { version: item.version } };
  return (await metadata.table.remove(tagKey(looked.name, looked.tag), unchanged)) ? APPLIED : undefined;
}
