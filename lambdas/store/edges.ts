/** The edges that a manifest puts into the table: who holds whom, and which blobs are needed. */
import type { Digest } from '../registry/digest.ts';
import { holderKey, type ManifestItem, referenceKey, referrerKey } from './items.ts';
import type { Item, Key } from './table.ts';

/** What a manifest names, as its item says it. */
export type Named = Pick<ManifestItem, 'name' | 'digest' | 'config' | 'layers' | 'children' | 'subject'>;

/** Every blob the manifest needs: its own bytes, its config, its layers; each once. */
export function blobsNeeded(manifest: Named): Digest[] {
  const { digest, config, layers } = manifest;
  return [...new Set([digest, ...(config === undefined ? [] : [config]), ...layers])];
}

/** Blobs of the manifest for which the registry keeps a `_layers` link: not its own bytes, not foreign layers. */
export function blobsLinked(manifest: Named & Pick<ManifestItem, 'unlinked'>): Digest[] {
  const without = new Set<Digest>([manifest.digest, ...(manifest.unlinked ?? [])]);
  return blobsNeeded(manifest).filter((blob) => !without.has(blob));
}

/**
 * The keys of all edges of a manifest: as holder of its children, as held by its subject (and findable from
 * there), and as what references its blobs. Content addressed, so always the same for the same digest.
 */
export function edgeKeys(manifest: Named): Key[] {
  const { name, digest, children, subject } = manifest;
  return [
    ...[...new Set(children)].map((child) => holderKey(name, child, { kind: 'index', digest })),
    ...(subject === undefined
      ? []
      : [holderKey(name, digest, { kind: 'subject', digest: subject }), referrerKey(name, subject, digest)]),
    ...blobsNeeded(manifest).map((blob) => referenceKey(blob, name, digest)),
  ];
}

/** The edges as items. `since` is in milliseconds since the epoch. */
export function edges(manifest: Named, since: number): Item[] {
  return edgeKeys(manifest).map((key) => ({ ...key, since }));
}
