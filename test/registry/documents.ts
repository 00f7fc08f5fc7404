import { type Digest, digestOf } from '../../lambdas/registry/digest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';

/** A digest that is always the same for the same name. */
export const digest = (name: string): Digest => digestOf(new TextEncoder().encode(name));

export const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

export const descriptor = (name: string, mediaType: string, more: object = {}) => ({
  mediaType,
  digest: digest(name),
  size: 7023,
  ...more,
});

export const dockerManifest = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.dockerManifest,
  config: descriptor('config', MEDIA_TYPES.dockerConfig),
  layers: [descriptor('base', MEDIA_TYPES.dockerLayer), descriptor('app', MEDIA_TYPES.dockerLayer)],
};

export const windowsManifest = {
  ...dockerManifest,
  layers: [
    descriptor('windows', MEDIA_TYPES.dockerForeignLayer, { urls: ['https://mcr.example/windows'] }),
    descriptor('pushed-foreign', MEDIA_TYPES.dockerForeignLayer),
    descriptor('app', MEDIA_TYPES.dockerLayer),
  ],
};

export const ociManifest = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  config: descriptor('config', MEDIA_TYPES.ociConfig),
  layers: [descriptor('layer', MEDIA_TYPES.ociLayerGzip)],
  annotations: { 'org.opencontainers.image.base.digest': digest('base-image') },
};

/** What cosign 2 and oras 1.2 push: an image manifest with a subject. */
export const referrer = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  artifactType: 'application/vnd.example.sbom.v1',
  config: descriptor('empty', MEDIA_TYPES.ociEmpty, { data: 'e30=' }),
  layers: [descriptor('sbom', 'application/spdx+json')],
  subject: descriptor('subject', MEDIA_TYPES.ociManifest),
};

/** What BuildKit pushes with provenance on. */
export const buildkitIndex = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: [
    descriptor('amd64', MEDIA_TYPES.ociManifest, { platform: { architecture: 'amd64', os: 'linux' } }),
    descriptor('attestation', MEDIA_TYPES.ociManifest, {
      annotations: {
        'vnd.docker.reference.digest': digest('amd64'),
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    }),
  ],
};

export const manifestList = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.dockerManifestList,
  manifests: [
    descriptor('amd64', MEDIA_TYPES.dockerManifest, { platform: { architecture: 'amd64', os: 'linux' } }),
    descriptor('arm', MEDIA_TYPES.dockerManifest, {
      platform: { architecture: 'arm', os: 'linux', variant: 'v7' },
    }),
  ],
};

/** What BuildKit pushes for `--cache-to type=registry`: an index of layers. */
export const buildkitCache = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: [
    descriptor('cached', MEDIA_TYPES.ociLayerGzip),
    descriptor('cache-config', MEDIA_TYPES.buildkitCacheConfig),
  ],
};

export const artifactManifest = {
  mediaType: MEDIA_TYPES.ociArtifactManifest,
  artifactType: 'application/vnd.example.signature',
  blobs: [descriptor('signature', 'application/octet-stream')],
  subject: descriptor('subject', MEDIA_TYPES.ociManifest),
};

const v1Compatibility = JSON.stringify({
  architecture: 'amd64',
  config: { Cmd: ['/bin/sh'], Labels: { team: 'core' } },
  container_config: { Labels: { team: 'other' } },
  created: '2015-10-31T22:22:55.613815829Z',
  id: 'a'.repeat(64),
});

/** As distribution stores it: the payload without signatures, and without a media type. */
export const schema1 = {
  schemaVersion: 1,
  name: 'library/hello',
  tag: 'latest',
  architecture: 'amd64',
  fsLayers: [
    { blobSum: digest('empty-layer') },
    { blobSum: digest('hello') },
    { blobSum: digest('empty-layer') },
  ],
  history: [{ v1Compatibility }, { v1Compatibility: '{"id":"b"}' }, { v1Compatibility: '{"id":"c"}' }],
};

export const schema1Signed = {
  ...schema1,
  signatures: [
    { header: { jwk: { crv: 'P-256', kty: 'EC' }, alg: 'ES256' }, signature: 'c2ln', protected: 'e30' },
  ],
};

export const everyDocument = {
  dockerManifest,
  windowsManifest,
  ociManifest,
  referrer,
  buildkitIndex,
  manifestList,
  buildkitCache,
  artifactManifest,
  schema1,
  schema1Signed,
};
