/** The whole registry divided, each blob in one place, for the map. */

import { at } from './graph/compressed.ts';
import { type Measured, SHARED, UNUSED } from './graph/retained.ts';
import type { Inventory } from './inventory.ts';
import { shortDigest, tagsText } from './output.ts';
import { tagsByManifest } from './report.ts';

/**
 * `image`: goes with that image. `untagged`: likewise, and no tag leads to it. `shared`: several images of one repository,
 * or several repositories, would all have to go. `unused`: no repository links or names it. `more`: what is too small.
 */
export type ShareKind = 'repository' | 'image' | 'untagged' | 'shared' | 'unused' | 'more';

/** A part of the registry; its bytes are the sum of its parts', where it has any. */
export interface Share {
  readonly kind: ShareKind;
  readonly name: string;
  readonly bytes: number;
  readonly parts?: readonly Share[];
}

/** Enough for what can be told apart on a screen. */
const MAX_REPOSITORIES = 40;
const MAX_IMAGES = 12;

/**
 * Gives each blob to the one repository that uses it, else to all of them together; and within a repository to the
 * outermost image with which it would go, else to all of its images together. So the bytes of all shares are the bytes
 * of the registry.
 */
export function sharesOf(inventory: Inventory, measured: Measured): Share[] {
  const { ofImages, ofRepositories, between, unused } = divide(inventory, measured);
  const tags = tagsByManifest(inventory);
  const images = ofRepositories.map((): Share[] => []);
  for (const [manifest, bytes] of ofImages.entries()) {
    if (bytes === 0) continue;
    const { repository = 0, digest = 0 } = inventory.manifests[manifest] ?? {};
    const name = tagsText(tags.get(manifest) ?? []) || shortDigest(inventory.digests.text(digest));
    images[repository]?.push({ kind: measured.unheld[manifest] === 1 ? 'untagged' : 'image', name, bytes });
  }
  const repositories = images.map((parts, repository): Share => {
    const name = inventory.repositories.text(repository);
    const shared = at(ofRepositories, repository);
    const all = [
      ...largest(parts, MAX_IMAGES, 'images'),
      ...some({ kind: 'shared', name: 'shared in the repository', bytes: shared }),
    ];
    return { kind: 'repository', name, bytes: sum(all), parts: all };
  });
  return [
    ...largest(
      repositories.filter(({ bytes }) => bytes > 0),
      MAX_REPOSITORIES,
      'repositories',
    ),
    ...some({ kind: 'shared', name: 'shared between repositories', bytes: between }),
    ...some({ kind: 'unused', name: 'in no repository', bytes: unused }),
  ];
}

function divide(inventory: Inventory, { users, goesWith }: Measured) {
  const ofImages = new Float64Array(inventory.manifests.length);
  const ofRepositories = new Array<number>(inventory.repositories.size).fill(0);
  let [between, unused] = [0, 0];
  for (const [blob, there] of inventory.blobs.entries()) {
    if (there === undefined) continue;
    const user = at(users, blob);
    const image = at(goesWith, blob);
    if (user === UNUSED) unused += there.bytes;
    else if (user === SHARED) between += there.bytes;
    else if (image === SHARED) ofRepositories[user] = at(ofRepositories, user) + there.bytes;
    else ofImages[image] = at(ofImages, image) + there.bytes;
  }
  return { ofImages, ofRepositories, between, unused };
}

/** The largest first, and the rest as one. */
function largest(shares: readonly Share[], count: number, what: string): Share[] {
  const sorted = shares.toSorted((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  const rest = sorted.slice(count);
  return [
    ...sorted.slice(0, count),
    ...some({ kind: 'more', name: `${rest.length} more ${what}`, bytes: sum(rest) }),
  ];
}

const sum = (shares: readonly Share[]): number => shares.reduce((total, { bytes }) => total + bytes, 0);
const some = (share: Share): Share[] => (share.bytes > 0 ? [share] : []);
