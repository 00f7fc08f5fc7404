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
import type { RegistryBucket } from '../store/registry-bucket.ts';
import { type UploadPart, type UploadState, withPart } from '../store/upload-parts.ts';
import { uploadDueAt } from './apply-upload.ts';
import { dataClaim, linkClaim, manifestClaims, tagClaims, uploadClaim } from './claims.ts';
import { type Comparison, settle, show, showOther } from './comparison.ts';
import { type Listed, type ListedObject, parsed, TagHistories, type TagHistory } from './listing.ts';
import { remembered } from './tag-names.ts';

/** Keys of one page looked at side by side. */
const CONCURRENCY = 16;

/** A part of a repository's keys: where they are below it, which they are, and how a page of them is looked at. */
export interface Section {
  /** Below the repository's own prefix. */
  readonly prefix: string;
  readonly show: (
    comparison: Comparison,
    objects: readonly ListedObject[],
    historyOf: HistoryOf,
  ) => Promise<void>;
}

/** What the tags of its repository tell of a manifest. */
export type HistoryOf = (name: string, digest: Digest) => TagHistory | undefined;

/** In the order in which they are looked at, uploads aside, which are known by their versions. */
export const SECTIONS = {
  links: { prefix: '_layers/', show: showLinks },
  tags: { prefix: '_manifests/tags/', show: showTags },
  manifests: { prefix: '_manifests/revisions/', show: showManifests },
} as const satisfies Readonly<Record<string, Section>>;

export type SectionName = keyof typeof SECTIONS;

export const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[];

/** Where a section of a repository is. The name is as it is written: one that does not parse has links all the same. */
export const sectionPrefix = ({ layout }: RegistryBucket, name: string, section: Pick<Section, 'prefix'>) =>
  `${layout.repositoriesPrefix}${name}/${section.prefix}`;

const UPLOADS = { prefix: '_uploads/' } as const;

/** Links, tags, manifests and uploads of one repository. */
export async function reindexRepository(comparison: Comparison, name: string): Promise<void> {
  const { reporter, context } = comparison;
  const { bucket } = context;
  reporter.found.repositories++;
  const histories = new TagHistories();
  for (const section of Object.values(SECTIONS)) {
    for await (const objects of bucket.pages(sectionPrefix(bucket, name, section))) {
      if (section === SECTIONS.tags) histories.addAll(bucket.layout, objects);
      await section.show(comparison, objects, (_, digest) => histories.of(digest));
    }
  }
  await reindexUploads(comparison, name);
}

/** Those of a page that are of these kinds; what does not parse is counted, and kept if it may be a link. */
async function known<K extends RegistryKey['kind']>(
  comparison: Comparison,
  objects: readonly ListedObject[],
  kinds: readonly K[],
): Promise<readonly Listed<K>[]> {
  const page = parsed(comparison.context.bucket.layout, objects, kinds);
  await showOther(comparison, page.other);
  return page.known;
}

async function showLinks(comparison: Comparison, objects: readonly ListedObject[]): Promise<void> {
  const page = await known(comparison, objects, ['layer']);
  comparison.reporter.found.links += page.length;
  await pMap(page, (link) => showLink(comparison, link), { concurrency: CONCURRENCY });
}

async function showLink(comparison: Comparison, link: Listed<'layer'>): Promise<void> {
  await show(comparison, 'links', link, [linkClaim(link.name, link.digest, link.lastModified.getTime())]);
}

async function showTags(comparison: Comparison, objects: readonly ListedObject[]): Promise<void> {
  const page = await known(comparison, objects, ['tag', 'tag-history']);
  const tags = page.filter((entry): entry is Listed<'tag'> => entry.kind === 'tag');
  comparison.reporter.found.tags += tags.length;
  await pMap(tags, (tag) => showTag(comparison, tag), { concurrency: CONCURRENCY });
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

async function showManifests(
  comparison: Comparison,
  objects: readonly ListedObject[],
  historyOf: HistoryOf,
): Promise<void> {
  const { table } = comparison.context.metadata;
  const page = await known(comparison, objects, ['revision']);
  comparison.reporter.found.manifests += page.length;
  for (const name of new Set(page.map(({ name }) => name))) await showRepository(comparison, name);
  const items = await table.getMany(page.map(({ name, digest }) => manifestKey(name, digest)));
  const keyed = new Map(items.map((item) => [`${item.pk} ${item.sk}`, item]));
  await pMap(
    page,
    (revision) => {
      const { pk, sk } = manifestKey(revision.name, revision.digest);
      const item = keyed.get(`${pk} ${sk}`);
      const history = historyOf(revision.name, revision.digest);
      return orReport(comparison, revision, () =>
        showManifest(comparison, revision, item && toManifest(item), history),
      );
    },
    { concurrency: CONCURRENCY },
  );
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
export async function reindexUploads(comparison: Comparison, name: string): Promise<void> {
  const { reporter } = comparison;
  const { bucket } = comparison.context;
  const prefix = sectionPrefix(bucket, name, UPLOADS);
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

/** A page of blob data. */
export async function showBlobs(comparison: Comparison, objects: readonly ListedObject[]): Promise<void> {
  const page = await known(comparison, objects, ['blob']);
  comparison.reporter.found.blobs += page.length;
  await pMap(page, (blob) => show(comparison, 'blobs', blob, [dataClaim(blob.digest, blob.size)]), {
    concurrency: CONCURRENCY,
  });
}
