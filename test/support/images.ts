/** Manifests of every kind, small and always the same for the same arguments. Nothing here comes from the product. */
import { createHash } from 'node:crypto';

export type Digest = `sha256:${string}`;

/** A manifest, with the blobs that a client uploads before it. */
export interface Manifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly blobs: readonly Uint8Array[];
}

export const TYPES = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  buildkitConfig: 'application/vnd.buildkit.cacheconfig.v0',
} as const;

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The digest of something that nobody ever pushed. */
export const neverPushed = (seed: string): Digest => digestOf(utf8(`never pushed: ${seed}`));

/** A layer; its size follows from its seed. */
export const layer = (seed: string): Uint8Array => utf8(`layer ${seed} `.repeat(1 + (seed.length % 5)));

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

const descriptor = (mediaType: string, bytes: Uint8Array, more: object = {}) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
  ...more,
});

const manifest = (mediaType: string, bytes: Uint8Array, blobs: readonly Uint8Array[] = []): Manifest => ({
  mediaType,
  bytes,
  digest: digestOf(bytes),
  blobs,
});

export interface ImageOptions {
  readonly format?: 'docker' | 'oci';
  readonly layers?: readonly Uint8Array[];
  /** Pairs, so that a label may have any name. */
  readonly labels?: readonly (readonly [string, string])[];
  readonly subject?: Digest;
}

/** An image of one platform. With a subject it is a referrer. */
export function image(seed: string, options: ImageOptions = {}): Manifest {
  const { format = 'oci', layers = [layer(seed)], labels, subject } = options;
  const [type, configType, layerType] =
    format === 'oci'
      ? [TYPES.ociManifest, TYPES.ociConfig, TYPES.ociLayer]
      : [TYPES.dockerManifest, TYPES.dockerConfig, TYPES.dockerLayer];
  // Written by hand: JSON.stringify of an object literal cannot hold a label called `__proto__`.
  const pairs = (labels ?? []).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const config = utf8(
    `{"created":"1970-01-01T00:00:00Z","comment":${JSON.stringify(seed)},"config":{"Labels":${
      labels === undefined ? 'null' : `{${pairs.join(',')}}`
    }}}`,
  );
  const bytes = json({
    schemaVersion: 2,
    mediaType: type,
    config: descriptor(configType, config),
    layers: layers.map((bytes) => descriptor(layerType, bytes)),
    ...(subject === undefined ? {} : { subject: { mediaType: type, digest: subject, size: 1 } }),
  });
  return manifest(type, bytes, [config, ...layers]);
}

export interface IndexOptions {
  readonly format?: 'docker' | 'oci';
  readonly subject?: Digest;
}

/** An index or manifest list; it may list what is not there. */
export function index(
  children: readonly { readonly digest: Digest; readonly mediaType?: string }[],
  options: IndexOptions = {},
): Manifest {
  const { format = 'oci', subject } = options;
  const type = format === 'oci' ? TYPES.ociIndex : TYPES.dockerList;
  const bytes = json({
    schemaVersion: 2,
    mediaType: type,
    manifests: children.map(({ digest, mediaType = TYPES.ociManifest }) => ({ mediaType, digest, size: 1 })),
    ...(subject === undefined ? {} : { subject: { mediaType: TYPES.ociManifest, digest: subject, size: 1 } }),
  });
  return manifest(type, bytes);
}

/** BuildKit's provenance of an image, which an index lists beside it. */
export function attestation(of: Digest): Manifest {
  const statement = json({ _type: 'https://in-toto.io/Statement/v0.1', subject: of });
  const config = json({ architecture: 'unknown', os: 'unknown', config: {} });
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.ociManifest,
    config: descriptor(TYPES.ociConfig, config),
    layers: [descriptor('application/vnd.in-toto+json', statement)],
  });
  return manifest(TYPES.ociManifest, bytes, [config, statement]);
}

/** An OCI 1.1 artifact that names its subject, for instance an SBOM. */
export function referrer(subject: Digest, seed: string): Manifest {
  const [empty, content] = [utf8('{}'), utf8(`sbom ${seed}`)];
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.ociManifest,
    artifactType: 'application/spdx+json',
    config: descriptor(TYPES.ociEmpty, empty),
    layers: [descriptor('application/spdx+json', content)],
    subject: { mediaType: TYPES.ociManifest, digest: subject, size: 1 },
  });
  return manifest(TYPES.ociManifest, bytes, [empty, content]);
}

/** What cosign pushes under {@link cosignTag}. */
export function signature(of: Digest, seed = ''): Manifest {
  return image(`signature ${of} ${seed}`, { layers: [utf8(`signed ${of} ${seed}`)] });
}

export type CosignSuffix = '' | '.sig' | '.att' | '.sbom';

export const cosignTag = (of: Digest, suffix: CosignSuffix = '.sig'): string =>
  `${of.replace(':', '-')}${suffix}`;

/** BuildKit's build cache: an index of layers and of a cache config, all of them blobs. */
export function buildCache(layers: readonly Uint8Array[]): Manifest {
  const config = json({ layers: layers.map((bytes) => ({ blob: digestOf(bytes) })) });
  const bytes = json({
    schemaVersion: 2,
    mediaType: TYPES.ociIndex,
    manifests: [
      ...layers.map((bytes) => descriptor(TYPES.ociLayer, bytes)),
      descriptor(TYPES.buildkitConfig, config),
    ],
  });
  return manifest(TYPES.ociIndex, bytes, [...layers, config]);
}

/** Of a media type nobody knows, naming digests in places nobody knows. */
export function unknown(seed: string, names: readonly Digest[]): Manifest {
  const type = 'application/vnd.example.future.v9+json';
  const bytes = json({ schemaVersion: 2, mediaType: type, seed, parts: names.map((it) => ({ it })) });
  return manifest(type, bytes);
}

/** JSON, but a known field does not hold what it must. */
export function malformed(seed: string): Manifest {
  const bytes = json({ schemaVersion: 2, mediaType: TYPES.ociManifest, config: seed, layers: [] });
  return manifest(TYPES.ociManifest, bytes);
}

/** Docker's first manifest, as distribution 2.x stores it. */
export function schema1(seed: string, layers: readonly Uint8Array[], labels: object = {}): Manifest {
  const bytes = json({
    schemaVersion: 1,
    name: seed,
    fsLayers: layers.map((bytes) => ({ blobSum: digestOf(bytes) })),
    history: layers.map(() => ({ v1Compatibility: JSON.stringify({ config: { Labels: labels } }) })),
  });
  return manifest('application/vnd.docker.distribution.manifest.v1+json', bytes, layers);
}
