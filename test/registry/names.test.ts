import { describe, expect, it } from 'vitest';
import { isRepositoryName, isTagName } from '../../lambdas/registry/names.ts';

describe('isRepositoryName', () => {
  it.each([
    'a',
    'library/ubuntu',
    'team/app/sub/0',
    'a.b_c__d-e---f',
    `${'a/'.repeat(127)}a`,
    // A first component that looks like a host is one to distribution, and so it may have capitals.
    'quay.io/prometheus/node-exporter',
    'Team/app',
    'Quay.IO/app',
  ])('takes %s', (name) => {
    expect(isRepositoryName(name)).toBe(true);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    'App',
    'team/App',
    'a/Team/app',
    '_a',
    'a_',
    'a/_manifests',
    'a..b',
    'a___b',
    'a._b',
    '-a',
    'a-',
    'Team-/app',
    '.',
    '..',
    'a/../b',
    'a b',
    'a\n',
    'localhost:5000/app',
    'ä',
    'a'.repeat(256),
  ])('refuses %j', (name) => {
    expect(isRepositoryName(name)).toBe(false);
  });
});

describe('isTagName', () => {
  it.each(['latest', 'v1.2.3-rc.1', '_internal', 'A', `sha256-${'0'.repeat(64)}.sig`, 'x'.repeat(128)])(
    'takes %s',
    (tag) => {
      expect(isTagName(tag)).toBe(true);
    },
  );

  it.each(['', '.a', '-a', 'a b', 'a/b', 'a:b', 'a\n', 'ä', 'x'.repeat(129)])('refuses %j', (tag) => {
    expect(isTagName(tag)).toBe(false);
  });
});
