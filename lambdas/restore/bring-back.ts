/**
 * One blob, manifest, link or tag of a run's journal, brought back. A line was stored before the deed, so it may tell of
 * what never happened or was taken back since: table and bucket as they are now decide. What is right in both is left
 * untouched, so a second restore changes nothing, and one that was cut short is finished by the next.
 */
import { apply } from '../index/apply.ts';
import type { IndexContext } from '../index/context.ts';
import { readManifest } from '../index/manifest-record.ts';
import type { Digest } from '../registry/digest.ts';
import type { RegistryKey } from '../registry/layout.ts';
import { blobsLinked } from '../store/edges.ts';
import { holdBlob, makeVisible } from '../store/hold.ts';
import { isInForce, type ManifestItem } from '../store/items.ts';
import type { LineOf } from '../store/journal-reader.ts';
import type { RestoreTally } from './report.ts';

export interface Restoration {
  readonly context: IndexContext;
  readonly runId: string;
  readonly tally: RestoreTally;
}

/** The data is visible and the blob live; without a link or reference it is garbage again after the grace period. */
export async function bringBackBlob(
  restoration: Restoration,
  { digest }: LineOf<'delete-blob'>,
): Promise<void> {
  const { context, tally } = restoration;
  const { metadata, bucket, grace, now } = context;
  const item = await metadata.blobItem(digest);
  const isLive = item?.state === 'live' || item?.state === 'condemned';
  if (isLive && (await bucket.blob(digest)) !== undefined) return tally.present('blobs', digest);
  if (!(await makeVisible(context, item ?? { digest }))) return tally.lost(digest);
  const { deleting } = await holdBlob(context, digest, { at: now(), grace });
  if (deleting.length > 0) return tally.skip('blobs', digest, UNFINISHED);
  await settle(restoration, { kind: 'blob', digest });
  tally.restored('blobs', digest);
}

export async function bringBackManifest(
  restoration: Restoration,
  { repository, digest }: LineOf<'delete-manifest'>,
): Promise<void> {
  const { context, runId, tally } = restoration;
  const { metadata, bucket } = context;
  const what = `${repository}@${digest}`;
  const item = await metadata.manifest(repository, digest);
  const isThere = (await bucket.revisionLink(repository, digest)) !== undefined;
  if (item?.state === 'live' && isThere) return tally.present('manifests', what);
  if (item?.state === 'deleting') return tally.skip('manifests', what, UNFINISHED);
  if (!isThere && item !== undefined) {
    if (item.state === 'live' || item.runId === undefined) {
      return tally.skip('manifests', what, 'a client has deleted it since');
    }
    if (item.runId !== runId) return tally.skip('manifests', what, `run ${item.runId} has deleted it since`);
  }
  const missing = await missingData(restoration, repository, digest, item);
  if (missing.length > 0) {
    for (const blob of missing) tally.lost(blob);
    return tally.skip('manifests', what, `its data is gone: ${missing.join(', ')}`);
  }
  await bucket.writeRevisionLink(repository, digest);
  await settle(restoration, { kind: 'revision', name: repository, digest });
  tally.restored('manifests', what);
}

/** What was deleted of the manifest's bytes, config and layers, and has no version to return to. */
async function missingData(
  { context }: Restoration,
  name: string,
  digest: Digest,
  item: ManifestItem | undefined,
): Promise<Digest[]> {
  const own = await isGone(context, digest);
  if (own) return [digest];
  const named = item ?? { name, digest, ...(await readManifest(context.bucket, digest)) };
  const missing: Digest[] = [];
  for (const blob of blobsLinked(named)) if (await isGone(context, blob)) missing.push(blob);
  return missing;
}

/** One that was never there, as the table has it, is not gone: the image was as incomplete before. */
async function isGone(context: IndexContext, digest: Digest): Promise<boolean> {
  const item = await context.metadata.blobItem(digest);
  if (await makeVisible(context, item ?? { digest })) return false;
  return item?.state === 'deleted';
}

export async function bringBackLink(
  restoration: Restoration,
  { repository, digest }: LineOf<'unlink'>,
): Promise<void> {
  const { context, tally } = restoration;
  const { metadata, bucket } = context;
  const what = `${repository}@${digest}`;
  const edge = await metadata.link(digest, repository);
  const isThere = (await bucket.layerLink(repository, digest)) !== undefined;
  if (isThere && edge !== undefined && isInForce(edge)) return tally.present('links', what);
  if (await isGone(context, digest)) {
    tally.lost(digest);
    return tally.skip('links', what, 'its data is gone');
  }
  await bucket.writeLayerLink(repository, digest);
  await settle(restoration, { kind: 'layer', name: repository, digest });
  tally.restored('links', what);
}

export async function bringBackTag(
  restoration: Restoration,
  { repository, tag, digest, versionId }: LineOf<'untag'>,
): Promise<void> {
  const { context, tally } = restoration;
  const { metadata, bucket } = context;
  const { objects, layout } = bucket;
  const what = `${repository}:${tag}`;
  const current = layout.tagCurrent(repository, tag);
  const link = await bucket.tagLink(repository, tag);
  if (link !== undefined) {
    if (link === 'unreadable' || link.digest !== digest) return tally.skip('tags', what, NEWER);
    if ((await metadata.tag(repository, tag))?.digest === digest) return tally.present('tags', what);
    await settle(restoration, { kind: 'tag', name: repository, tag });
    return tally.restored('tags', what);
  }
  if ((await bucket.revisionLink(repository, digest)) === undefined) {
    return tally.skip('tags', what, `its manifest ${digest} is not there`);
  }
  // What the tag named last: another link than the run's, deleted since, was a newer tag.
  const last = (await objects.versions(current)).find(({ isDeleteMarker }) => !isDeleteMarker);
  if (last !== undefined && last.versionId !== versionId) return tally.skip('tags', what, NEWER);
  // The registry's own order, so that nothing lists the tag before it can be pulled.
  await objects.put(layout.tagHistory(repository, tag, digest), digest, { ifAbsent: true });
  if (!(await objects.put(current, digest, { ifAbsent: true }))) return tally.skip('tags', what, NEWER);
  await settle(restoration, { kind: 'tag', name: repository, tag });
  tally.restored('tags', what);
}

/** Histories of tags that are there: the directory of one that is not would make the registry list it. */
export async function bringBackHistory(
  { context }: Restoration,
  { repository, digest, taggedAs }: LineOf<'delete-manifest'>,
): Promise<void> {
  const { objects, layout } = context.bucket;
  if ((await context.bucket.revisionLink(repository, digest)) === undefined) return;
  for (const tag of taggedAs) {
    const key = layout.tagHistory(repository, tag, digest);
    if ((await objects.head(key)) !== undefined) continue;
    if ((await objects.head(layout.tagCurrent(repository, tag))) === undefined) continue;
    await objects.put(key, digest, { ifAbsent: true });
  }
}

const NEWER = 'a newer tag stands or stood there';
const UNFINISHED = 'a run that did not end well was deleting it: the next prune puts it right';

/** Brings the table in line at once, as the events will once more. */
async function settle({ context, tally }: Restoration, key: RegistryKey): Promise<void> {
  const outcome = await apply(context, key);
  if (outcome.status === 'lost') for (const digest of outcome.digests) tally.lost(digest);
  if (outcome.status === 'retry') tally.fail(describe(key), outcome.reason);
}

function describe(key: RegistryKey): string {
  const name = 'name' in key ? key.name : '';
  const digest = 'digest' in key ? `@${key.digest}` : '';
  return `${name}${digest}${'tag' in key ? `:${key.tag}` : ''}`;
}
