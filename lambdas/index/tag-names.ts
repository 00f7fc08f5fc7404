/** The names a manifest ever had. */
import type { Digest } from '../registry/digest.ts';
import { manifestKey } from '../store/items.ts';
import type { IndexContext } from './context.ts';

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
  const set = { taggedAs: [...manifest.taggedAs, tag] };
  return (await metadata.transition(manifestKey(name, digest), manifest.version, set)) !== undefined;
}
