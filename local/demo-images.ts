/** Images as build tools make them: true gzip'd tars, configs, manifests and indexes; the same in every run. */
import { createCipheriv, createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

export type Digest = `sha256:${string}`;

/** A manifest with all that must be in the registry before it. */
export interface Artifact {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** Config and layers. */
  readonly blobs: readonly Uint8Array[];
  readonly children: readonly Artifact[];
  /** What an index says of it. */
  readonly listedAs?: object;
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const SIGNATURE = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const STATEMENT = 'application/vnd.in-toto+json';
export const SBOM = 'application/spdx+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const EMPTY = 'application/vnd.oci.empty.v1+json';

const TAR_BLOCK = 512;

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Bytes that cannot be compressed. */
export function noise(seed: string, size: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A gzip'd tar of one file. */
export function layer(name: string, size: number): Uint8Array {
  const padding = Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
  const tar = [tarHeader(name, size), noise(name, size), padding, Buffer.alloc(2 * TAR_BLOCK)];
  const bytes = gzipSync(Buffer.concat(tar), { level: 1 });
  // Byte 9 names the operating system that compressed; the digests must not depend on it.
  bytes[9] = 255;
  return bytes;
}

export function image(layers: readonly Uint8Array[], architecture = 'amd64'): Artifact {
  const platform = { os: 'linux', architecture };
  const diffIds = layers.map((bytes) => digestOf(gunzipSync(bytes)));
  const config = json({
    created: '1970-01-01T00:00:00Z',
    ...platform,
    config: { Cmd: ['/app'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const contents = [descriptor(CONFIG, config), ...layers.map((bytes) => descriptor(LAYER, bytes))];
  return { ...manifest(contents, [config, ...layers]), listedAs: { platform } };
}

/** BuildKit's provenance of an image: an image manifest for no platform, which the index lists beside it. */
export function attestation(of: Artifact): Artifact {
  const statement = json({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ digest: of.digest }] });
  const unknown = { architecture: 'unknown', os: 'unknown' };
  const config = json({ ...unknown, config: {}, rootfs: { type: 'layers' } });
  const annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': of.digest,
  };
  const contents = [descriptor(CONFIG, config), descriptor(STATEMENT, statement)];
  return { ...manifest(contents, [config, statement]), listedAs: { platform: unknown, annotations } };
}

/** An image for several platforms. */
export function index(children: readonly Artifact[]): Artifact {
  const manifests = children.map((child) => ({
    ...descriptor(child.mediaType, child.bytes),
    ...child.listedAs,
  }));
  const bytes = json({ schemaVersion: 2, mediaType: INDEX, manifests });
  return { mediaType: INDEX, bytes, digest: digestOf(bytes), blobs: [], children };
}

/** A software bill of materials that names its image as `subject`, as OCI 1.1 has it. */
export function sbom(of: Artifact): Artifact {
  const [empty, content] = [utf8('{}'), json({ spdxVersion: 'SPDX-2.3', name: of.digest, packages: [] })];
  const contents = [descriptor(EMPTY, empty), descriptor(SBOM, content)];
  const subject = descriptor(of.mediaType, of.bytes);
  return manifest(contents, [empty, content], { artifactType: SBOM, subject });
}

/** What cosign pushes under {@link signatureTag}. */
export function signature(of: Artifact): Artifact {
  const payload = json({ critical: { image: { 'docker-manifest-digest': of.digest } } });
  const config = json({ architecture: '', os: '', config: {}, rootfs: { type: 'layers' } });
  return manifest([descriptor(CONFIG, config), descriptor(SIGNATURE, payload)], [config, payload]);
}

export const signatureTag = (of: Artifact): string => `${of.digest.replace(':', '-')}.sig`;

function manifest(contents: readonly object[], blobs: readonly Uint8Array[], more: object = {}): Artifact {
  const [config, ...layers] = contents;
  const bytes = json({ schemaVersion: 2, mediaType: MANIFEST, ...more, config, layers });
  return { mediaType: MANIFEST, bytes, digest: digestOf(bytes), blobs, children: [] };
}

const descriptor = (mediaType: string, bytes: Uint8Array) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8), 100);
  header.write(octal(size, 12) + octal(0, 12), 124);
  header.write(`${' '.repeat(8)}0`, 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
