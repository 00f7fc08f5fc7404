/** Manifests: everything they need first, then their links, then their items by the indexer's own code. */
import { readManifest } from '../index/manifest-record.ts';
import type { Digest } from '../registry/digest.ts';
import { blobsLinked, blobsNeeded, type Named } from '../store/edges.ts';
import { relink, reviveManifest, wasNeverThere } from '../store/hold.ts';
import type { ManifestItem } from '../store/items.ts';
import type { LineOf } from '../store/journal-reader.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { settled } from '../store/side-by-side.ts';
import { isNewer } from '../store/times.ts';
import { showBlob } from './blobs.ts';
import type { Skipped } from './report.ts';
import { bringInLine, type Restoring } from './restoring.ts';

type Content = Named & Pick<ManifestItem, 'unlinked'>;

/** A manifest that the run has deleted, or was about to. */
export async function restoreManifest(
  restoring: Restoring,
  { repository: name, digest }: LineOf<'delete-manifest'>,
): Promise<void> {
  const { metadata, bucket, tally } = restoring;
  // Brought back already with an index that lists it.
  if (!tally.first(idOf(name, digest))) return;
  const item = await metadata.manifest(name, digest);
  const link = await bucket.revisionLink(name, digest);
  const standing = standingOf(restoring.runId, item, link);
  if (standing === 'present') {
    tally.manifests.present++;
    // Written by an undo that did not come to its end, or by a push whose event is on the way.
    if (item === undefined || (link !== undefined && isNewer(link.lastModified, item.pushedAt))) {
      await bringInLine(restoring, { kind: 'revision', name, digest });
    }
    return;
  }
  if (standing !== 'gone') return skip(restoring, name, digest, standing);
  const lost = await revive(restoring, name, digest, item);
  if (lost === undefined) tally.manifests.restored++;
  else skip(restoring, name, digest, { code: 'lost', reason: lost });
}

const idOf = (name: string, digest: Digest): string => `manifest ${name}@${digest}`;

function skip(
  { tally }: Restoring,
  name: string,
  digest: Digest,
  why: Pick<Skipped, 'code' | 'reason'>,
): void {
  tally.manifests.skipped++;
  tally.skip({ ...why, what: `${name}@${digest}` });
}

/** What has become of a manifest that the journal says the run was about to delete. */
function standingOf(
  runId: string,
  item: ManifestItem | undefined,
  link: ObjectHead | undefined,
): 'present' | 'gone' | Pick<Skipped, 'code' | 'reason'> {
  if (item === undefined) return link === undefined ? 'gone' : 'present';
  const isDeparting = item.state === 'deleting' || item.state === 'deleted';
  if (isDeparting && item.runId === runId) return 'gone';
  if (link !== undefined) return 'present';
  if (isDeparting && item.runId !== undefined) {
    return { code: 'other-run', reason: `run ${item.runId} has deleted it: restore that one first` };
  }
  return { code: 'client-deleted', reason: 'a client has deleted it since' };
}

/** @returns why it cannot come back; undefined when it did. */
async function revive(
  restoring: Restoring,
  name: string,
  digest: Digest,
  item: ManifestItem | undefined,
): Promise<string | undefined> {
  const content = item ?? (await contentOf(restoring, name, digest));
  if (typeof content === 'string') return content;
  const absent = new Set<Digest>();
  const lost = await lossOf(restoring, content, absent);
  if (lost !== undefined) return lost;
  await bringBack(restoring, content, item?.state, absent, new Set());
  return undefined;
}

/** Of a manifest that the table does not know, from its bytes. @returns why it cannot be read, when it cannot. */
async function contentOf(restoring: Restoring, name: string, digest: Digest): Promise<Content | string> {
  if ((await showBlob(restoring, digest)) === 'lost') return 'no version of its bytes is left in the bucket';
  const { problem, ...content } = await readManifest(restoring.bucket, digest);
  return problem?.code === 'unreadable' ? problem.detail : { name, digest, ...content };
}

/**
 * Whether data is gone for good that it, or a manifest it lists and that comes back with it, needs. Looks only.
 *
 * @param absent gets what was not there before the run either.
 */
async function lossOf(
  restoring: Restoring,
  content: Content,
  absent: Set<Digest>,
  visited: Set<Digest> = new Set(),
): Promise<string | undefined> {
  visited.add(content.digest);
  const missing = await settled(
    blobsNeeded(content).map(async (blob) => ((await isRecoverable(restoring, blob)) ? undefined : blob)),
  );
  for (const blob of missing) {
    if (blob === undefined) continue;
    const isForeign = content.unlinked?.includes(blob) === true;
    if (isForeign || wasNeverThere(await restoring.metadata.blobItem(blob))) absent.add(blob);
    else return `blob ${blob} is gone, with every version of its data`;
  }
  for (const child of await departed(restoring, content)) {
    if (visited.has(child.digest)) continue;
    const lost = await lossOf(restoring, child, absent, visited);
    if (lost !== undefined) return `it lists ${child.digest}: ${lost}`;
  }
  return undefined;
}

async function isRecoverable({ bucket }: Restoring, blob: Digest): Promise<boolean> {
  if ((await bucket.blob(blob)) !== undefined) return true;
  const versions = await bucket.objects.versions(bucket.layout.blobData(blob));
  return versions.some(({ isDeleteMarker }) => !isDeleteMarker);
}

/** Manifests it lists that a run has deleted: they come back with it. What a client has deleted stays away. */
async function departed({ metadata }: Restoring, { name, children }: Content): Promise<ManifestItem[]> {
  const items = await settled([...new Set(children)].map((child) => metadata.manifest(name, child)));
  return items.filter(
    (item) =>
      item !== undefined &&
      item.runId !== undefined &&
      (item.state === 'deleting' || item.state === 'deleted'),
  ) as ManifestItem[];
}

/** In the order of a push: data, links to it, the manifests it lists, its own link. */
async function bringBack(
  restoring: Restoring,
  content: Content,
  state: ManifestItem['state'] | undefined,
  absent: ReadonlySet<Digest>,
  visited: Set<Digest>,
): Promise<void> {
  const { bucket, tally, now, grace } = restoring;
  const { name, digest } = content;
  visited.add(digest);
  for (const child of await departed(restoring, content)) {
    if (visited.has(child.digest)) continue;
    await bringBack(restoring, child, child.state, absent, visited);
    if (tally.first(idOf(name, child.digest))) tally.manifests.restored++;
  }
  await settled(blobsNeeded(content).map((blob) => showBlob(restoring, blob)));
  await settled(blobsLinked(content).map((blob) => relink(restoring, name, blob, now())));
  tally.changed = true;
  // Left by a run that did not come to its end: only repair takes it out of that state.
  if (state === 'deleting') await reviveManifest(restoring, name, digest, { at: now(), grace });
  await bucket.writeRevisionLink(name, digest);
  const lost = await bringInLine(restoring, { kind: 'revision', name, digest });
  const [gone] = lost.filter((blob) => !absent.has(blob));
  if (gone !== undefined) throw new Error(`blob ${gone} has gone while ${name}@${digest} was restored`);
}
