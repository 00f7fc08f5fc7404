/** What the table says of a manifest, made from the bytes in the bucket. */

import { algorithmOf, type Digest, digestOf } from '../registry/digest.ts';
import {
  blobsOf,
  childrenOf,
  type ImageConfig,
  linkedBlobsOf,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  type ParsedManifest,
  parseImageConfig,
  parseManifest,
} from '../registry/manifest.ts';
import { isImageConfig } from '../registry/media-types.ts';
import type { ManifestItem, ProblemCode } from '../store/items.ts';
import { ObjectTooLargeError } from '../store/object-store.ts';
import type { RegistryBucket } from '../store/registry-bucket.ts';

/** The part of the item that follows from the content alone, and so never changes for a digest. */
export type ManifestContent = Pick<
  ManifestItem,
  | 'mediaType'
  | 'artifactType'
  | 'size'
  | 'createdAt'
  | 'labels'
  | 'config'
  | 'layers'
  | 'children'
  | 'subject'
  | 'unlinked'
  | 'problem'
>;

/** A DynamoDB item holds 400 KB; the rest is for the tags it ever had and the run's own attributes. */
const MAX_RECORD_BYTES = 250_000;

interface ConfigFacts {
  readonly labels?: [string, string][];
  readonly createdAt?: number;
  readonly problem?: { readonly code: ProblemCode; readonly detail: string };
}

/**
 * Reads a manifest and its config. Whatever cannot be read or understood becomes a `problem` of the record, never
 * an error and never an empty list of references that is taken for the truth (protocol section 2, fail closed).
 *
 * @throws only what S3 itself throws (throttling, access), so that the caller tries again.
 */
export async function readManifest(bucket: RegistryBucket, digest: Digest): Promise<ManifestContent> {
  const read = await readBytes(bucket, digest, MAX_MANIFEST_BYTES);
  if ('problem' in read) return unreadable(read.problem);
  if (digestOf(read.bytes, algorithmOf(digest)) !== digest) {
    return unreadable('its bytes do not have this digest', read.bytes.byteLength);
  }
  let parsed: ParsedManifest;
  try {
    parsed = parseManifest(read.bytes);
  } catch (error) {
    return unreadable(messageOf(error), read.bytes.byteLength);
  }
  const blobs = blobsOf(parsed);
  const linked = new Set(linkedBlobsOf(parsed));
  const unlinked = blobs.filter((blob) => !linked.has(blob));
  const config = parsed.config?.digest;
  const facts = await configFacts(bucket, parsed);
  const content: ManifestContent = {
    mediaType: storable(parsed.mediaType),
    ...(parsed.artifactType === undefined ? {} : { artifactType: storable(parsed.artifactType) }),
    size: read.bytes.byteLength,
    ...(config === undefined ? {} : { config }),
    layers: blobs.filter((blob) => blob !== config),
    children: childrenOf(parsed),
    ...(parsed.subject === undefined ? {} : { subject: parsed.subject.digest }),
    ...(unlinked.length === 0 ? {} : { unlinked }),
    ...facts,
  };
  const length = Buffer.byteLength(JSON.stringify(content));
  if (length <= MAX_RECORD_BYTES) return content;
  return unreadable(`what it names takes ${length} bytes, more than ${MAX_RECORD_BYTES}`, content.size);
}

async function configFacts(bucket: RegistryBucket, parsed: ParsedManifest): Promise<ConfigFacts> {
  if (parsed.kind === 'unknown') {
    const detail = `its form (media type ${JSON.stringify(parsed.mediaType)}) is not known; every digest in it is kept`;
    return { problem: { code: 'unknown-media-type', detail } };
  }
  if (parsed.kind === 'schema1') {
    if (parsed.embedded !== undefined) return facts(parsed.embedded);
    return { problem: { code: 'config-unreadable', detail: 'the configuration it carries cannot be read' } };
  }
  // An index has no labels of its own, and so matches no label filter.
  if (parsed.config === undefined) return {};
  const { digest, mediaType } = parsed.config;
  if (!isImageConfig(mediaType ?? '')) {
    // Charts, modules and other artifacts: their config is theirs; it has to be there, but holds no labels.
    const there = (await bucket.blob(digest)) !== undefined;
    return there ? { labels: [] } : missingConfig(digest);
  }
  const read = await readBytes(bucket, digest, MAX_CONFIG_BYTES);
  if ('problem' in read) {
    return read.missing
      ? missingConfig(digest)
      : { problem: { code: 'config-unreadable', detail: `config ${digest}: ${read.problem}` } };
  }
  try {
    return facts(parseImageConfig(read.bytes));
  } catch (error) {
    return { problem: { code: 'config-unreadable', detail: `config ${digest}: ${messageOf(error)}` } };
  }
}

function facts({ labels, createdAt }: ImageConfig): ConfigFacts {
  return {
    labels: Object.entries(labels ?? {}).map(([key, value]) => [storable(key), storable(value)]),
    ...(createdAt === undefined ? {} : { createdAt: createdAt.getTime() }),
  };
}

/** Half a surrogate pair is no character: DynamoDB stores none, and Go reads it as U+FFFD. */
const storable = (text: string): string => text.toWellFormed();

const missingConfig = (digest: Digest): ConfigFacts => ({
  problem: { code: 'config-missing', detail: `config ${digest} is not in the bucket` },
});

async function readBytes(bucket: RegistryBucket, digest: Digest, max: number) {
  try {
    const bytes = await bucket.blobBytes(digest, max);
    if (bytes !== undefined) return { bytes } as const;
    return { problem: 'its data is not in the bucket', missing: true } as const;
  } catch (error) {
    if (!(error instanceof ObjectTooLargeError)) throw error;
    return { problem: error.message, missing: false } as const;
  }
}

function unreadable(detail: string, size = 0): ManifestContent {
  return { mediaType: '', size, layers: [], children: [], problem: { code: 'unreadable', detail } };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
