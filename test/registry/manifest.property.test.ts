import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestsIn } from '../../lambdas/registry/digest.ts';
import {
  blobsOf,
  ConfigError,
  childrenOf,
  ManifestError,
  type ParsedManifest,
  parseImageConfig,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';
import { bytes, digest, everyDocument } from './documents.ts';

const someDigest = fc.integer({ min: 0, max: 20 }).map((n) => digest(String(n)));

/** JSON built of the words of a manifest, so that it comes near one often. */
const { value: manifestLike } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(someDigest, fc.constantFrom(...Object.values(MEDIA_TYPES)), fc.constantFrom(null, 0, 1, 2, '')),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'blobs', 'fsLayers', 'history'],
        ...[
          'subject',
          'digest',
          'blobSum',
          'Layers',
          'annotations',
          '__proto__',
          'constructor',
          'urls',
          'size',
        ],
      ),
      tie('value'),
    ),
  ),
}));

const document = fc.constantFrom(...Object.values(everyDocument));

function parsed(body: Uint8Array): ParsedManifest | undefined {
  try {
    return parseManifest(body);
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  }
}

describe('parseManifest', () => {
  it('fails in no way but its own', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (body) => void parsed(body)));
    fc.assert(fc.property(fc.json(), (text) => void parsed(bytes(text))));
    fc.assert(
      fc.property(manifestLike, (value) => void parsed(bytes(value))),
      { numRuns: 2000 },
    );
  });

  it('refers to nothing that is not written in the document', () => {
    fc.assert(
      fc.property(manifestLike, (value) => {
        const manifest = parsed(bytes(value));
        if (!manifest) return;
        const written = digestsIn(JSON.parse(JSON.stringify(value)));
        const referred = new Set([...blobsOf(manifest), ...childrenOf(manifest)]);
        expect([...referred].filter((d) => !written.has(d))).toEqual([]);
        if (manifest.kind === 'unknown') expect(referred).toEqual(written);
      }),
      { numRuns: 2000 },
    );
  });

  it('loses no reference to a field put in at random: it is read, refused, or everything is kept', () => {
    fc.assert(
      fc.property(document, fc.string(), fc.jsonValue(), (original, key, value) => {
        const before = parseManifest(bytes(original));
        const after = parsed(bytes({ [key]: value, ...original }));
        if (!after) return;
        expect(new Set(blobsOf(after))).toEqual(new Set([...blobsOf(after), ...blobsOf(before)]));
        expect(new Set(childrenOf(after))).toEqual(new Set([...childrenOf(after), ...childrenOf(before)]));
      }),
    );
  });

  it('keeps the references of a document that is one key short and has that key twice', () => {
    fc.assert(
      fc.property(document, fc.nat(), someDigest, (original, at, extra) => {
        const keys = Object.keys(original);
        const key = keys[at % keys.length] ?? '';
        const text = `{${JSON.stringify(key)}:[{"digest":"${extra}"}],${JSON.stringify(original).slice(1)}`;
        const manifest = parseManifest(bytes(text));
        expect(manifest.kind).toBe('unknown');
        expect(new Set(manifest.others)).toEqual(new Set([extra, ...digestsIn(original)]));
      }),
    );
  });
});

describe('parseImageConfig', () => {
  it('fails in no way but its own, and returns strings', () => {
    const key = fc.constantFrom('config', 'Labels', 'created', 'labels', '__proto__', 'a');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(fc.string(), fc.constantFrom(null, 1)),
        fc.dictionary(key, tie('value')),
      ),
    }));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), value.map(bytes), fc.json().map(bytes)), (body) => {
        try {
          const { labels } = parseImageConfig(body);
          for (const label of Object.values(labels ?? {})) expect(label).toBeTypeOf('string');
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
