import { ALGORITHMS, algorithmOf, type Digest, hexOf, parseDigest } from './digest.ts';
import { isTagName } from './names.ts';

const SUFFIXES = ['', '.sig', '.att', '.sbom'] as const;
const ATTACHED = new RegExp(`^(${Object.keys(ALGORITHMS).join('|')})-([0-9a-f]+)(?:\\.(?:sig|att|sbom))?$`);

/**
 * The manifest a tag's name says it belongs to: cosign's `sha256-<hex>.sig`, `.att` and `.sbom`, and the bare
 * `sha256-<hex>` of the OCI distribution spec's referrers tag schema. `undefined` for every other tag.
 *
 * The referrers tag schema cuts the hex off at 64 digits, so for sha384 and sha512 the bare form does not name its
 * subject; such a tag is none of these and so stays a root.
 */
export function cosignSubject(tag: string): Digest | undefined {
  const match = ATTACHED.exec(tag);
  return match === null ? undefined : parseDigest(`${match[1]}:${match[2]}`);
}

/**
 * The tags for which {@link cosignSubject} answers this digest. Those too long to be a tag are left out, which
 * are all of sha512's.
 */
export function cosignTags(digest: Digest): string[] {
  return SUFFIXES.map((suffix) => `${algorithmOf(digest)}-${hexOf(digest)}${suffix}`).filter(isTagName);
}
