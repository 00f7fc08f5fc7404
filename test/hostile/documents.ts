/** What has to hold for a manifest or a config of any bytes, against a naive reading of what is written. */
import assert from 'node:assert/strict';
import { isDigest } from '../../lambdas/registry/digest.ts';
import {
  blobsOf,
  ConfigError,
  childrenOf,
  linkedBlobsOf,
  ManifestError,
  type ManifestKind,
  type ParsedManifest,
  parseImageConfig,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { digestsOf, hasDuplicates, pairsOf, type Tree, treeOf, valuesAt } from './json-tree.ts';

/** The document as it is written; undefined where it is no JSON object of UTF-8, or too deep for a naive reader. */
function written(bytes: Uint8Array): Tree | undefined | 'deep' {
  try {
    const tree = treeOf(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return pairsOf(tree) === undefined ? undefined : tree;
  } catch (error) {
    return error instanceof RangeError ? 'deep' : undefined;
  }
}

function parsed<T>(parse: () => T, kind: new (message: string) => Error): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    // It ends in the table and in reports.
    assert(String(error).length < 1_000);
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

const EXACT = [
  ...['config', 'layers', 'manifests', 'blobs', 'fsLayers', 'schemaVersion', 'mediaType', 'subject'],
  ...['digest', 'blobSum', 'annotations', 'platform'],
];
const FOLDED = EXACT.map((name) => name.toLowerCase());

/** Whether Go would take a key for a field that it is not, outside what is free text. */
function hasLookalike(tree: Tree): boolean {
  if (Array.isArray(tree)) return tree.some(hasLookalike);
  return (pairsOf(tree) ?? []).some(([key, value]) => {
    const folded = key.replaceAll('ſ', 's').replaceAll('\u212a', 'k').toLowerCase();
    if (!EXACT.includes(key) && FOLDED.includes(folded)) return true;
    return !['annotations', 'platform', 'history', 'signatures'].includes(key) && hasLookalike(value);
  });
}

/** It is understood exactly, kept with every digest in it, or unreadable. @returns which. */
export function checkManifest(bytes: Uint8Array): ManifestKind | 'unreadable' {
  const manifest = parsed(() => parseManifest(bytes), ManifestError);
  if (manifest === undefined) return 'unreadable';
  const blobs = new Set<unknown>(blobsOf(manifest));
  const children = new Set<unknown>(childrenOf(manifest));
  for (const one of [...blobs, ...children]) assert(isDigest(one));
  for (const one of linkedBlobsOf(manifest)) assert(blobs.has(one));
  const tree = written(bytes);
  if (tree === 'deep') return manifest.kind;
  assert(tree !== undefined, 'read, and it is no JSON object');
  if (manifest.kind === 'unknown') {
    const all = digestsOf(tree);
    for (const some of [new Set(manifest.others), blobs, children]) assert.deepEqual(some, all);
    return manifest.kind;
  }
  assert(!hasDuplicates(tree), 'understood with a key twice');
  assert(!hasLookalike(tree), 'understood with a key in another case');
  const expected = referred(manifest, tree);
  assert.deepEqual(children, expected.children);
  if (manifest.kind === 'index') for (const one of blobs) assert(expected.blobs.has(one));
  else assert.deepEqual(blobs, expected.blobs);
  const subjects =
    manifest.kind === 'schema1' ? [] : valuesAt(tree, 'subject').flatMap((one) => valuesAt(one, 'digest'));
  assert.equal(manifest.subject?.digest, subjects[0]);
  return manifest.kind;
}

/** It has its labels exactly, or cannot be read. @returns whether it has labels; undefined where it is refused. */
export function checkConfig(bytes: Uint8Array): boolean | undefined {
  const read = parsed(() => parseImageConfig(bytes), ConfigError);
  if (read === undefined) return undefined;
  if (read.createdAt !== undefined) assert(Number.isFinite(read.createdAt.getTime()));
  if (read.labels !== null) assert.equal(Object.getPrototypeOf(read.labels), null);
  const tree = written(bytes);
  if (tree === 'deep') return read.labels !== null;
  assert(tree !== undefined, 'read, and it is no JSON object');
  assert(!hasDuplicates(tree), 'read with a key twice');
  const [labels] = valuesAt(valuesAt(tree, 'config')[0], 'Labels');
  assert.deepEqual(
    Object.entries(read.labels ?? {}).sort(),
    [...(pairsOf(labels) ?? [])].map((pair) => [...pair]).sort(),
  );
  return read.labels !== null;
}
