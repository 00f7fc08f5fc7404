import { expect, it } from 'vitest';
import {
  isArtifactManifest,
  isForeignLayer,
  isImageConfig,
  isImageManifest,
  isIndex,
  isKnownManifest,
  isSchema1,
  MEDIA_TYPES,
} from '../../lambdas/registry/media-types.ts';

const matching = (test: (mediaType: string | undefined) => boolean) =>
  Object.entries(MEDIA_TYPES)
    .filter(([, mediaType]) => test(mediaType))
    .map(([name]) => name);

it('tells every media type apart', () => {
  expect(matching(isImageManifest)).toEqual(['dockerManifest', 'ociManifest']);
  expect(matching(isIndex)).toEqual(['dockerManifestList', 'ociIndex']);
  expect(matching(isSchema1)).toEqual(['dockerSchema1', 'dockerSchema1Signed']);
  expect(matching(isArtifactManifest)).toEqual(['ociArtifactManifest', 'orasArtifactManifest']);
  expect(matching(isImageConfig)).toEqual(['dockerConfig', 'ociConfig']);
  expect(matching(isForeignLayer)).toEqual([
    'dockerForeignLayer',
    'ociForeignLayer',
    'ociForeignLayerGzip',
    'ociForeignLayerZstd',
  ]);
  expect(new Set(matching(isKnownManifest))).toEqual(
    new Set([isImageManifest, isIndex, isSchema1, isArtifactManifest].flatMap(matching)),
  );
});

it.each([undefined, '', 'constructor', 'application/json', `${MEDIA_TYPES.ociManifest}; charset=utf-8`])(
  'does not know %j',
  (mediaType) => {
    expect([isKnownManifest, isImageConfig, isForeignLayer].some((test) => test(mediaType))).toBe(false);
  },
);

it('spells them as their specifications do', () => {
  const docker = 'application/vnd.docker.';
  const oci = 'application/vnd.oci.';
  expect(MEDIA_TYPES).toEqual({
    dockerSchema1: `${docker}distribution.manifest.v1+json`,
    dockerSchema1Signed: `${docker}distribution.manifest.v1+prettyjws`,
    dockerManifest: `${docker}distribution.manifest.v2+json`,
    dockerManifestList: `${docker}distribution.manifest.list.v2+json`,
    dockerConfig: `${docker}container.image.v1+json`,
    dockerLayer: `${docker}image.rootfs.diff.tar.gzip`,
    dockerForeignLayer: `${docker}image.rootfs.foreign.diff.tar.gzip`,
    ociManifest: `${oci}image.manifest.v1+json`,
    ociIndex: `${oci}image.index.v1+json`,
    ociArtifactManifest: `${oci}artifact.manifest.v1+json`,
    orasArtifactManifest: 'application/vnd.cncf.oras.artifact.manifest.v1+json',
    ociConfig: `${oci}image.config.v1+json`,
    ociEmpty: `${oci}empty.v1+json`,
    ociLayerGzip: `${oci}image.layer.v1.tar+gzip`,
    ociForeignLayer: `${oci}image.layer.nondistributable.v1.tar`,
    ociForeignLayerGzip: `${oci}image.layer.nondistributable.v1.tar+gzip`,
    ociForeignLayerZstd: `${oci}image.layer.nondistributable.v1.tar+zstd`,
    buildkitCacheConfig: 'application/vnd.buildkit.cacheconfig.v0',
  });
});
