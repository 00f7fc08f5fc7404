import { createHash } from 'node:crypto';

/**
 * The algorithms a registry may store content under, and how many hex digits each writes: those of go-digest,
 * which distribution validates every digest with. Hex is lower-case only (OCI image spec, descriptor, "Digests").
 */
export const ALGORITHMS = { sha256: 64, sha384: 96, sha512: 128 } as const;

export type Algorithm = keyof typeof ALGORITHMS;

/** `<algorithm>:<lower-case hex>`, checked; make one with {@link parseDigest}, {@link digestFrom} or {@link digestOf}. */
export type Digest = `${Algorithm}:${string}`;

const SHAPE = Object.entries(ALGORITHMS)
  .map(([algorithm, digits]) => `${algorithm}:[0-9a-f]{${digits}}`)
  .join('|');
const DIGEST = new RegExp(`^(?:${SHAPE})$`);
const EMBEDDED = new RegExp(`(?:${SHAPE})(?![0-9A-Fa-f])`, 'g');

/** Whether a value is exactly a digest: no white space, no upper case, no other algorithm. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST.test(value);
}

/** The digest a string is, or `undefined` when it is not exactly one. */
export function parseDigest(value: string): Digest | undefined {
  return isDigest(value) ? value : undefined;
}

/** The digest of two path components, or `undefined` when they do not make one. */
export function digestFrom(algorithm: string, hex: string): Digest | undefined {
  return parseDigest(`${algorithm}:${hex}`);
}

/** The part before the colon. */
export function algorithmOf(digest: Digest): Algorithm {
  return digest.slice(0, digest.indexOf(':')) as Algorithm;
}

/** The part after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/**
 * The digest of some bytes.
 *
 * @param algorithm - `sha256` by default, distribution's canonical algorithm
 */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/**
 * Every string anywhere in a parsed JSON value that is exactly a digest, keys of objects included.
 * Iterative, so that no depth of nesting overflows the stack.
 */
export function digestsIn(value: unknown): Set<Digest> {
  const found = new Set<Digest>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (isDigest(next)) found.add(next);
    else if (Array.isArray(next)) for (const item of next) pending.push(item);
    else if (typeof next === 'object' && next !== null)
      for (const [key, item] of Object.entries(next)) pending.push(key, item);
  }
  return found;
}

/** Every digest written anywhere within a piece of text, as in `name@sha256:…`; for where too many beats too few. */
export function digestsWithin(text: string): Digest[] {
  return Array.from(text.matchAll(EMBEDDED), ([digest]) => digest).filter(isDigest);
}
