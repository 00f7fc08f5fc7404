/** The media types this project knows by name. */
export const MEDIA_TYPES = {
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociArtifactManifest: 'application/vnd.oci.artifact.manifest.v1+json',
  orasArtifactManifest: 'application/vnd.cncf.oras.artifact.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociForeignLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociForeignLayerZstd: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  buildkitCacheConfig: 'application/vnd.buildkit.cacheconfig.v0',
} as const;

type MediaTypeTest = (mediaType: string | undefined) => boolean;

function oneOf(...known: readonly string[]): MediaTypeTest {
  const table = new Set(known);
  return (mediaType) => mediaType !== undefined && table.has(mediaType);
}

/** A manifest of one image: Docker schema 2 or OCI. */
export const isImageManifest = oneOf(MEDIA_TYPES.dockerManifest, MEDIA_TYPES.ociManifest);

/** A manifest of manifests: a Docker manifest list or an OCI index. */
export const isIndex = oneOf(MEDIA_TYPES.dockerManifestList, MEDIA_TYPES.ociIndex);

/** Docker's first manifest, signed or not; only distribution 2.x takes it. */
export const isSchema1 = oneOf(MEDIA_TYPES.dockerSchema1, MEDIA_TYPES.dockerSchema1Signed);

/** The artifact manifests that OCI 1.1 dropped before its release, and ORAS's before them. */
export const isArtifactManifest = oneOf(MEDIA_TYPES.ociArtifactManifest, MEDIA_TYPES.orasArtifactManifest);

/** Any manifest whose references this project can tell. */
export const isKnownManifest: MediaTypeTest = (mediaType) =>
  isImageManifest(mediaType) || isIndex(mediaType) || isSchema1(mediaType) || isArtifactManifest(mediaType);

/** An image's configuration, the one place that has labels. */
export const isImageConfig = oneOf(MEDIA_TYPES.dockerConfig, MEDIA_TYPES.ociConfig);

/** A layer a client may fetch from elsewhere, so that the registry need not have it (OCI: non-distributable). */
export const isForeignLayer = oneOf(
  MEDIA_TYPES.dockerForeignLayer,
  MEDIA_TYPES.ociForeignLayer,
  MEDIA_TYPES.ociForeignLayerGzip,
  MEDIA_TYPES.ociForeignLayerZstd,
);
