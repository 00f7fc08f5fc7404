/** The items of a manifest and a tag as the indexer and a collector have left them (docs/metadata.md). */
import type { Digest } from '../../lambdas/registry/digest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';
import { manifestKey, manifestQueue, tagKey } from '../../lambdas/store/items.ts';
import { live, tombstoneExpiry } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import type { Catalog } from './catalog.ts';
import { labelsOf, SBOM } from './images.ts';
import { PLATFORMS, pushedAt, repositoryName, titleOf } from './releases.ts';

/** When what happened, milliseconds since the epoch. */
export interface Times {
  readonly indexedAt: number;
  readonly untaggedAt: number;
  readonly deletedAt: number;
  readonly condemnedAt: number;
  /** Milliseconds. */
  readonly grace: number;
  readonly quarantine: number;
}

/** What every item has that was changed on its version; which version makes no difference to anything. */
export const STAMPED = { version: 4, gains: 1, stamp: 'seeded-000000000' } as const;

/** What became of a release: `queued` by a rebuild, whether it has a tag or not; or at rest, `held`; or garbage. */
export type Fate = 'queued' | 'held' | 'untagged' | 'deleted';

/** What a manifest has been through before it became garbage. */
export interface History {
  readonly fate: Fate;
  /** When it gained its last edge. */
  readonly touchedAt: number;
  /** Every tag that is known to have named it. */
  readonly tags: readonly string[];
}

/** @param manifest its number. */
export function manifestItem(
  catalog: Catalog,
  manifest: number,
  { fate, touchedAt, tags }: History,
  times: Times,
): Item {
  const { release } = catalog.placeOf(manifest);
  const place = catalog.place(release);
  const digest = catalog.manifestDigest(manifest);
  const isTop = manifest === catalog.topOf(release);
  return {
    ...manifestKey(repositoryName(place.repository), digest),
    ...contentOf(catalog, manifest),
    pushedAt: pushedAt(catalog.options, place),
    taggedAs: isTop ? tags : [],
    ...STAMPED,
    ...stateOf(digest, isTop, { fate, touchedAt }, times),
  };
}

function stateOf(
  digest: Digest,
  isTop: boolean,
  { fate, touchedAt }: Omit<History, 'tags'>,
  { untaggedAt, deletedAt, grace }: Times,
) {
  if (fate === 'deleted') {
    const marks = { runId: STAMPED.stamp, fence: 1, expireAt: tombstoneExpiry(deletedAt) };
    return { state: 'deleted', touchedAt: untaggedAt, ...marks };
  }
  // What is under garbage is released, and queued, once it is gone.
  if (fate === 'held' || (fate === 'untagged' && !isTop)) return { state: 'live', touchedAt };
  return live(manifestQueue(digest), { at: fate === 'queued' ? touchedAt : untaggedAt, grace });
}

/** As `index/manifest-record.ts` reads it from the bytes. */
function contentOf(catalog: Catalog, manifest: number) {
  const { release, at } = catalog.placeOf(manifest);
  const { config, layers } = catalog.blobsNamed(manifest);
  const size = catalog.manifestSize(manifest);
  const named = { size, layers: layers.map((blob) => catalog.digest(blob)) };
  if (config === undefined) {
    const images = Array.from({ length: catalog.imagesIn(release) }, (_, image) => manifest - at + image);
    const children = images.map((image) => catalog.manifestDigest(image));
    return { mediaType: MEDIA_TYPES.ociIndex, ...named, children };
  }
  const image = {
    mediaType: MEDIA_TYPES.ociManifest,
    ...named,
    config: catalog.digest(config),
    children: [],
  };
  if (manifest === catalog.sbomOf(release)) {
    const subject = catalog.manifestDigest(catalog.topOf(release));
    return { ...image, artifactType: SBOM, subject, labels: [] };
  }
  const place = catalog.place(release);
  const createdAt = pushedAt(catalog.options, place);
  const platform = PLATFORMS[at];
  if (platform === undefined) throw new RangeError(`there is no platform ${at}`);
  return { ...image, createdAt, labels: labelsOf(titleOf(place, platform), new Date(createdAt)) };
}

export const tagItem = (name: string, tag: string, digest: Digest, taggedAt: number): Item => ({
  ...tagKey(name, tag),
  ...{ digest, taggedAt, version: STAMPED.version, stamp: STAMPED.stamp },
});
