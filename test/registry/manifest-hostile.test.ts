import { describe, expect, it } from 'vitest';
import {
  blobsOf,
  childrenOf,
  linkedBlobsOf,
  MAX_MANIFEST_BYTES,
  ManifestError,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';
import * as documents from './documents.ts';
import { bytes, descriptor, digest } from './documents.ts';

const parse = (document: unknown) => parseManifest(bytes(document));
const image = documents.ociManifest;
const schema1Typed = { ...documents.schema1, mediaType: MEDIA_TYPES.dockerSchema1 };
const hidden = digest('hidden');
const escaped = `\\u0073ha256:${hidden.slice('sha256:'.length)}`;
const unknown = { mediaType: 'application/vnd.example.v1+json' };
const odd = { Digest: hidden, Config: 'x' };
/** The image with some text put in before its closing brace. */
const withTail = (tail: string) => `${JSON.stringify(image).slice(0, -1)},${tail}}`;

describe('a manifest that can be read in more ways than one keeps everything in it', () => {
  it.each([
    ['an unknown media type', { mediaType: 'application/vnd.example.v1+json', deep: [{ digest: hidden }] }],
    ['an unknown media type, and nothing else known', { ...unknown, schemaVersion: 2, x: hidden }],
    [
      'an image that is an index too',
      { ...image, manifests: [descriptor('hidden', MEDIA_TYPES.ociManifest)] },
    ],
    ['an index that is an image too', { ...documents.buildkitIndex, layers: [], x: hidden }],
    ['no media type, two structures', { schemaVersion: 2, manifests: [], layers: [], config: {}, x: hidden }],
    [
      'a list that says it is an image',
      { ...documents.manifestList, mediaType: MEDIA_TYPES.dockerManifest, x: hidden },
    ],
    [
      'schema 1 that says it is schema 2',
      { ...documents.schema1, mediaType: MEDIA_TYPES.dockerManifest, x: hidden },
    ],
    ['an image that says it is version 1', { ...image, schemaVersion: 1, x: hidden }],
    ['an image that says it is version 3', { ...image, schemaVersion: 3, x: hidden }],
    ['schema 1 that says it is version 2', { ...schema1Typed, schemaVersion: 2, x: hidden }],
    ['an artifact that says it is version 1', { ...documents.artifactManifest, schemaVersion: 1, x: hidden }],
    ['an artifact that says it is version 3', { ...documents.artifactManifest, schemaVersion: 3, x: hidden }],
    ['an image that says nothing of its version', { ...image, schemaVersion: undefined, x: hidden }],
    ['an image with a config of another kind', { ...documents.buildkitIndex, config: { digest: hidden } }],
    ['an image with blobs', { ...image, blobs: [], x: hidden }],
    ['an image with layers of schema 1', { ...image, fsLayers: [], x: hidden }],
    ...['SchemaVersion', 'MediaType', 'Subject', 'Config', 'Manifests', 'Blobs', 'FSLayers'].map(
      (field): [string, object] => [`a field ${field}`, { ...image, [field]: hidden }],
    ),
    ...['blobsum', 'Annotations', 'Platform', 'mediatype'].map((field): [string, object] => [
      `a field ${field} inside`,
      { ...image, layers: [descriptor('layer', 'x', { [field]: hidden })] },
    ]),
    ['an artifact that is an image too', { ...documents.artifactManifest, layers: [{ digest: hidden }] }],
    ['a key in another case', { ...image, Layers: [{ digest: hidden }] }],
    ['a key that Go folds', { ...image, layerſ: [{ digest: hidden }] }],
    ['a key in another case inside', { ...image, layers: [descriptor('layer', 'x', { Digest: hidden })] }],
    ['a digest as a key', { mediaType: 'x', [hidden]: 1 }],
    ['a digest inside a reference', { mediaType: 'x', from: `registry.example/app@${hidden}` }],
    ['a key twice', withTail(`"layers":[{"digest":"${hidden}"}]`)],
    ['a key twice, the last harmless', withTail(`"layers":[{"digest":"${hidden}"}],"layers":[]`)],
    [
      'a key twice, its digest seen elsewhere',
      withTail(`"layers":[{"digest":"${hidden}"}],"layers":[],"x":"${hidden}"`),
    ],
    ['a key twice, one escaped', withTail(`"l\\u0061yers":[{"digest":"${hidden}"}]`)],
    ['a key twice, the digest escaped', withTail(`"config":{"digest":"${escaped}"},"config":null`)],
    ['a key twice deep inside', withTail(`"x":[{"y":{"z":"${hidden}","z":1}}]`)],
    ['a key twice in a prototype', withTail(`"__proto__":{"layers":[{"digest":"${hidden}"}],"layers":[]}`)],
  ])('%s', (_, document) => {
    const manifest = parse(document);
    expect(manifest.kind).toBe('unknown');
    expect(manifest.others).toContain(hidden);
    expect(blobsOf(manifest)).toContain(hidden);
    expect(childrenOf(manifest)).toContain(hidden);
    expect(linkedBlobsOf(manifest)).toEqual([]);
  });

  it('and what the readable part refers to as well', () => {
    const manifest = parse(withTail(`"layers":[{"digest":"${hidden}"}]`));
    expect(new Set(manifest.others)).toEqual(
      new Set([digest('config'), digest('layer'), digest('base-image'), hidden]),
    );
  });

  it('and stays a referrer of its subject', () => {
    const subject = { digest: digest('subject') };
    expect(parse({ mediaType: 'application/vnd.example', subject }).subject).toEqual(subject);
    expect(parse({ mediaType: 'application/vnd.example', subject: 'x' })).not.toHaveProperty('subject');
  });
});

describe('a manifest that only looks odd stays what it is', () => {
  it.each([
    [
      'annotations with the names of fields',
      { ...image, annotations: { Layers: 'x', Digest: hidden, Config: 'y' } },
    ],
    ['null where another kind has a list', { ...image, manifests: null, blobs: null, fsLayers: null }],
    ['unknown fields', { ...image, future: [hidden] }],
    ['a prototype', withTail(`"__proto__":{"layers":[{"digest":"${hidden}"}],"mediaType":"x"}`)],
    ['strings that hold JSON', { ...image, future: '{"layers":[],"layers":[]} \\" \\\\' }],
    [
      'escapes',
      `${JSON.stringify(image).replace('"layers"', '"l\\u0061yers"').replace('"sha256', '"\\u0073ha256')}`,
    ],
    ['white space', JSON.stringify(image, null, '\t').replaceAll('":', '"\r\n :')],
    [
      'fields of a platform, a history and signatures in another case',
      { ...image, ...{ platform: odd, history: [odd], signatures: [odd] } },
    ],
  ])('%s', (_, document) => {
    const manifest = parse(document);
    expect(manifest.kind).toBe('image');
    expect(new Set(blobsOf(manifest))).toEqual(new Set([digest('config'), digest('layer')]));
    expect(childrenOf(manifest)).toEqual([]);
  });

  it('annotations cannot reach a prototype', () => {
    const text = JSON.stringify({
      ...image,
      layers: [descriptor('layer', 'x', { annotations: { a: 'b' } })],
    });
    const [layer] = parse(text.replace('"a":"b"', '"__proto__":"p"')).layers;
    expect(Object.keys(layer?.annotations ?? {})).toEqual(['__proto__']);
    expect(layer?.annotations?.['constructor']).toBeUndefined();
  });
});

// Seconds for each mutant.
describe.skipIf(process.env['MUTANTS'])('a manifest made to exhaust its reader', () => {
  const depth = MAX_MANIFEST_BYTES / 2 - 1000;

  it('by depth', () => {
    const nest = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times);
    expect(parse(withTail(`"x":${nest('[', ']', depth - 1000)}`)).kind).toBe('image');
    expect(
      parse(`{"mediaType":"x","x":${'{"a":'.repeat(600_000)}"${hidden}"${'}'.repeat(600_000)}}`).others,
    ).toEqual([hidden]);
    expect(() =>
      parse(`{"schemaVersion":2,"manifests":[{"digest":${nest('[', ']', depth - 1000)}}]}`),
    ).toThrow(ManifestError);
    expect(() => parse('['.repeat(MAX_MANIFEST_BYTES))).toThrow(ManifestError);
  });

  it('by long strings and many escapes', () => {
    const half = MAX_MANIFEST_BYTES / 2 - 1000;
    expect(parse(withTail(`"x":"${'\\\\'.repeat(half)}"`)).kind).toBe('image');
    expect(parse(withTail(`"x":"${'\\"'.repeat(half)}"`)).kind).toBe('image');
    expect(parse(`{"mediaType":"x","x":"${'sha256:'.repeat(500_000)}"}`).others).toEqual([]);
  });
});
