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
