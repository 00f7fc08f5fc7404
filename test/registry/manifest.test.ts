import { describe, expect, it } from 'vitest';
import {
  blobsOf,
  childrenOf,
  isAttestation,
  linkedBlobsOf,
  MAX_MANIFEST_BYTES,
  ManifestError,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';
import * as documents from './documents.ts';
import { bytes, descriptor, digest } from './documents.ts';

const parse = (document: unknown) => parseManifest(bytes(document));
const digests = (...names: string[]) => new Set(names.map(digest));
const without = (document: object, ...fields: string[]) =>
  Object.fromEntries(Object.entries(document).filter(([field]) => !fields.includes(field)));

describe('every kind of manifest', () => {
  const none = digests();
  it.each([
    ['dockerManifest', 'image', digests('config', 'base', 'app'), digests('config', 'base', 'app'), none],
    [
      'windowsManifest',
      'image',
      digests('config', 'windows', 'pushed-foreign', 'app'),
      digests('config', 'pushed-foreign', 'app'),
      none,
    ],
    ['ociManifest', 'image', digests('config', 'layer'), digests('config', 'layer'), none],
    ['referrer', 'image', digests('empty', 'sbom'), digests('empty', 'sbom'), none],
    ['buildkitIndex', 'index', none, none, digests('amd64', 'attestation')],
    ['manifestList', 'index', none, none, digests('amd64', 'arm')],
    [
      'buildkitCache',
      'index',
      digests('cached', 'cache-config'),
      digests('cached', 'cache-config'),
      digests('cached', 'cache-config'),
    ],
    ['artifactManifest', 'artifact', digests('signature'), digests('signature'), none],
    ['schema1', 'schema1', digests('empty-layer', 'hello'), digests('empty-layer', 'hello'), none],
    ['schema1Signed', 'schema1', digests('empty-layer', 'hello'), digests('empty-layer', 'hello'), none],
  ] as const)('%s', (name, kind, blobs, linked, children) => {
    const manifest = parse(documents.everyDocument[name]);
    expect(manifest.kind).toBe(kind);
    expect(manifest.others).toEqual([]);
    expect(new Set(blobsOf(manifest))).toEqual(blobs);
    expect(blobsOf(manifest)).toHaveLength(blobs.size);
    expect(new Set(linkedBlobsOf(manifest))).toEqual(linked);
    expect(new Set(childrenOf(manifest))).toEqual(children);
  });
});

describe('the media type', () => {
  it.each([
    ['as the body says', documents.dockerManifest, MEDIA_TYPES.dockerManifest],
    ['image by structure', without(documents.ociManifest, 'mediaType'), MEDIA_TYPES.ociManifest],
    ['index by structure', without(documents.buildkitIndex, 'mediaType'), MEDIA_TYPES.ociIndex],
    [
      'artifact by structure',
      without(documents.artifactManifest, 'mediaType'),
      MEDIA_TYPES.ociArtifactManifest,
    ],
    ['schema 1 by version', documents.schema1, MEDIA_TYPES.dockerSchema1],
    ['schema 1 by signatures', documents.schema1Signed, MEDIA_TYPES.dockerSchema1Signed],
    ['null is none', { ...documents.ociManifest, mediaType: null }, MEDIA_TYPES.ociManifest],
    ['empty is none', { ...documents.ociManifest, mediaType: '' }, MEDIA_TYPES.ociManifest],
  ])('%s', (_, document, mediaType) => {
    const manifest = parse(document);
    expect(manifest.mediaType).toBe(mediaType);
    expect(manifest.kind).not.toBe('unknown');
  });

  it('is empty when nothing tells it', () => {
    expect(parse({ schemaVersion: 2, config: descriptor('a', 'x') })).toMatchObject({
      kind: 'unknown',
      mediaType: '',
      others: [digest('a')],
    });
    expect(parse({})).toEqual({ kind: 'unknown', mediaType: '', layers: [], children: [], others: [] });
  });
});

describe('what a manifest says', () => {
  it('of its descriptors', () => {
    const { children } = parse(documents.buildkitIndex);
    expect(children[0]).toEqual({
      digest: digest('amd64'),
      mediaType: MEDIA_TYPES.ociManifest,
      size: 7023,
      platform: { architecture: 'amd64', os: 'linux' },
    });
    expect(parse(documents.windowsManifest).layers[0]?.urls).toEqual(['https://mcr.example/windows']);
  });

  it('of its subject and type', () => {
    for (const [document, type] of [
      [documents.referrer, 'application/vnd.example.sbom.v1'],
      [documents.artifactManifest, 'application/vnd.example.signature'],
    ] as const) {
      const manifest = parse(document);
      expect(manifest.subject?.digest).toBe(digest('subject'));
      expect(manifest.artifactType).toBe(type);
      expect(blobsOf(manifest)).not.toContain(digest('subject'));
      expect(childrenOf(manifest)).not.toContain(digest('subject'));
    }
    expect(parse({ ...documents.referrer, subject: null })).not.toHaveProperty('subject');
    expect(parse({ ...documents.buildkitIndex, subject: descriptor('subject', 'x') }).subject?.digest).toBe(
      digest('subject'),
    );
  });

  it('of its configuration, in schema 1', () => {
    expect(parse(documents.schema1).embedded).toEqual({
      labels: { team: 'core' },
      createdAt: new Date('2015-10-31T22:22:55.613Z'),
    });
    for (const history of [null, [], [{}], [{ v1Compatibility: 'no JSON' }]])
      expect(parse({ ...documents.schema1, history })).not.toHaveProperty('embedded');
  });

  it('with empty lists written as null', () => {
    expect(blobsOf(parse({ ...documents.ociManifest, layers: null }))).toEqual([digest('config')]);
    expect(parse({ ...documents.buildkitIndex, manifests: null }).children).toEqual([]);
    expect(parse({ ...documents.artifactManifest, blobs: null }).layers).toEqual([]);
  });

  it('with a version on an artifact, as some clients write it', () => {
    expect(parse({ ...documents.artifactManifest, schemaVersion: 2 }).kind).toBe('artifact');
  });

  it('links an ordinary layer even when it has URLs', () => {
    const layer = descriptor('layer', MEDIA_TYPES.ociLayerGzip, { urls: ['https://mirror.example/layer'] });
    const manifest = parse({ ...documents.ociManifest, layers: [layer] });
    expect(linkedBlobsOf(manifest)).toEqual([digest('config'), digest('layer')]);
  });

  it('keeps a child of no known manifest type as a blob too', () => {
    const child = { digest: digest('untyped') };
    const manifest = parse({ ...documents.buildkitIndex, manifests: [child] });
    expect(blobsOf(manifest)).toEqual([digest('untyped')]);
    expect(childrenOf(manifest)).toEqual([digest('untyped')]);
  });
});

describe('isAttestation', () => {
  const [image, attestation] = parse(documents.buildkitIndex).children;

  it('takes both marks together, and not one alone', () => {
    expect([image, attestation].map((child) => child && isAttestation(child))).toEqual([false, true]);
    const { annotations, platform } = attestation ?? {};
    const bare = { digest: digest('x') };
    expect(isAttestation({ ...bare, ...(annotations && { annotations }) })).toBe(false);
    expect(isAttestation({ ...bare, ...(platform && { platform }) })).toBe(false);
    for (const half of [
      { os: 'linux', architecture: 'unknown' },
      { os: 'unknown', architecture: 'amd64' },
    ])
      expect(isAttestation({ ...bare, ...(annotations && { annotations }), platform: half })).toBe(false);
  });
});

describe('a manifest that cannot be read', () => {
  const image = documents.ociManifest;
  it.each([
    ['no JSON', 'not json'],
    ['nothing', ''],
    ['cut short', JSON.stringify(image).slice(0, -1)],
    ['more than one value', '{}{}'],
    ['a byte order mark', `\uFEFF${JSON.stringify(image)}`],
    ['a list', []],
    ['null', 'null'],
    ['a string', '"{}"'],
    ['a media type that is no string', { ...image, mediaType: 1 }],
    ['no config', without(image, 'config')],
    ['a config that is no object', { ...image, config: digest('config') }],
    ['a config without a digest', { ...image, config: { mediaType: MEDIA_TYPES.ociConfig } }],
    ['layers that are no list', { ...image, layers: { 0: descriptor('layer', 'x') } }],
    ['a layer that is null', { ...image, layers: [null] }],
    ['a layer with half a digest', { ...image, layers: [{ digest: 'sha256:abc' }] }],
    ['a layer with a digest in capitals', { ...image, layers: [{ digest: digest('x').toUpperCase() }] }],
    ['a layer with a size that is none', { ...image, layers: [descriptor('x', 'x', { size: -1 })] }],
    [
      'a layer with URLs that are no list',
      { ...image, layers: [descriptor('x', 'x', { urls: 'https://x' })] },
    ],
    [
      'a layer with annotations that are no strings',
      { ...image, layers: [descriptor('x', 'x', { annotations: { a: 1 } })] },
    ],
    ['a subject without a digest', { ...image, subject: {} }],
    ['manifests that are no list', { ...documents.buildkitIndex, manifests: 'x' }],
    [
      'a platform that is no object',
      { ...documents.buildkitIndex, manifests: [descriptor('x', 'x', { platform: 'linux' })] },
    ],
    ['blobs that are no list', { ...documents.artifactManifest, blobs: 1 }],
    ['schema 1 without layers', without(documents.schema1, 'fsLayers')],
    ['schema 1 with a malformed layer', { ...documents.schema1, fsLayers: [{ blobSum: 'x' }] }],
    ['schema 1 with a history that is no list', { ...documents.schema1, history: 'x' }],
  ])('%s', (_, document) => {
    expect(() => parse(document)).toThrow(ManifestError);
  });

  it('says where and why', () => {
    expect(() => parse({ ...image, layers: [{ digest: 'x'.repeat(1e6) }] })).toThrow(
      /^layers\[0\]\.digest is no digest: "x{100}…"$/,
    );
    const cause = expect.any(SyntaxError);
    expect(() => parse('{')).toThrow(expect.objectContaining({ name: 'ManifestError', cause }));
  });

  it('too large, or not UTF-8', () => {
    const padded = JSON.stringify(image).padEnd(MAX_MANIFEST_BYTES);
    expect(parse(padded).kind).toBe('image');
    expect(() => parse(`${padded} `)).toThrow(ManifestError);
    expect(() => parseManifest(Uint8Array.of(...bytes('{"a":"'), 0xff, ...bytes('"}')))).toThrow(
      ManifestError,
    );
  });
});
