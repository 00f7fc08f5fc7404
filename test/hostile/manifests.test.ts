import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isDigest } from '../../lambdas/registry/digest.ts';
import {
  blobsOf,
  ConfigError,
  childrenOf,
  linkedBlobsOf,
  MAX_MANIFEST_BYTES,
  ManifestError,
  type ParsedManifest,
  parseImageConfig,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { everyDocument } from '../registry/documents.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { anyBytes, changed, spoilt } from './arbitraries.ts';
import { digestsOf, hasDuplicates, pairsOf, type Tree, treeOf, valuesAt } from './json-tree.ts';
import { expectCleanPrototypes } from './pollution.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const documents = fc.oneof(
  { weight: 1, arbitrary: anyBytes },
  { weight: 6, arbitrary: spoilt(changed(...Object.values(everyDocument))) },
);

/** The document as it is written, where it is a JSON object of UTF-8. */
function written(bytes: Uint8Array): Tree | undefined {
  try {
    const tree = treeOf(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return pairsOf(tree) === undefined ? undefined : tree;
  } catch {
    return undefined;
  }
}

function parsed<T>(parse: () => T, kind: new (message: string) => Error): T | undefined {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    // It ends in the table and in reports.
    expect(String(error).length).toBeLessThan(1_000);
    return undefined;
  }
}

const listed = (tree: Tree, list: string, field: string): unknown[] =>
  valuesAt(tree, list)
    .flatMap((items) => (Array.isArray(items) ? items : []))
    .flatMap((item) => valuesAt(item, field));

/** What a known kind refers to, read naively. */
function referred(manifest: ParsedManifest, tree: Tree): { blobs: Set<unknown>; children: Set<unknown> } {
  const config = valuesAt(tree, 'config').flatMap((one) => valuesAt(one, 'digest'));
  switch (manifest.kind) {
    case 'image':
      return { blobs: new Set([...config, ...listed(tree, 'layers', 'digest')]), children: new Set() };
    case 'schema1':
      return { blobs: new Set(listed(tree, 'fsLayers', 'blobSum')), children: new Set() };
    case 'artifact':
      return { blobs: new Set(listed(tree, 'blobs', 'digest')), children: new Set() };
    default: {
      const children = new Set(listed(tree, 'manifests', 'digest'));
      return { blobs: children, children };
    }
  }
}

const FOLDED = [
  ...[
    'config',
    'layers',
    'manifests',
    'blobs',
    'fslayers',
    'schemaversion',
    'mediatype',
    'subject',
    'digest',
  ],
  ...['blobsum', 'annotations', 'platform'],
];
const EXACT = [
  ...[
    'config',
    'layers',
    'manifests',
    'blobs',
    'fsLayers',
    'schemaVersion',
    'mediaType',
    'subject',
    'digest',
  ],
  ...['blobSum', 'annotations', 'platform'],
];

/** Whether Go would take a key for a field that it is not, outside what is free text. */
function hasLookalike(tree: Tree): boolean {
  if (Array.isArray(tree)) return tree.some(hasLookalike);
  return (pairsOf(tree) ?? []).some(([key, value]) => {
    const folded = key.replaceAll('ſ', 's').replaceAll('\u212a', 'k').toLowerCase();
    if (!EXACT.includes(key) && FOLDED.includes(folded)) return true;
    return !['annotations', 'platform', 'history', 'signatures'].includes(key) && hasLookalike(value);
  });
}

describe('a manifest of anything', () => {
  it('is understood exactly, kept with every digest in it, or unreadable', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(documents, (bytes) => {
        const tree = written(bytes);
        const manifest = parsed(() => parseManifest(bytes), ManifestError);
        const kind = manifest?.kind ?? 'unreadable';
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        if (manifest === undefined) return;
        expect(tree).toBeDefined();
        if (tree === undefined) return;
        const blobs = new Set<unknown>(blobsOf(manifest));
        const children = new Set<unknown>(childrenOf(manifest));
        for (const one of [...blobs, ...children]) expect(isDigest(one)).toBe(true);
        for (const one of linkedBlobsOf(manifest)) expect(blobs).toContain(one);
        if (manifest.kind === 'unknown') {
          expect(new Set(manifest.others)).toEqual(digestsOf(tree));
          expect(blobs).toEqual(digestsOf(tree));
          expect(children).toEqual(digestsOf(tree));
          return;
        }
        expect(hasDuplicates(tree)).toBe(false);
        expect(hasLookalike(tree)).toBe(false);
        const expected = referred(manifest, tree);
        expect(children).toEqual(expected.children);
        if (manifest.kind === 'index') for (const one of blobs) expect(expected.blobs).toContain(one);
        else expect(blobs).toEqual(expected.blobs);
        const subjects =
          manifest.kind === 'schema1'
            ? []
            : valuesAt(tree, 'subject').flatMap((one) => valuesAt(one, 'digest'));
        expect(manifest.subject?.digest).toBe(subjects[0]);
      }),
      runs(1_500),
    );
    for (const kind of ['image', 'index', 'schema1', 'artifact', 'unknown', 'unreadable'])
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(5);
  });

  it('is unreadable when it is larger than the registry takes', () => {
    expect(() => parseManifest(new Uint8Array(MAX_MANIFEST_BYTES + 1).fill(0x20))).toThrow(ManifestError);
    expect(() => parseManifest(new Uint8Array(10 * 1024 * 1024).fill(0x5b))).toThrow(ManifestError);
  });
});

const config = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'amd64',
  config: { Labels: { team: 'core', keep: '', ['__proto__']: 'x' }, Env: ['A=b'] },
  container_config: { Labels: { team: 'other' } },
  history: [{ created_by: 'x' }],
  rootfs: { type: 'layers', diff_ids: [] },
};

describe('a config of anything', () => {
  it('has its labels exactly, or cannot be read', () => {
    let withLabels = 0;
    const configs = fc.oneof(
      { weight: 1, arbitrary: anyBytes },
      { weight: 3, arbitrary: spoilt(changed(config)) },
      { weight: 3, arbitrary: spoilt(changed(config.config).map((one) => `{"config":${one}}`)) },
      {
        weight: 3,
        arbitrary: spoilt(changed(config.config.Labels).map((one) => `{"config":{"Labels":${one}}}`)),
      },
    );
    fc.assert(
      fc.property(configs, (bytes) => {
        const read = parsed(() => parseImageConfig(bytes), ConfigError);
        if (read === undefined) return;
        const tree = written(bytes);
        expect(tree).toBeDefined();
        if (tree === undefined) return;
        expect(hasDuplicates(tree)).toBe(false);
        const [labels] = valuesAt(valuesAt(tree, 'config')[0], 'Labels');
        expect(Object.entries(read.labels ?? {}).sort()).toEqual(
          [...(pairsOf(labels) ?? [])].map((pair) => [...pair]).sort(),
        );
        if (read.labels === null) return;
        withLabels += 1;
        expect(Object.getPrototypeOf(read.labels)).toBe(null);
      }),
      runs(2_000),
    );
    expect(withLabels).toBeGreaterThan(200);
  });
});
