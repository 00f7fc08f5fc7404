/** The blob data of one part. */
import type { Comparison } from '../index/comparison.ts';
import { blobDirectories } from '../index/listing.ts';
import { showBlobs } from '../index/reindex-listing.ts';
import type { RegistryBucket } from '../store/registry-bucket.ts';
import { fromInventory, listingOf } from './inventory.ts';
import { type Job, type Step, takeSteps, type Work } from './job.ts';
import { type Part, partOfDirectory } from './parts.ts';
import { claimsOf } from './scan.ts';
import { compare } from './shown.ts';

interface Cursor {
  readonly file?: string;
  readonly until?: number;
  readonly after?: string;
}

export const reindexBlobs: Work = async (job) =>
  await compare(job, await job.files.prints(claimsOf(job.unit)), (comparison) =>
    takeSteps(stepsOf(job, comparison), job.isOver),
  );

/** The parts of which the bucket has a directory. */
export async function blobParts(bucket: RegistryBucket): Promise<Part[]> {
  const parts = new Set<Part>();
  for await (const directory of blobDirectories(bucket)) parts.add(partOf(directory));
  return [...parts].sort();
}

const partOf = (directory: string): Part => partOfDirectory(directory.split('/').at(-2) ?? '');

/** From the inventory, if it has any of the part; else by listing. */
async function* stepsOf(job: Job, comparison: Comparison): AsyncGenerator<Step> {
  const { bucket } = comparison.context;
  const { file, until, after } = (job.cursor ?? {}) as Cursor;
  let isCovered = file !== undefined;
  const passed = file === undefined || until === undefined ? undefined : { file, until };
  for await (const page of fromInventory(job.files, listingOf(job.unit), passed)) {
    isCovered = true;
    const cursor = { file: page.file, until: page.until };
    yield { cursor, take: () => showBlobs(comparison, page.objects) };
  }
  if (isCovered) return;
  for await (const directory of blobDirectories(bucket)) {
    const behind = `${directory}\u{10ffff}`;
    if (partOf(directory) !== job.unit || (after !== undefined && after > behind)) continue;
    for await (const objects of bucket.pages(directory, after?.startsWith(directory) ? after : undefined)) {
      const last = objects.at(-1)?.key;
      if (last === undefined) continue;
      yield { cursor: { after: last }, take: () => showBlobs(comparison, objects) };
    }
  }
}
