/** The repositories of one part: links, tags, manifests, uploads, and whatever of them the table does not claim. */
import type { Comparison } from '../index/comparison.ts';
import { type ListedObject, parsed, TagHistories } from '../index/listing.ts';
import {
  type HistoryOf,
  reindexUploads,
  SECTION_NAMES,
  SECTIONS,
  type SectionName,
  sectionPrefix,
} from '../index/reindex-listing.ts';
import { fromInventory, listingOf } from './inventory.ts';
import { type Job, type Step, takeSteps, type Work } from './job.ts';
import { showLate } from './late.ts';
import { namesOf } from './names.ts';
import { placeOfKey } from './parts.ts';
import { claimsOf } from './scan.ts';
import { compare } from './shown.ts';

interface Cursor {
  readonly section: SectionName | 'uploads';
  /** Where a page of the inventory has ended. */
  readonly file?: string;
  readonly until?: number;
  /** The repository, and the key where a page of its listing has ended. */
  readonly name?: string;
  readonly after?: string;
}

/**
 * Section by section through all repositories of the part: of each, links come before tags and those before manifests, as
 * in a rebuild at one go.
 */
export const reindexRepositories: Work = async (job) =>
  await compare(job, await job.files.prints(claimsOf(job.unit)), async (comparison) => {
    const names = await namesIn(job);
    if (job.cursor === undefined) comparison.reporter.found.repositories += names.length;
    return await takeSteps(stepsOf(job, comparison, names), job.isOver);
  });

async function namesIn({ files, unit }: Job): Promise<string[]> {
  const names = new Set<string>();
  for await (const { lines } of files.pages(namesOf(unit)))
    for (const line of lines) names.add(JSON.parse(line) as string);
  return [...names].sort();
}

async function* stepsOf(
  job: Job,
  comparison: Comparison,
  names: readonly string[],
): AsyncGenerator<Step | undefined> {
  const from = job.cursor as Cursor | undefined;
  const order = [...SECTION_NAMES, 'uploads'] as const;
  for (const section of order.slice(from === undefined ? 0 : order.indexOf(from.section))) {
    const within = section === from?.section ? from : { section };
    if (section === 'uploads') yield* uploadSteps(comparison, names, within);
    else if (section === 'links') yield* linkSteps(job, comparison, names, within);
    else if (section === 'tags') yield* listingSteps(comparison, names, { ...within, section });
    else yield* manifestSteps(job, comparison, names, within);
  }
}

/** From the inventory if there is one; what it has no link of is listed, since it may cover less than the bucket. */
async function* linkSteps(
  job: Job,
  comparison: Comparison,
  names: readonly string[],
  from: Cursor,
): AsyncGenerator<Step> {
  const { layout } = comparison.context.bucket;
  const covered = new Set<string>();
  const passed = from.name !== undefined;
  for await (const { file, until, objects } of fromInventory(job.files, listingOf(job.unit))) {
    for (const { key } of objects) covered.add(placeOfKey(layout, key)?.name ?? '');
    const isBefore = passed || file < (from.file ?? '') || (file === from.file && until <= (from.until ?? 0));
    const take = () => SECTIONS.links.show(comparison, objects);
    if (!isBefore) yield { cursor: { section: 'links', file, until }, take };
  }
  const rest = names.filter((name) => !covered.has(name));
  const { name, after } = from;
  yield* listingSteps(comparison, rest, {
    section: 'links',
    ...(name === undefined ? {} : { name }),
    ...(after === undefined ? {} : { after }),
  });
}

/** By listing the bucket. */
async function* listingSteps(
  comparison: Comparison,
  names: readonly string[],
  from: Cursor & { readonly section: 'links' | 'tags' },
): AsyncGenerator<Step> {
  const { section } = from;
  for (const name of names.filter((name) => name >= (from.name ?? ''))) {
    const after = name === from.name ? from.after : undefined;
    for await (const page of pagesOf(comparison, name, section, after)) {
      const cursor = { section, name, after: page.last };
      yield { cursor, take: () => SECTIONS[section].show(comparison, page.objects) };
    }
  }
}

/** Manifests of one repository for which its tags are listed once; what the tags tell of so many is in memory. */
const MANIFESTS_AT_ONCE = 50_000;

/** With what the tags of a repository tell of its manifests: listed once more, since to keep it takes too much memory. */
export async function* manifestSteps(
  job: Pick<Job, 'rebuild'>,
  comparison: Comparison,
  names: readonly string[],
  from: Cursor,
): AsyncGenerator<Step | undefined> {
  for (const name of names.filter((name) => name >= (from.name ?? ''))) {
    let pages: SectionPage[] = [];
    let count = 0;
    for await (const page of pagesOf(
      comparison,
      name,
      'manifests',
      name === from.name ? from.after : undefined,
    )) {
      pages.push(page);
      count += page.objects.length;
      yield undefined;
      if (count < MANIFESTS_AT_ONCE) continue;
      yield* withHistories(job, comparison, name, pages);
      pages = [];
      count = 0;
    }
    if (count > 0) yield* withHistories(job, comparison, name, pages);
  }
}

async function* withHistories(
  job: Pick<Job, 'rebuild'>,
  comparison: Comparison,
  name: string,
  pages: readonly SectionPage[],
): AsyncGenerator<Step | undefined> {
  const { layout } = comparison.context.bucket;
  const digests = pages.flatMap(({ objects }) => parsed(layout, objects, ['revision']).known);
  const histories = new TagHistories(new Set(digests.map(({ digest }) => digest)));
  for await (const { objects } of pagesOf(comparison, name, 'tags')) {
    histories.addAll(layout, objects);
    yield undefined;
  }
  const historyOf: HistoryOf = (_, digest) => histories.of(digest);
  for (const { objects, last } of pages) {
    const take = async () => {
      await SECTIONS.manifests.show(comparison, objects, historyOf);
      await showLate(comparison, job.rebuild, objects);
    };
    yield { cursor: { section: 'manifests', name, after: last }, take };
  }
}

interface SectionPage {
  readonly objects: readonly ListedObject[];
  /** The key where it ends. */
  readonly last: string;
}

/** Of one repository. */
async function* pagesOf(
  { context: { bucket } }: Comparison,
  name: string,
  section: SectionName,
  after?: string,
): AsyncGenerator<SectionPage> {
  for await (const objects of bucket.pages(sectionPrefix(bucket, name, SECTIONS[section]), after)) {
    const last = objects.at(-1)?.key;
    if (last !== undefined) yield { objects, last };
  }
}

async function* uploadSteps(
  comparison: Comparison,
  names: readonly string[],
  from: Cursor,
): AsyncGenerator<Step> {
  for (const name of names.filter((name) => name > (from.name ?? ''))) {
    yield { cursor: { section: 'uploads', name }, take: () => reindexUploads(comparison, name) };
  }
}
