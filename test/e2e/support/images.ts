import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type RegistryClient, sha256 } from './client.ts';

export type Format = 'docker' | 'oci';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Record<string, string>;
}

/** A manifest with everything that must be in the registry before it can be pushed. */
export interface Artifact {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: string;
  /** Config and layers, in the order of the manifest. */
  readonly blobs: readonly Uint8Array[];
  readonly children: readonly Artifact[];
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Record<string, string>;
}

export interface Image extends Artifact {
  readonly config: Uint8Array;
  readonly configDigest: string;
  readonly layers: readonly Uint8Array[];
  readonly layerDigests: readonly string[];
}

export interface ImageOptions {
  readonly layers: readonly Uint8Array[];
  readonly labels?: Record<string, string>;
  /** @default 1970, as reproducible builds have it */
  readonly created?: string;
  /** @default oci */
  readonly format?: Format;
  /** @default amd64 */
  readonly architecture?: string;
}

export const TYPES = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: utf8('{}') };
const BUILDKIT_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';
const TAR_BLOCK = 512;

/** Bytes that look random, cannot be compressed, and are the same in every run. */
export function seededBytes(seed: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(Math.ceil(size / 32) * 32);
  for (let block = 0; block * 32 < size; block++) {
    createHash('sha256')
      .update(`${seed} ${block}`)
      .digest()
      .copy(bytes, block * 32);
  }
  return new Uint8Array(bytes.subarray(0, size));
}

/** A true layer: a gzip'd tar of one file with seeded content. */
export function layer(seed: string, size = 1_000): Uint8Array {
  const content = seededBytes(seed, size);
  const name = `${seed.replaceAll(/[^a-z0-9]+/gi, '-')}.bin`;
  const padding = Buffer.alloc((TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK);
  const end = Buffer.alloc(2 * TAR_BLOCK);
  const bytes = gzipSync(Buffer.concat([tarHeader(name, content.length), content, padding, end]));
  // Byte 9 names the operating system that compressed; the digests must not depend on it.
  bytes[9] = 255;
  return new Uint8Array(bytes);
}

export function image(options: ImageOptions): Image {
  const types = TYPES[options.format ?? 'oci'];
  const platform = { os: 'linux', architecture: options.architecture ?? 'amd64' };
  const created = options.created ?? '1970-01-01T00:00:00Z';
  const config = json({
    created,
    ...platform,
    config: { Labels: options.labels ?? {} },
    rootfs: { type: 'layers', diff_ids: options.layers.map((bytes) => sha256(uncompressed(bytes))) },
    history: options.layers.map((_, at) => ({ created, created_by: `step ${at}` })),
  });
  const bytes = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(types.config, config),
    layers: options.layers.map((layerBytes) => descriptor(types.layer, layerBytes)),
  });
  return {
    ...artifact(types.manifest, bytes, [config, ...options.layers]),
    platform,
    config,
    configDigest: sha256(config),
    layers: options.layers,
    layerDigests: options.layers.map(sha256),
  };
}

export const index = (children: readonly Artifact[], annotations?: Record<string, string>): Artifact =>
  listOf(TYPES.oci.index, children, annotations);

export const manifestList = (children: readonly Artifact[]): Artifact => listOf(TYPES.docker.index, children);

/** BuildKit's provenance: an image manifest for no platform, listed beside the image it speaks of. */
export function attestation(subject: Artifact): Artifact {
  const statement = json({
    _type: 'https://in-toto.io/Statement/v0.1',
    subject: [{ digest: { sha256: subject.digest.slice('sha256:'.length) } }],
  });
  const config = json({ architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers' } });
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    config: descriptor(TYPES.oci.config, config),
    layers: [descriptor('application/vnd.in-toto+json', statement)],
  });
  return {
    ...artifact(TYPES.oci.manifest, bytes, [config, statement]),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    },
  };
}

/** An OCI 1.1 artifact that names its subject, for instance an SBOM. */
export function referrer(subject: Artifact, content: Uint8Array): Artifact {
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    artifactType: 'application/spdx+json',
    config: descriptor(EMPTY.mediaType, EMPTY.bytes),
    layers: [descriptor('application/spdx+json', content)],
    subject: descriptor(subject.mediaType, subject.bytes),
  });
  return artifact(TYPES.oci.manifest, bytes, [EMPTY.bytes, content]);
}

/** A cosign signature: an image pushed under a tag made from the digest of what it signs. */
export function signature(subject: Artifact): Artifact & { readonly tag: string } {
  const payload = json({ critical: { image: { 'docker-manifest-digest': subject.digest } } });
  const config = json({
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: [sha256(payload)] },
  });
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    config: descriptor(TYPES.oci.config, config),
    layers: [
      {
        ...descriptor('application/vnd.dev.cosign.simplesigning.v1+json', payload),
        annotations: { 'dev.cosignproject.cosign/signature': 'MEUCIQ==' },
      },
    ],
  });
  return {
    ...artifact(TYPES.oci.manifest, bytes, [config, payload]),
    tag: `${subject.digest.replace(':', '-')}.sig`,
  };
}

/** BuildKit's cache export: an index whose "manifests" are layers and a cache config, all of them blobs. */
export function buildCache(layers: readonly Uint8Array[]): Artifact {
  const config = json({ layers: layers.map((bytes) => ({ blob: sha256(bytes) })), records: [] });
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.oci.index,
    manifests: [
      ...layers.map((layerBytes) => descriptor(TYPES.oci.layer, layerBytes)),
      descriptor(BUILDKIT_CONFIG, config),
    ],
  });
  return artifact(TYPES.oci.index, bytes, [...layers, config]);
}

/** Pushes blobs, then children, then the manifest: the order every client keeps. */
export async function pushArtifact(
  client: RegistryClient,
  repo: string,
  item: Artifact,
  tag?: string,
): Promise<string> {
  for (const bytes of item.blobs) await client.pushBlob(repo, bytes, { check: true });
  for (const child of item.children) await pushArtifact(client, repo, child);
  return client.putManifest(repo, tag ?? item.digest, item.mediaType, item.bytes);
}

/** Writes an OCI image layout directory that skopeo copies from. */
export async function writeOciLayout(
  directory: string,
  tagged: Readonly<Record<string, Artifact>>,
): Promise<void> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const write = async (item: Artifact): Promise<void> => {
    for (const bytes of [item.bytes, ...item.blobs]) {
      await writeFile(join(blobs, sha256(bytes).slice('sha256:'.length)), bytes);
    }
    for (const child of item.children) await write(child);
  };
  for (const item of Object.values(tagged)) await write(item);
  const manifests = Object.entries(tagged).map(([tag, item]) => ({
    ...descriptor(item.mediaType, item.bytes),
    annotations: { 'org.opencontainers.image.ref.name': tag },
  }));
  await writeFile(join(directory, 'index.json'), json({ schemaVersion: 2, manifests }));
  await writeFile(join(directory, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function listOf(
  mediaType: string,
  children: readonly Artifact[],
  annotations?: Record<string, string>,
): Artifact {
  const bytes = json({
    schemaVersion: 2,
    mediaType,
    manifests: children.map((child) => ({
      ...descriptor(child.mediaType, child.bytes),
      ...(child.platform === undefined ? {} : { platform: child.platform }),
      ...(child.annotations === undefined ? {} : { annotations: child.annotations }),
    })),
    ...(annotations === undefined ? {} : { annotations }),
  });
  return { ...artifact(mediaType, bytes, []), children };
}

function artifact(mediaType: string, bytes: Uint8Array, blobs: readonly Uint8Array[]): Artifact {
  return { mediaType, bytes, digest: sha256(bytes), blobs, children: [] };
}

function descriptor(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function uncompressed(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name.slice(0, 99), 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
