import { describe, expect, it } from 'vitest';
import { cosignSubject, cosignTags } from '../../lambdas/registry/cosign.ts';
import { type Digest, digestOf } from '../../lambdas/registry/digest.ts';
import { isTagName } from '../../lambdas/registry/names.ts';
import { bytes } from './documents.ts';

const hex = 'ab'.repeat(32);
const d: Digest = `sha256:${hex}`;

describe('cosignSubject', () => {
  it.each([
    [`sha256-${hex}`, d],
    [`sha256-${hex}.sig`, d],
    [`sha256-${hex}.att`, d],
    [`sha256-${hex}.sbom`, d],
    [`sha384-${'0'.repeat(96)}.sig`, `sha384:${'0'.repeat(96)}`],
    [`sha512-${'0'.repeat(128)}`, `sha512:${'0'.repeat(128)}`],
  ])('of %s', (tag, subject) => {
    expect(cosignSubject(tag)).toBe(subject);
  });

  it.each([
    'latest',
    'sha256-',
    `sha256:${hex}`,
    `sha256-${hex}.`,
    `sha256-${hex}.other`,
    `sha256-${hex}.sig.att`,
    `sha256-${hex}-sig`,
    `sha256-${hex.toUpperCase()}`,
    `sha256-${hex.slice(2)}.sig`,
    `md5-${hex}`,
    `v-sha256-${hex}`,
    `sha256-${hex}\n`,
    // The referrers tag of a sha512 subject is cut off and does not name it: a root, and so kept.
    `sha512-${hex}`,
  ])('none of %j', (tag) => {
    expect(cosignSubject(tag)).toBeUndefined();
  });
});

describe('cosignTags', () => {
  it('names every tag of a subject', () => {
    expect(cosignTags(d)).toEqual([
      `sha256-${hex}`,
      `sha256-${hex}.sig`,
      `sha256-${hex}.att`,
      `sha256-${hex}.sbom`,
    ]);
  });

  it.each(['sha256', 'sha384', 'sha512'] as const)('gives tags that lead back, for %s', (algorithm) => {
    const subject = digestOf(bytes('x'), algorithm);
    const tags = cosignTags(subject);
    expect(tags).toHaveLength(algorithm === 'sha512' ? 0 : 4);
    for (const tag of tags) expect([isTagName(tag), cosignSubject(tag)]).toEqual([true, subject]);
  });
});
