/** Tags: where `current/link` points. */
import type { Digest } from '../registry/digest.ts';
import { holdManifest } from '../store/hold.ts';
import { holderKey, obstacleKey, type TagItem, tagKey } from '../store/items.ts';
import { APPLIED, type Hints, type IndexContext, type Outcome, outcomeOf, retry } from './context.ts';
import { rememberTag } from './tag-names.ts';

/** A tag was put, moved or deleted. */
export async function applyTag(
  context: IndexContext,
  name: string,
  tag: string,
  hints: Hints,
): Promise<Outcome | undefined> {
  const { metadata, bucket, now } = context;
  const item = await metadata.tag(name, tag);
  const link = await bucket.tagLink(name, tag);
  if (link === 'unreadable') {
    // What it should hold is not known, so nothing of the repository may go; what it held before stays held.
    const detail = `the link of tag ${tag} does not hold a digest`;
    await metadata.table.put({ ...obstacleKey(name, `TAG#${tag}`), detail, since: now() });
    return APPLIED;
  }
  await metadata.clearObstacle(name, `TAG#${tag}`);
  if (link === undefined) return await release(context, name, tag, item);

  const { digest, lastModified } = link;
  const at = hints.at?.(lastModified) ?? now();
  await metadata.table.write([{ put: { ...holderKey(name, digest, { kind: 'tag', tag }), since: at } }]);
  const held = await hold(context, name, digest, tag, at);
  if (held.status === 'retry') return held;
  if (item !== undefined && item.digest !== digest) await letGo(context, name, tag, item.digest, at);
  const set = { digest, taggedAt: lastModified.getTime() };
  const written = await metadata.transition(tagKey(name, tag), item?.version ?? 0, set);
  return written === undefined ? undefined : held;
}

/** The manifest is held by the tag, and remembers it. One whose item is not there yet takes it from the edge. */
async function hold(
  context: IndexContext,
  name: string,
  digest: Digest,
  tag: string,
  at: number,
): Promise<Outcome> {
  const held = outcomeOf(await holdManifest(context, name, digest, { at, grace: context.grace }));
  if (held.status !== 'applied') return held;
  return (await rememberTag(context, name, digest, tag)) ? APPLIED : retry('the manifest changed meanwhile');
}

async function letGo(
  context: IndexContext,
  name: string,
  tag: string,
  digest: Digest,
  at: number,
): Promise<void> {
  await context.metadata.table.write([{ remove: holderKey(name, digest, { kind: 'tag', tag }) }]);
  await context.metadata.releaseManifest(name, digest, { at, grace: context.grace });
}

async function release(
  context: IndexContext,
  name: string,
  tag: string,
  item: TagItem | undefined,
): Promise<Outcome | undefined> {
  if (item === undefined) return APPLIED;
  await letGo(context, name, tag, item.digest, context.now());
  const { metadata } = context;
  const unchanged = { equals: { version: item.version } };
  return (await metadata.table.remove(tagKey(name, tag), unchanged)) ? APPLIED : undefined;
}
