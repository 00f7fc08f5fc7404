/** What was generated, and what a look at the bucket finds of it. */
import type { RegistryLayout } from '../../lambdas/registry/layout.ts';
import type { ObjectHead } from '../../lambdas/store/object-store.ts';
import { compareUtf8 } from '../../lambdas/store/order.ts';
import type { Catalog } from './catalog.ts';
import type { RegistryObjects } from './objects.ts';

export interface RegistryFacts {
  readonly repositories: number;
  /** Of one platform each. */
  readonly images: number;
  /** Images, indexes and referrers. */
  readonly manifests: number;
  readonly garbageManifests: number;
  /** Of releases, each of which is one manifest that nothing holds, and what that holds. */
  readonly garbageReleases: number;
  readonly blobs: number;
  readonly garbageBlobs: number;
  /** Bytes of all blob data, and of that which nothing live needs. */
  readonly bytes: number;
  readonly garbageBytes: number;
}

/** What a look at the bucket finds. */
export interface Inspection {
  /** Bytes of blob data. */
  readonly bytes: number;
  /** Keys a live image needs that are not there, or not as they were. */
  readonly missing: number;
  /** Keys that nothing live needs. */
  readonly surplus: number;
  /** Some of both, to look at. */
  readonly examples: readonly string[];
}

/** An object as a listing shows it. */
export type Listed = Pick<ObjectHead, 'key' | 'size' | 'etag'>;

const EXAMPLES = 5;

export function factsOf(catalog: Catalog): RegistryFacts {
  const { repositories, images, manifests } = catalog;
  const sums = {
    garbageManifests: 0,
    garbageReleases: 0,
    blobs: 0,
    garbageBlobs: 0,
    bytes: 0,
    garbageBytes: 0,
  };
  for (let manifest = 0; manifest < manifests; manifest++) {
    if (catalog.isGarbage(catalog.placeOf(manifest).release)) sums.garbageManifests++;
  }
  for (let release = 0; release < catalog.releases; release++) {
    if (catalog.isGarbage(release)) sums.garbageReleases++;
  }
  for (let blob = 0; blob < catalog.blobs; blob++) {
    if (!catalog.isNamed(blob)) continue;
    const size = catalog.size(blob);
    sums.blobs++;
    sums.bytes += size;
    if (catalog.isNeeded(blob)) continue;
    sums.garbageBlobs++;
    sums.garbageBytes += size;
  }
  return { repositories, images, manifests, ...sums };
}

/**
 * Compares a bucket with what is to be in it.
 *
 * @param listed the registry's objects in the order of their keys.
 */
export async function inspect(
  listed: AsyncIterable<Listed>,
  expected: RegistryObjects,
  layout: RegistryLayout,
): Promise<Inspection> {
  const found = { bytes: 0, missing: 0, surplus: 0 };
  const examples: string[] = [];
  const note = (what: 'missing' | 'surplus', key: string): void => {
    found[what]++;
    if (examples.length < EXAMPLES) examples.push(`${what}: ${key}`);
  };
  const wanted = expected.from(layout.prefix, false);
  let next = wanted.next();
  for await (const { key, size, etag } of listed) {
    if (key.startsWith(layout.blobsPrefix)) found.bytes += size;
    for (; !next.done && compareUtf8(next.value, key) < 0; next = wanted.next()) note('missing', next.value);
    if (next.done || next.value !== key) {
      note('surplus', key);
      continue;
    }
    const [version] = expected.get(key);
    if (version?.etag !== etag || version.size !== size) note('missing', key);
    next = wanted.next();
  }
  for (; !next.done; next = wanted.next()) note('missing', next.value);
  return { ...found, examples };
}
