import { expect, it } from 'vitest';
import { hasLookalikeKey, readDocument } from '../../lambdas/registry/json.ts';

it.each([
  ['key', false],
  ['Key', true],
  ['KEY', true],
  // The Kelvin sign and the long s, which Go folds to k and s.
  ['\u212Aey', true],
  ['di\u017F', true],
  ['other', false],
])('a key %s looks like another: %s', (key, looks) => {
  const names = new Set(['key', 'dis']);
  const { value } = readDocument(JSON.stringify({ list: [{ [key]: 1 }] }));
  expect(hasLookalikeKey(value, names, new Set())).toBe(looks);
  expect(hasLookalikeKey(value, names, new Set(['list']))).toBe(false);
});
