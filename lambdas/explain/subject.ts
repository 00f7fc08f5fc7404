/** What is asked about. */
import { type Digest, parseDigest } from '../registry/digest.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';

export type Subject =
  | { readonly kind: 'manifest'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly repository: string; readonly tag: string }
  /** A blob, or a manifest in every repository that has it. */
  | { readonly kind: 'digest'; readonly digest: Digest };

/** It names nothing that a registry could hold. */
export class InvalidSubjectError extends Error {
  override readonly name = 'InvalidSubjectError';
}

/**
 * Reads `<repository>@<digest>`, `<repository>:<tag>` or `<digest>`.
 *
 * @throws InvalidSubjectError naming the text and what is allowed.
 * @example parseSubject('team/app:v1'); // { kind: 'tag', repository: 'team/app', tag: 'v1' }
 */
export function parseSubject(text: string): Subject {
  const bare = parseDigest(text);
  if (bare !== undefined) return { kind: 'digest', digest: bare };
  const at = text.indexOf('@');
  if (at >= 0) {
    const [repository, digest] = [text.slice(0, at), parseDigest(text.slice(at + 1))];
    if (isRepositoryName(repository) && digest !== undefined) return { kind: 'manifest', repository, digest };
  } else {
    const colon = text.lastIndexOf(':');
    const [repository, tag] = [text.slice(0, colon), text.slice(colon + 1)];
    if (colon > 0 && isRepositoryName(repository) && isTagName(tag)) return { kind: 'tag', repository, tag };
  }
  throw new InvalidSubjectError(
    `${JSON.stringify(text)} names nothing: allowed are <repository>@<digest>, <repository>:<tag> and <digest>, ` +
      'such as team/app:v1',
  );
}
