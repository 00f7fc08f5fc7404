/** The listing half of a rebuild: what is in the bucket and not in the table is applied. */
import pMap from 'p-map';
import type { Digest } from '../registry/digest.ts';
import type { RegistryKey } from '../registry/layout.ts';
import {
  type ManifestItem,
  manifestKey,
  repositoryKey,
  toManifest,
  UnknownItemError,
} from '../store/items.ts';
import type { KeySet } from '../store/key-set.ts';
import { type UploadPart, type UploadState, withPart } from '../store/upload-parts.ts';
import { apply } from './apply.ts';
import { uploadDueAt } from './apply-upload.ts';
import { dataClaim, linkClaim, manifestClaims, tagClaims, uploadClaim } from './claims.ts';
import { APPLIED, type Hints, type IndexContext, lostIn, type Outcome } from './context.ts';
import { type Listed, listed, TagHistories, type TagHistory } from './listing.ts';
import type { Kind, ReindexReporter } from './reindex-report.ts';
import { keepStrange, strangeLink } from './strange.ts';
import { remembered } from './tag-names.ts';

/** Keys of one page looked at side by side. */
const CONCURRENCY = 16;

export interface Comparison {
  readonly context: IndexContext;
  readonly reporter: ReindexReporter;
  /** What the table claimed at the start. */
  readonly claimed: KeySet;
  /** What the listings have shown. */
  readonly shown: KeySet;
}

/** Links, tags, manifests and uploads of one repository. */
export async function reindexRepository(comparison: Comparison, name: string): Promise<void> {
  const { reporter, context } = comparison;
  reporter.found.repositories++;
  // As it is written: a name that does not parse has links all the same.
  const prefix = `${context.bucket.layout.repositoriesPrefix}${name}/`;
  await reindexLinks(comparison, `${prefix}_layers/`);
  const histories = await reindexTags(comparison, `${prefix}_manifests/tags/`);
  await reindexManifests(comparison, `${prefix}_manifests/revisions/`, histories);
  await reindexUploads(comparison, `${prefix}_uploads/`);
}

/** A page of a listing; what does not parse is counted, and kept if it may be a link. */
async function* pages<K extends RegistryKey['kind']>(
  comparison: Comparison,
  prefix: string,
  kinds: readonly K[],
): AsyncGenerator<readonly Listed<K>[]> {
  for await (const { known, other } of listed(comparison.context.bucket, prefix, kinds)) {
    await showOther(comparison, other);
    yield known;
  }
}

async function showOther(
  { context, reporter, shown }: Comparison,
  other: readonly { readonly key: string; readonly lastModified: Date }[],
): Promise<void> {
  reporter.unrecognised += other.length;
  for (const { key, lastModified } of other) {
    const link = strangeLink(context.bucket.layout, key);
    if (link === undefined) continue;
    if (link.digest !== undefined) shown.add(linkClaim(link.name, link.digest, lastModified.getTime()));
    reporter.unreadable.push({ repository: link.name, what: key, detail: 'not of the known layout' });
    await keepStrange(context, key, link, lastModified.getTime());
  }
}

async function reindexLinks(comparison: Comparison, prefix: string): Promise<void> {
  const { reporter } = comparison;
  for await (const page of pages(comparison, prefix, ['layer'])) {
    reporter.found.links += page.length;
    await pMap(page, (link) => showLink(comparison, link), { concurrency: CONCURRENCY });
  }
}

async function showLink(comparison: Comparison, link: Listed<'layer'>): Promise<void> {
  await show(comparison, 'links', link, [linkClaim(link.name, link.digest, link.lastModified.getTime())]);
}

async function reindexTags(comparison: Comparison, prefix: string): Promise<Map<Digest, TagHistory>> {
  const { reporter } = comparison;
  const histories = new TagHistories();
  for await (const page of pages(comparison, prefix, ['tag', 'tag-history'])) {
    for (const entry of page) histories.add(entry);
    const tags = page.filter((entry): entry is Listed<'tag'> => entry.kind === 'tag');
    reporter.found.tags += tags.length;
    await pMap(tags, (tag) => showTag(comparison, tag), { concurrency: CONCURRENCY });
  }
  return histories.byManifest();
}

async function showTag(comparison: Comparison, tag: Listed<'tag'>): Promise<void> {
  const link = await comparison.context.bucket.tagLink(tag.name, tag.tag);
  if (link === undefined) return;
  if (link === 'unreadable') {
    const detail = 'its link does not hold a digest';
    comparison.reporter.unreadable.push({ repository: tag.name, what: tag.tag, detail });
    await settle(comparison, tag, {});
    return;
  }
  await show(comparison, 'tags', tag, tagClaims(tag.name, tag.tag, link.digest, link.lastModified.getTime()));
}

async function reindexManifests(
  comparison: Comparison,
  prefix: string,
  histories: Map<Digest, TagHistory>,
): Promise<void> {
  const { context, reporter } = comparison;
  const { table } = context.metadata;
  for await (const page of pages(comparison, prefix, ['revision'])) {
    reporter.found.manifests += page.length;
    const [first] = page;
    if (first !== undefined) await showRepository(comparison, first.name);
    const items = await table.getMany(page.map(({ name, digest }) => manifestKey(name, digest)));
    const known = new Map(items.map((item) => [item.sk, item]));
    await pMap(
      page,
      (revision) => {
        const item = known.get(manifestKey(revision.name, revision.digest).sk);
        const history = histories.get(revision.digest);
        return orReport(comparison, revision, () =>
          showManifest(comparison, revision, item && toManifest(item), history),
        );
      },
      { concurrency: CONCURRENCY },
    );
  }
}

/** An item in a shape not known is left as it is and reported: a run skips its repository. */
async function orReport(
  { reporter }: Comparison,
  { name, digest }: Listed<'revision'>,
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof UnknownItemError)) throw error;
    reporter.unreadable.push({ repository: name, what: digest, detail: error.message });
  }
}

/** By its item a prune that looks at every manifest finds the repository. */
async function showRepository({ context, reporter }: Comparison, name: string): Promise<void> {
  const item = { ...repositoryKey(name), firstSeenAt: context.now() };
  if (await context.metadata.table.put(item, { absent: true })) reporter.added.repositories++;
}

async function showManifest(
  comparison: Comparison,
  revision: Listed<'revision'>,
  known: ManifestItem | undefined,
  history: TagHistory | undefined,
): Promise<void> {
  const { context, reporter, claimed } = comparison;
  const { name, digest } = revision;
  const names = [...(history?.tags ?? [])];
  const complete =
    known !== undefined &&
    known.problem === undefined &&
    remembered([...known.taggedAs, ...names]).length === known.taggedAs.length &&
    manifestClaims(known, revision.lastModified.getTime()).every((claim) => claimed.has(claim));
  if (!complete) {
    if (known === undefined || known.state === 'deleted') reporter.added.manifests++;
    else if (known.problem === undefined) reporter.added.edges++;
    const at = (lastModified: Date) => Math.max(lastModified.getTime(), history?.movedAt ?? 0);
    await settle(comparison, revision, { at, taggedAs: names });
  }
  const now = complete ? known : await context.metadata.manifest(name, digest);
  if (now === undefined || now.state === 'deleted') return;
  if (now.problem !== undefined) {
    reporter.unreadable.push({ repository: name, what: digest, detail: now.problem.detail });
  }
  for (const claim of manifestClaims(now, now.pushedAt)) comparison.shown.add(claim);
}

/** Those with nothing but versions left as well: of every push there was before somebody looked. */
async function reindexUploads(comparison: Comparison, prefix: string): Promise<void> {
  const { reporter } = comparison;
  const { bucket } = comparison.context;
  const found = new Map<string, FoundUpload>();
  for await (const parts of bucket.uploadParts(prefix)) {
    const other: UploadPart[] = [];
    for (const part of parts) {
      const key = bucket.layout.parse(part.key);
      if (key.kind === 'upload') found.set(key.uuid, { ...withPart(found.get(key.uuid), part), key });
      else if (part.isCurrent) other.push(part);
    }
    await showOther(comparison, other);
  }
  reporter.found.uploads += found.size;
  await pMap(found.values(), (upload) => showUpload(comparison, upload), { concurrency: CONCURRENCY });
}

interface FoundUpload extends UploadState {
  readonly key: Extract<RegistryKey, { kind: 'upload' }>;
}

async function showUpload(comparison: Comparison, upload: FoundUpload): Promise<void> {
  const { name, uuid } = upload.key;
  const key = { ...upload.key, lastModified: new Date(upload.writtenAt) };
  await show(comparison, 'uploads', key, [uploadClaim(name, uuid, uploadDueAt(upload))]);
}

/** Blob data of one two-hex-digit directory. */
export async function reindexBlobs(comparison: Comparison, directory: string): Promise<void> {
  const { reporter } = comparison;
  for await (const page of pages(comparison, directory, ['blob'])) {
    reporter.found.blobs += page.length;
    await pMap(page, (blob) => show(comparison, 'blobs', blob, [dataClaim(blob.digest, blob.size)]), {
      concurrency: CONCURRENCY,
    });
  }
}

/** What a listing shows is remembered; if the table did not claim all of it, it is applied. */
async function show(
  comparison: Comparison,
  kind: Kind,
  key: RegistryKey & { readonly lastModified: Date },
  claims: readonly string[],
): Promise<void> {
  for (const claim of claims) comparison.shown.add(claim);
  if (claims.every((claim) => comparison.claimed.has(claim))) return;
  comparison.reporter.added[kind]++;
  await settle(comparison, key, { at: (lastModified) => lastModified.getTime() });
}

/** Applies a key and counts what did not settle. */
export async function settle(comparison: Comparison, key: RegistryKey, hints: Hints): Promise<void> {
  const { reporter } = comparison;
  const outcome = await applied(comparison, key, hints);
  for (const digest of lostIn(outcome)) reporter.lost.add(digest);
  if (outcome.status === 'retry') reporter.postponed++;
}

async function applied(comparison: Comparison, key: RegistryKey, hints: Hints): Promise<Outcome> {
  try {
    return await apply(comparison.context, key, hints);
  } catch (error) {
    // A manifest's own item is reported by the caller.
    if (!(error instanceof UnknownItemError) || key.kind === 'revision') throw error;
    const { pk: repository, sk: what } = error.key;
    comparison.reporter.unreadable.push({ repository, what, detail: error.message });
    return APPLIED;
  }
}
