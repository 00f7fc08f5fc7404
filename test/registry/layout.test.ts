import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALGORITHMS, type Algorithm, type Digest, parseDigest } from '../../lambdas/registry/digest.ts';
import { linkDigest, type RegistryKey, RegistryLayout } from '../../lambdas/registry/layout.ts';
import { isRepositoryName } from '../../lambdas/registry/names.ts';
import { bytes, digest } from './documents.ts';

const layout = new RegistryLayout('');
const hex = 'ab'.repeat(32);
const d: Digest = `sha256:${hex}`;
const name = 'team/app';
const uuid = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const root = 'docker/registry/v2/';

const examples: [RegistryKey, string][] = [
  [{ kind: 'blob', digest: d }, `blobs/sha256/ab/${hex}/data`],
  [{ kind: 'revision', name, digest: d }, `repositories/team/app/_manifests/revisions/sha256/${hex}/link`],
  [{ kind: 'tag', name, tag: 'v1' }, 'repositories/team/app/_manifests/tags/v1/current/link'],
  [
    { kind: 'tag-history', name, tag: 'v1', digest: d },
    `repositories/team/app/_manifests/tags/v1/index/sha256/${hex}/link`,
  ],
  [{ kind: 'layer', name, digest: d }, `repositories/team/app/_layers/sha256/${hex}/link`],
  [
    { kind: 'upload', name, uuid, path: 'hashstates/sha256/0' },
    `repositories/team/app/_uploads/${uuid}/hashstates/sha256/0`,
  ],
];

describe('keys', () => {
  it.each(examples)('%j', (key, path) => {
    expect(layout.keyOf(key)).toBe(root + path);
    expect(layout.parse(root + path)).toEqual(key);
  });

  it('by name', () => {
    expect(layout.blobData(d)).toBe(`${layout.blobsPrefix}sha256/ab/${hex}/data`);
    expect(layout.repositoryPrefix(name)).toBe(`${layout.repositoriesPrefix}team/app/`);
    expect(layout.uploadPrefix(name, uuid)).toBe(`${root}repositories/team/app/_uploads/${uuid}/`);
    expect(layout.tagPrefix(name, 'v1')).toBe(`${layout.tagsPrefix(name)}v1/`);
    expect(layout.revisionLink(name, d).startsWith(layout.revisionsPrefix(name))).toBe(true);
    expect(layout.tagHistory(name, 'v1', d).startsWith(layout.tagPrefix(name, 'v1'))).toBe(true);
    expect(layout.layerLink(name, d).startsWith(layout.layersPrefix(name))).toBe(true);
  });

  it('are not built of what is no name, tag, upload or digest', () => {
    const bad: [string, () => string][] = [
      ['repository name: ""', () => layout.repositoryPrefix('')],
      ['repository name: "../other"', () => layout.repositoryPrefix('../other')],
      ['repository name: "a/"', () => layout.layersPrefix('a/')],
      ['tag: ""', () => layout.tagCurrent(name, '')],
      ['tag: "../.."', () => layout.tagCurrent(name, '../..')],
      ['upload id: ""', () => layout.uploadPrefix(name, '')],
      ['path: ""', () => layout.keyOf({ kind: 'upload', name, uuid, path: '' })],
      ['digest: "sha256:../../x"', () => layout.blobData('sha256:../../x')],
      ['digest: "sha256:"', () => layout.layerLink(name, 'sha256:')],
    ];
    for (const [what, build] of bad) expect(build).toThrow(new RangeError(`not a ${what}`));
  });

  const arbitraryDigest = fc
    .constantFrom<Algorithm>('sha256', 'sha384', 'sha512')
    .chain((algorithm) =>
      fc
        .stringMatching(new RegExp(`^[0-9a-f]{${ALGORITHMS[algorithm]}}$`))
        .map((digits): Digest => `${algorithm}:${digits}`),
    );
  const arbitraryName = fc
    .stringMatching(/^(?:[A-Z]{1,3}\/)?[a-z0-9]{1,4}(?:[._/-][a-z0-9]{1,4}){0,4}$/)
    .filter(isRepositoryName);
  const arbitraryTag = fc.stringMatching(/^\w[\w.-]{0,20}$/);
  const about = { name: arbitraryName, digest: arbitraryDigest, tag: arbitraryTag };
  const arbitraryKey: fc.Arbitrary<RegistryKey> = fc.oneof(
    fc.record({ kind: fc.constant('blob' as const), digest: about.digest }),
    fc.record({ kind: fc.constant('revision' as const), name: about.name, digest: about.digest }),
    fc.record({ kind: fc.constant('tag' as const), name: about.name, tag: about.tag }),
    fc.record({ kind: fc.constant('tag-history' as const), ...about }),
    fc.record({ kind: fc.constant('layer' as const), name: about.name, digest: about.digest }),
    fc.record({
      kind: fc.constant('upload' as const),
      name: about.name,
      uuid: fc.uuid(),
      path: fc.string({ minLength: 1 }),
    }),
  );

  it.skipIf(process.env['MUTANTS'])('survive the way there and back, under any root', () => {
    fc.assert(
      fc.property(fc.constantFrom('', '/', 'a', '/a/b.c/'), arbitraryKey, (rootDirectory, key) => {
        const rooted = new RegistryLayout(rootDirectory);
        expect(rooted.parse(rooted.keyOf(key))).toEqual(key);
      }),
    );
  });

  it.skipIf(process.env['MUTANTS'])('that are recognised are exactly what would be written', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '_manifests',
        '_layers',
        '_uploads',
        'revisions',
        'tags',
        'current',
        'index',
        'link',
        'data',
      ),
      fc.constantFrom('blobs', 'repositories', 'sha256', 'ab', hex, uuid, '', 'v1', 'a'),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        const key = root + parts.join('/');
        expect(layout.keyOf(layout.parse(key))).toBe(key);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('unrecognised', () => {
  const other = 'cd'.repeat(32);
  it.each([
    '',
    'docker/registry/v2',
    root,
    `/${root}blobs/sha256/ab/${hex}/data`,
    `x/${root}blobs/sha256/ab/${hex}/data`,
    `${root}blobs/sha256/ab/${other}/data`,
    `${root}blobs/sha256/AB/${hex}/data`,
    `${root}blobs/sha256/ab/${hex.toUpperCase()}/data`,
    `${root}blobs/sha256/ab/${hex}/data/`,
    `${root}blobs/sha256/ab/${hex}/startedat`,
    `${root}blobs/sha512/ab/${hex}/data`,
    `${root}blobs/md5/ab/${hex}/data`,
    `${root}repositories/_manifests/revisions/sha256/${hex}/link`,
    `${root}repositories/team//app/_layers/sha256/${hex}/link`,
    `${root}repositories/team/App/_layers/sha256/${hex}/link`,
    `${root}repositories/../app/_layers/sha256/${hex}/link`,
    `${root}repositories/team/app/_layers/sha256/${hex}`,
    `${root}repositories/team/app/_layers/sha256/ab/${hex}/link`,
    `${root}repositories/team/app/_layers/sha256/${hex}/link/x`,
    `${root}repositories/team/app/_other/sha256/${hex}/link`,
    // The detached signatures of schema 1, which distribution wrote before 2.4.
    `${root}repositories/team/app/_manifests/revisions/sha256/${hex}/signatures/sha256/${other}/link`,
    `${root}repositories/team/app/_manifests/tags/v1/current/link/`,
    `${root}repositories/team/app/_manifests/tags/.v1/current/link`,
    `${root}repositories/team/app/_manifests/tags/v1/other/link`,
    `${root}repositories/team/app/_manifests/tags/v1/other/sha256/${hex}/link`,
    `${root}repositories/team/app/_manifests/tags/v1/current/li/nk`,
    `${root}repositories/team/app/_manifests/other/sha256/${hex}/link`,
    `${root}repositories/team/app/_uploads/x${uuid}/data`,
    `${root}repositories/team/app/_uploads/${uuid}x/data`,
    `${root}repositories/team/app/_manifests/tags/v1/index/sha256/${hex}/data`,
    `${root}repositories/team/app/_uploads/${uuid}`,
    `${root}repositories/team/app/_uploads/${uuid}/`,
    `${root}repositories/team/app/_uploads/not-a-uuid/data`,
    `${root}repositories/team/app`,
    `${root}uploads/sha256/ab/${hex}/data`,
    `${root}other/team/app/_layers/sha256/${hex}/link`,
    `${root.replace('v2', 'v3')}blobs/sha256/ab/${hex}/data`,
  ])('%j', (key) => {
    expect(layout.parse(key)).toEqual({ kind: 'unrecognised', key });
    expect(layout.keyOf({ kind: 'unrecognised', key })).toBe(key);
  });
});

describe('the root directory', () => {
  it.each([
    ['', root],
    ['/', root],
    ['///', root],
    ['registry', `registry/${root}`],
    ['/registry/', `registry/${root}`],
    ['//a/b_c.d-e//', `a/b_c.d-e/${root}`],
    ['docker/registry/v2', `docker/registry/v2/${root}`],
  ])('%j', (rootDirectory, prefix) => {
    const rooted = new RegistryLayout(rootDirectory);
    expect(rooted.prefix).toBe(prefix);
    expect(rooted.parse(`${prefix}blobs/sha256/ab/${hex}/data`)).toEqual({ kind: 'blob', digest: d });
  });

  it.each(['..', '/a/../b', 'a/..', '.', 'a/./b', 'a//b', 'a\0b'])('refuses %j', (rootDirectory) => {
    expect(() => new RegistryLayout(rootDirectory)).toThrow(JSON.stringify(rootDirectory));
  });
});

describe('linkDigest', () => {
  it('takes exactly a digest', () => {
    expect(linkDigest(d)).toBe(d);
    expect(linkDigest(bytes(d))).toBe(d);
    expect(parseDigest(d)).toBe(d);
  });

  it.each(['', ` ${d}`, `${d}\n`, `\uFEFF${d}`, hex, digest('x').toUpperCase()])('refuses %j', (body) => {
    expect(linkDigest(body)).toBeUndefined();
    expect(linkDigest(bytes(body))).toBeUndefined();
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(linkDigest(Uint8Array.of(...bytes(d), 0xff))).toBeUndefined();
  });
});
