/** Links and blobs that an inventory cannot have: those of manifests that were pushed after it. */
import pMap from 'p-map';
import { type Comparison, settle } from '../index/comparison.ts';
import { type ListedObject, parsed } from '../index/listing.ts';
import type { RegistryKey } from '../registry/layout.ts';
import { blobsLinked, blobsNeeded } from '../store/edges.ts';
import type { Rebuild } from './state.ts';

/** S3 does not say how long before an inventory a write must be to be in it for certain (milliseconds). */
const MARGIN = 24 * 3_600_000;
const CONCURRENCY = 16;

/** Every push writes its manifest's link anew, so that its time tells. All that it needs is looked at. */
export async function showLate(
  comparison: Comparison,
  { location, since }: Pick<Rebuild, 'location' | 'since'>,
  revisions: readonly ListedObject[],
): Promise<void> {
  if (location === undefined) return;
  const { bucket, metadata } = comparison.context;
  const late = revisions.filter(({ lastModified }) => lastModified.getTime() >= since - MARGIN);
  for (const { name, digest } of parsed(bucket.layout, late, ['revision']).known) {
    const manifest = await metadata.manifest(name, digest);
    if (manifest === undefined || manifest.state === 'deleted') continue;
    const linked = blobsLinked(manifest).map((blob): RegistryKey => ({ kind: 'layer', name, digest: blob }));
    const blobs = blobsNeeded(manifest).map((blob): RegistryKey => ({ kind: 'blob', digest: blob }));
    const at = (lastModified: Date) => lastModified.getTime();
    for (const keys of [linked, blobs])
      await pMap(keys, (key) => settle(comparison, key, { at }), { concurrency: CONCURRENCY });
  }
}
