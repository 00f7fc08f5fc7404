/** The repositories of one part: links, tags, manifests, uploads, and whatever of them the table does not claim. */
import type { Comparison } from '../index/comparison.ts';
import { TagHistories } from '../index/listing.ts';
import {
  type HistoryOf,
  reindexUploads,
  SECTION_NAMES,
  SECTIONS,
  type SectionName,
  sectionPrefix,
} from '../index/reindex-listing.ts';
import type { Value } from '../store/table.ts';
import { fromInventory, listingOf } from './inventory.ts';
import { type Job, takeSteps, type Work } from './job.ts';
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

interface Step {
  readonly cursor: Value;
  readonly take: () => Promise<void>;
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

async function* stepsOf(job: Job, comparison: Comparison, names: readonly string[]): AsyncGenerator<Step> {
  const from = job.cursor as Cursor | undefined;
  const order = [...SECTION_NAMES, 'uploads'] as const;
  for (const section of order.slice(from === undefined ? 0 : order.indexOf(from.section))) {
    const within = section === from?.section ? from : { section };
    if (section === 'uploads') yield* uploadSteps(comparison, names, within);
    else if (section === 'links') yield* linkSteps(job, comparison, names, within);
    else yield* listingSteps(job, comparison, names, { ...within, section });
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
  yield* listingSteps(job, comparison, rest, {
    section: 'links',
    ...(name === undefined ? {} : { name }),
    ...(after === undefined ? {} : { after }),
  });
}

/** By listing the bucket. */
async function* listingSteps(
  job: Job,
  comparison: Comparison,
  names: readonly string[],
  from: Cursor & { readonly section: SectionName },
): AsyncGenerator<Step> {
  const { bucket } = comparison.context;
  const section = SECTIONS[from.section];
  for (const name of names.filter((name) => name >= (from.name ?? ''))) {
    const prefix = sectionPrefix(bucket, name, section);
    const historyOf = from.section === 'manifests' ? await historiesOf(comparison, name) : none;
    const after = name === from.name ? from.after : undefined;
    for await (const objects of bucket.pages(prefix, after)) {
      const last = objects.at(-1)?.key;
      if (last === undefined) continue;
      const cursor = { section: from.section, name, after: last };
      const take = async () => {
        await section.show(comparison, objects, historyOf);
        if (from.section === 'manifests') await showLate(comparison, job.rebuild, objects);
      };
      yield { cursor, take };
    }
  }
}

const none: HistoryOf = () => undefined;

/** What the tags of a repository tell of its manifests, listed once more: to keep it for all would take too much memory. */
async function historiesOf({ context: { bucket } }: Comparison, name: string): Promise<HistoryOf> {
  const histories = new TagHistories();
  for await (const objects of bucket.pages(sectionPrefix(bucket, name, SECTIONS.tags)))
    histories.addAll(bucket.layout, objects);
  return (_, digest) => histories.of(digest);
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
