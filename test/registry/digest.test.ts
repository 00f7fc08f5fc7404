import { describe, expect, it } from 'vitest';
import {
  algorithmOf,
  digestFrom,
  digestOf,
  digestsIn,
  digestsWithin,
  hexOf,
  isDigest,
  parseDigest,
} from '../../lambdas/registry/digest.ts';
import { bytes, digest } from './documents.ts';

const hex = 'ab'.repeat(32);

describe('isDigest', () => {
  it.each([`sha256:${hex}`, `sha384:${'0'.repeat(96)}`, `sha512:${'f'.repeat(128)}`])('takes %s', (value) => {
    expect(isDigest(value)).toBe(true);
    expect(parseDigest(value)).toBe(value);
  });

  it.each([
    ['upper-case hex', `sha256:${hex.toUpperCase()}`],
    ['upper-case algorithm', `SHA256:${hex}`],
    ['too short', `sha256:${hex.slice(1)}`],
    ['too long', `sha256:${hex}0`],
    ['the length of another algorithm', `sha512:${hex}`],
    ['unknown algorithm', `md5:${hex}`],
    ['an inherited name as algorithm', `constructor:${hex}`],
    ['white space before', ` sha256:${hex}`],
    ['a line end after', `sha256:${hex}\n`],
    ['no algorithm', hex],
    ['empty', ''],
    ['a number', 5],
    ['a list of one', [`sha256:${hex}`]],
    ['null', null],
    ['an object', { digest: `sha256:${hex}` }],
  ])('refuses %s', (_, value) => {
    expect(isDigest(value)).toBe(false);
  });
});

describe('parts of a digest', () => {
  it('come apart and together', () => {
    const whole = digestFrom('sha384', '0'.repeat(96));
    expect(whole).toBe(`sha384:${'0'.repeat(96)}`);
    expect(whole && [algorithmOf(whole), hexOf(whole)]).toEqual(['sha384', '0'.repeat(96)]);
    expect(digestFrom('sha256', '0'.repeat(96))).toBeUndefined();
  });
});

describe('digestOf', () => {
  it.each([
    [undefined, 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    [
      'sha384',
      'sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b',
    ],
    [
      'sha512',
      'sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    ],
  ] as const)('hashes no bytes with %s', (algorithm, expected) => {
    expect(digestOf(bytes(''), algorithm)).toBe(expected);
  });
});

describe('digestsIn', () => {
  it('finds digests as values and keys, at any depth, and nothing that only contains one', () => {
    const value = {
      [digest('key')]: [{ a: digest('value') }, digest('value')],
      reference: `app@${digest('embedded')}`,
      none: [null, 1, true, 'sha256:'],
    };
    expect(digestsIn(value)).toEqual(new Set([digest('key'), digest('value')]));
  });

  it('is not stopped by depth or width', () => {
    let deep: unknown = digest('deep');
    for (let i = 0; i < 200_000; i += 1) deep = i % 2 ? [deep] : { deep };
    expect(digestsIn([deep, ...Array(200_000).fill(0)])).toEqual(new Set([digest('deep')]));
  });
});

describe('digestsWithin', () => {
  it('finds each digest in a text, but none cut out of a longer run of hex', () => {
    expect(digestsWithin(`app@${digest('a')}, ${digest('b')}.`)).toEqual([digest('a'), digest('b')]);
    expect(digestsWithin(`${digest('a')}0 ${digest('b')}A`)).toEqual([]);
  });
});
