/** The items of one release as the indexer and a collector have left them (docs/metadata.md). */
import type { Digest } from '../../lambdas/registry/digest.ts';
import { manifestKey, manifestQueue, tagKey } from '../../lambdas/store/items.ts';
import { live, tombstoneExpiry } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import type { Manifest } from './images.ts';
import type { Release } from './releases.ts';

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

export function manifestItem(
  release: Release,
  at: number,
  { fate, touchedAt, tags }: History,
  times: Times,
): Item {
  const { name, manifests, top, tag, pushedAt } = release;
  const manifest = manifests[at];
  if (manifest === undefined) throw new RangeError(`${name} ${tag} has no manifest ${at}`);
  return {
    ...manifestKey(name, manifest.digest),
    ...contentOf(manifest, at < release.images ? [] : manifests.slice(0, release.images)),
    pushedAt: pushedAt.getTime(),
    taggedAs: at === top ? tags : [],
    ...STAMPED,
    ...stateOf(manifest.digest, at === top, { fate, touchedAt }, times),
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
function contentOf(manifest: Manifest, images: readonly Manifest[]) {
  const { mediaType, artifactType, size, config, layers, subject, labels, createdAt } = manifest;
  const isIndex = config === undefined;
  return {
    ...{ mediaType, size, layers: layers.map(({ digest }) => digest) },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(config === undefined ? {} : { config: config.digest, labels }),
    children: isIndex ? images.map(({ digest }) => digest) : [],
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(subject === undefined ? {} : { subject }),
  };
}

export const tagItem = (name: string, tag: string, digest: Digest, taggedAt: number): Item => ({
  ...tagKey(name, tag),
  ...{ digest, taggedAt, version: STAMPED.version, stamp: STAMPED.stamp },
});
