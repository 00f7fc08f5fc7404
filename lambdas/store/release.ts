/** Taking a manifest's edges away, and queueing what they held. */
import { cosignTags } from '../registry/cosign.ts';
import type { Digest } from '../registry/digest.ts';
import { blobsNeeded, edgeKeys, type Named } from './edges.ts';
import { referenceKey, referrerKey, tagKey, toTag } from './items.ts';
import { type Metadata, type Touch, tombstoneExpiry } from './metadata.ts';
import { settled } from './side-by-side.ts';

/**
 * Removes the edges of a manifest and queues its children, its referrers, the manifests under its cosign tags and
 * its blobs. Two edges are kept, marked removed, until the tombstone goes: the reference to the manifest's own bytes
 * tells the last look in which repositories to look for a `revisions` link (protocol, blob step 5); its subject's edge
 * to it tells what is to come back with the subject.
 *
 * @param except manifests that are deleted together with this one, and so are not queued.
 */
export async function removeManifestEdges(
  metadata: Metadata,
  manifest: Named,
  touch: Touch,
  except: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { name, digest, subject } = manifest;
  const remembered = [referenceKey(digest, name, digest)];
  if (subject !== undefined) remembered.push(referrerKey(name, subject, digest));
  const removal = { removedAt: touch.at, expireAt: tombstoneExpiry(touch.at) };
  await metadata.table.write([
    ...edgeKeys(manifest)
      .filter(({ pk, sk }) => !remembered.some((key) => key.pk === pk && key.sk === sk))
      .map((remove) => ({ remove })),
    ...remembered.map((key) => ({ put: { ...key, ...removal } })),
  ]);
  const held = await manifestsHeld(metadata, manifest);
  await settled([
    ...held
      .filter((target) => !except.has(target))
      .map((target) => metadata.releaseManifest(name, target, touch)),
    ...blobsNeeded(manifest).map((blob) =>
      // Nobody else names a manifest's own bytes, as good as always.
      blob === digest ? metadata.releaseBlob(blob, touch) : metadata.releaseReference(blob, name, touch),
    ),
  ]);
}

/**
 * The manifests that this one holds: its children, its referrers, and those under its cosign-style tags, which it
 * holds instead of their tags (protocol section 2). Each once.
 */
export async function manifestsHeld(
  metadata: Metadata,
  { name, digest, children }: Named,
): Promise<Digest[]> {
  const referrers = await metadata.referrers(name, digest);
  const signatures = await metadata.table.getMany(cosignTags(digest).map((tag) => tagKey(name, tag)));
  return [...new Set([...children, ...referrers, ...signatures.map((item) => toTag(item).digest)])];
}
