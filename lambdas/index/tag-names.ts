/** The names a manifest ever had. */
import type { Digest } from '../registry/digest.ts';
import { manifestKey } from '../store/items.ts';
import type { IndexContext } from './context.ts';

/** An item holds 400 KB. A tag beyond these holds its manifest all the same, by its edge. */
export const MAX_NAMES = 500;

/** The names to remember, each once. */
export const remembered = (tags: readonly string[]): string[] =>
  [...new Set(tags)].slice(0, MAX_NAMES).sort();

/** The names a manifest ever had tell which tag histories go with it. @returns false when it changed meanwhile. */
export async function rememberTag(
  context: IndexContext,
  name: string,
  digest: Digest,
  tag: string,
): Promise<boolean> {
  const { metadata } = context;
  const manifest = await metadata.manifest(name, digest);
  if (manifest === undefined || manifest.taggedAs.includes(tag)) return true;
  const taggedAs = remembered([...manifest.taggedAs, tag]);
  if (taggedAs.length === manifest.taggedAs.length) return true;
  const set = { taggedAs };
  return (await metadata.transition(manifestKey(name, digest), manifest.version, set)) !== undefined;
}
