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
    expect(linkedBlobsOf(manifest)).toHaveLength(linked.size);
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
    const layers = [descriptor('a', 'x')];
    expect(parse({ schemaVersion: 2, layers })).toMatchObject({ kind: 'unknown', mediaType: '' });
    expect(parse({ schemaVersion: 2, blobs: null })).toMatchObject({ kind: 'unknown', mediaType: '' });
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
    const whole = {
      ...descriptor('x', 'y', { size: 0, artifactType: 'z', urls: [], annotations: { a: 'b' } }),
      platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
    };
    const more = { data: 'e30=', platform: { ...whole.platform, features: ['x'] } };
    expect(parse({ ...documents.buildkitIndex, manifests: [{ ...whole, ...more }] }).children).toEqual([
      whole,
    ]);
  });

  it('of its descriptors, with null for what is not there', () => {
    const none = { mediaType: null, size: null, artifactType: null, annotations: null, platform: null };
    const child = { digest: digest('x'), ...none, urls: null };
    expect(parse({ ...documents.buildkitIndex, manifests: [child] }).children).toEqual([
      { digest: digest('x') },
    ]);
    const empty = { digest: digest('x'), annotations: { a: null }, urls: [null] };
    expect(parse({ ...documents.buildkitIndex, manifests: [empty] }).children).toEqual([
      { ...empty, annotations: { a: '' }, urls: [''] },
    ]);
  });

  it('names a child once that it lists twice', () => {
    const child = descriptor('twice', MEDIA_TYPES.ociManifest);
    const manifest = parse({ ...documents.buildkitIndex, manifests: [child, child] });
    expect(childrenOf(manifest)).toEqual([digest('twice')]);
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

  const list = documents.buildkitIndex;
  const { artifactManifest, schema1 } = documents;
  const config = (more: object) => ({ ...image, config: descriptor('x', 'y', more) });
  it.each<[string, object]>([
    ['mediaType is not a string', { ...image, mediaType: 1 }],
    ['artifactType is not a string', { ...image, artifactType: 1 }],
    ['config is not an object', { ...image, config: 'x' }],
    ['config.digest is no digest: a list or an object', config({ digest: {} })],
    ['config.mediaType is not a string', config({ mediaType: 1 })],
    ['config.size is not a size: -1', config({ size: -1 })],
    ['config.size is not a size: 1.5', config({ size: 1.5 })],
    ['config.size is not a size: "1"', config({ size: '1' })],
    ['config.size is not a size: 9007199254740992', config({ size: 2 ** 53 })],
    ['config.artifactType is not a string', config({ artifactType: 1 })],
    ['config.annotations is not an object', config({ annotations: [] })],
    ['a value of config.annotations is not a string', config({ annotations: { a: 1 } })],
    ['config.platform is not an object', config({ platform: 'x' })],
    ['config.platform.architecture is not a string', config({ platform: { architecture: 1 } })],
    ['config.platform.os is not a string', config({ platform: { os: 1 } })],
    ['config.platform.variant is not a string', config({ platform: { variant: 1 } })],
    ['config.urls is not a list', config({ urls: 'x' })],
    ['config.urls[1] is not a string', config({ urls: ['x', 1] })],
    ['layers is not a list', { ...image, layers: 'x' }],
    ['layers[1] is not an object', { ...image, layers: [descriptor('x', 'y'), null] }],
    ['subject is not an object', { ...image, subject: 'x' }],
    ['manifests is not a list', { ...list, manifests: 'x' }],
    ['manifests[0] is not an object', { ...list, manifests: ['x'] }],
    ['blobs is not a list', { ...artifactManifest, blobs: 'x' }],
    ['fsLayers is not a list', { ...schema1, fsLayers: {} }],
    ['fsLayers[0] is not an object', { ...schema1, fsLayers: [1] }],
    ['fsLayers[0].blobSum is no digest: 1', { ...schema1, fsLayers: [{ blobSum: 1 }] }],
    ['history is not a list', { ...schema1, history: 'x' }],
    ['history[0] is not an object', { ...schema1, history: ['x'] }],
    ['history[0].v1Compatibility is not a string', { ...schema1, history: [{ v1Compatibility: 1 }] }],
    ['unreadable manifest: TypeError: not a JSON object', []],
  ])('says that %s', (message, document) => {
    expect(() => parse(document)).toThrow(new ManifestError(message));
  });

  it('says where and why', () => {
    expect(() => parse({ ...image, layers: [{ digest: 'x'.repeat(1e6) }] })).toThrow(
      /^layers\[0\]\.digest is no digest: "x{100}…"$/,
    );
    const hundred = { ...image, layers: [{ digest: 'x'.repeat(100) }] };
    expect(() => parse(hundred)).toThrow(/is no digest: "x{100}"$/);
    expect(() => parse({ ...image, layers: [{ digest: null }] })).toThrow(/is no digest: null$/);
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
