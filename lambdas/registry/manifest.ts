import type { ImageConfig } from './config.ts';
import {
  type Descriptor,
  isAbsent,
  optional,
  readDescriptor,
  readDescriptors,
  readString,
} from './descriptor.ts';
import { type Digest, isDigest } from './digest.ts';
import { ManifestError } from './errors.ts';
import {
  decodeText,
  digestsWritten,
  hasLookalikeKey,
  isObject,
  type JsonDocument,
  type JsonObject,
  readDocument,
} from './json.ts';
import {
  isArtifactManifest,
  isForeignLayer,
  isImageManifest,
  isIndex,
  isKnownManifest,
  isSchema1,
  MEDIA_TYPES,
} from './media-types.ts';
import { readSchema1, schema1MediaType } from './schema1.ts';

// A manifest and what it is made of are one thing to the other rooms.
export { type ImageConfig, MAX_CONFIG_BYTES, parseImageConfig } from './config.ts';
export { type Descriptor, isAttestation, type Platform } from './descriptor.ts';
export { ConfigError, ManifestError } from './errors.ts';

/** The largest manifest distribution accepts (`maxManifestBodySize`). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

export type ManifestKind = 'image' | 'index' | 'schema1' | 'artifact' | 'unknown';

/** What a manifest refers to, and so keeps. */
export interface ParsedManifest {
  readonly kind: ManifestKind;
  /** As the body says, or as its structure shows; `''` when neither tells. */
  readonly mediaType: string;
  /** As the body says. */
  readonly artifactType?: string;
  readonly config?: Descriptor;
  /** Layers, an artifact's blobs, and what an index lists that is no known manifest. */
  readonly layers: readonly Descriptor[];
  /** All that an index lists. */
  readonly children: readonly Descriptor[];
  readonly subject?: Descriptor;
  /** Of schema 1: the configuration it carries; not there when that cannot be read. */
  readonly embedded?: ImageConfig;
  /** Of kind `unknown`: every digest found anywhere, any of which may be a blob or a manifest. */
  readonly others: readonly Digest[];
}

type KnownKind = Exclude<ManifestKind, 'unknown'>;

/** The fields that tell the kinds apart, and the kinds that may have them. */
const TELLING_FIELDS = {
  config: 'image',
  layers: 'image',
  manifests: 'index',
  blobs: 'artifact',
  fsLayers: 'schema1',
} as const satisfies Record<string, KnownKind>;

const NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(TELLING_FIELDS),
  ...['schemaVersion', 'mediaType', 'subject', 'digest', 'blobSum', 'annotations', 'platform'],
]);
/** Free text, which may hold any keys, and no references. */
const OPAQUE: ReadonlySet<string> = new Set(['annotations', 'platform', 'history', 'signatures']);

/**
 * Reads a manifest of any kind. The bucket stores no content type, so the body's `mediaType` tells the kind, and
 * when there is none, the structure does (as in distribution, and OCI image spec "mediaType" of each manifest).
 *
 * Fails closed: a media type not known, a body that fits two kinds (CVE-2021-41190) or contradicts its own
 * `schemaVersion`, and one that other readers could read differently (a key twice, or in another case) are of kind
 * `unknown`, which keeps every digest written anywhere in it. In the known kinds, only the known fields refer to
 * anything: a digest in an annotation keeps nothing.
 *
 * @throws ManifestError when it is too large, not UTF-8, not a JSON object, or a known field is malformed
 */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  const document = readText(bytes);
  const fields = document.value;
  const mediaType = readString(fields['mediaType'], 'mediaType') || mediaTypeByStructure(fields);
  const kind = kindOf(mediaType);
  if (kind === undefined || !isCoherent(kind, fields) || isAmbiguous(document))
    return readUnknown(mediaType, document);
  const artifactType = readString(fields['artifactType'], 'artifactType');
  return { kind, mediaType, ...optional('artifactType', artifactType), others: [], ...readAs(kind, fields) };
}

/**
 * The blobs a manifest keeps: config, layers and artifact blobs, each once; of an unknown one, everything in it.
 * The manifest's own bytes, which are a blob as well, are not among them.
 */
export function blobsOf(manifest: ParsedManifest): Digest[] {
  return distinct([...named(manifest), ...manifest.others]);
}

/**
 * Those of {@link blobsOf} that distribution wrote a `_layers` link for, because it required them at the push. Not
 * so a foreign layer that has URLs, which need not be in the registry, nor what an unknown manifest contains.
 */
export function linkedBlobsOf(manifest: ParsedManifest): Digest[] {
  return distinct(named(manifest, (layer) => !isForeignLayer(layer.mediaType) || !layer.urls?.length));
}

/** The manifests a manifest holds: an index's children, each once; of an unknown one, everything in it. */
export function childrenOf(manifest: ParsedManifest): Digest[] {
  return distinct([...manifest.children.map((child) => child.digest), ...manifest.others]);
}

function readText(bytes: Uint8Array): JsonDocument {
  try {
    return readDocument(decodeText(bytes, MAX_MANIFEST_BYTES));
  } catch (cause) {
    throw new ManifestError(`unreadable manifest: ${String(cause)}`, { cause });
  }
}

function mediaTypeByStructure(fields: JsonObject): string {
  if (fields['schemaVersion'] === 1) return schema1MediaType(fields);
  if (!isAbsent(fields['manifests'])) return MEDIA_TYPES.ociIndex;
  if (!isAbsent(fields['config']) && !isAbsent(fields['layers'])) return MEDIA_TYPES.ociManifest;
  return isAbsent(fields['blobs']) ? '' : MEDIA_TYPES.ociArtifactManifest;
}

function kindOf(mediaType: string): KnownKind | undefined {
  if (isImageManifest(mediaType)) return 'image';
  if (isIndex(mediaType)) return 'index';
  if (isSchema1(mediaType)) return 'schema1';
  return isArtifactManifest(mediaType) ? 'artifact' : undefined;
}

/** Whether a body has nothing that belongs to another kind; distribution tells kinds by `schemaVersion` first. */
function isCoherent(kind: KnownKind, fields: JsonObject): boolean {
  const version = fields['schemaVersion'];
  if (kind === 'artifact' ? version !== undefined && version !== 2 : version !== (kind === 'schema1' ? 1 : 2))
    return false;
  return Object.entries(TELLING_FIELDS).every(([field, of]) => of === kind || isAbsent(fields[field]));
}

function isAmbiguous({ value, duplicateKeys }: JsonDocument): boolean {
  return duplicateKeys || hasLookalikeKey(value, NAMES, OPAQUE);
}

function readAs(kind: KnownKind, fields: JsonObject): Omit<ParsedManifest, 'kind' | 'mediaType' | 'others'> {
  if (kind === 'schema1') return { ...readSchema1(fields), children: [] };
  const subject = isAbsent(fields['subject']) ? undefined : readDescriptor(fields['subject'], 'subject');
  const about = optional('subject', subject);
  switch (kind) {
    case 'image':
      return {
        ...about,
        config: readDescriptor(fields['config'], 'config'),
        layers: readDescriptors(fields['layers'], 'layers'),
        children: [],
      };
    case 'index': {
      const children = readDescriptors(fields['manifests'], 'manifests');
      // BuildKit's build caches are indexes of layers, and distribution accepts them: it looks for a child among
      // the repository's blobs too. A child that is no known manifest is therefore kept as a blob as well.
      return { ...about, layers: children.filter((child) => !isKnownManifest(child.mediaType)), children };
    }
    case 'artifact':
      return { ...about, layers: readDescriptors(fields['blobs'], 'blobs'), children: [] };
  }
}

function readUnknown(mediaType: string, { value, text }: JsonDocument): ParsedManifest {
  // A referrer of a new kind lives as long as its subject too. A subject in some other shape is among the others.
  const subject = value['subject'];
  const digest = isObject(subject) ? subject['digest'] : undefined;
  return {
    kind: 'unknown',
    mediaType,
    ...optional('subject', isDigest(digest) ? { digest } : undefined),
    layers: [],
    children: [],
    others: [...digestsWritten(text)],
  };
}

function named(manifest: ParsedManifest, wanted: (layer: Descriptor) => boolean = () => true): Digest[] {
  const layers = manifest.layers.filter(wanted).map((layer) => layer.digest);
  return manifest.config ? [manifest.config.digest, ...layers] : layers;
}

function distinct(digests: readonly Digest[]): Digest[] {
  return [...new Set(digests)];
}
