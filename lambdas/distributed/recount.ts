/**
 * Counts what a worker has deleted that died before it could tell: what its journal announces and the table confirms. A
 * tombstone has the worker that buried it, so that nothing counts that another one has finished.
 */

import { Tally } from '../prune/tally.ts';
import { isDigest } from '../registry/digest.ts';
import type { Stores } from '../store/hold.ts';
import { isInForce, manifestId } from '../store/items.ts';
import { type JournalLine, readJournal } from '../store/journal-reader.ts';
import { KeySet } from '../store/key-set.ts';
import type { Counts, Worker } from '../store/run-parts.ts';
import { sideBySide } from '../store/side-by-side.ts';

/** Lines looked up at the same time. */
const AT_ONCE = 16;

export interface Of {
  /** Prefix of the run's journal. */
  readonly journal: string;
  readonly runId: string;
}

/**
 * @param dead all workers that have not told: what one has deleted, another that died as well may have buried.
 * @param told others, of which a deletion may have been buried by one of these.
 * @returns what each has done; what leaves no trace (examined, condemned, uploads) as it told last, at most
 *   `RECORD_EVERY` before its death.
 */
export async function recount(
  stores: Stores,
  of: Of,
  dead: readonly Pick<Worker, 'slice' | 'counts'>[],
  told: readonly Pick<Worker, 'slice'>[],
): Promise<Tally[]> {
  const taker = { ...of, slices: new Set(dead.map(({ slice }) => slice)), counted: new KeySet() };
  const tallies: Tally[] = [];
  // Of those, what leaves no trace is in their totals.
  for (const worker of [...dead, ...told.map(({ slice }) => ({ slice }))])
    tallies.push(await recountOne(stores, taker, worker));
  return tallies;
}

async function recountOne(
  stores: Stores,
  taker: Taker,
  worker: Pick<Worker, 'slice' | 'counts'>,
): Promise<Tally> {
  const tally = new Tally();
  const count = (line: JournalLine) => countLine(stores, tally, taker, line);
  const prefix = `${taker.journal}${worker.slice}-`;
  for await (const { lines, problems } of readJournal(stores.bucket.objects, prefix)) {
    await sideBySide(lines, count, AT_ONCE);
    for (const { key, reason } of problems) {
      tally.incomplete++;
      tally.refuse({ code: 'failed', message: `${key} cannot be read: ${reason}` });
    }
  }
  if (worker.counts !== undefined) addTold(tally, worker.counts);
  return tally;
}

interface Taker extends Of {
  readonly slices: ReadonlySet<string>;
  /** What has been counted, each thing once. */
  readonly counted: KeySet;
}

async function countLine(
  { metadata }: Stores,
  tally: Tally,
  { runId, slices, counted }: Taker,
  line: JournalLine,
): Promise<void> {
  const isTheirs = (item: { readonly slice?: string }): boolean =>
    item.slice !== undefined && slices.has(item.slice);
  switch (line.action) {
    case 'delete-manifest': {
      const item = await metadata.manifest(line.repository, line.digest);
      if (item?.state !== 'deleted' || item.runId !== runId || !isTheirs(item)) return;
      if (!counted.add(`manifest ${line.repository}@${line.digest}`)) return;
      tally.examineManifest(manifestId(line.repository, line.digest));
      tally.deleteManifest(line.repository);
      tally.image({ deleted: line.digest });
      return;
    }
    case 'untag': {
      const item = await metadata.manifest(line.repository, line.digest);
      if (item?.state !== 'deleted' || item.runId !== runId) return;
      tally.image({ untagged: `${line.repository}:${line.tag}` });
      return;
    }
    case 'unlink': {
      const edge = await metadata.link(line.digest, line.repository);
      if (edge === undefined || isInForce(edge) || !isTheirs(edge)) return;
      if (!counted.add(`link ${line.repository}@${line.digest}`)) return;
      tally.links.deleted++;
      return;
    }
    case 'delete-blob': {
      const item = isDigest(line.digest) ? await metadata.blobItem(line.digest) : undefined;
      if (item?.state !== 'deleted' || item.runId !== runId || !isTheirs(item)) return;
      if (!counted.add(line.digest)) return;
      tally.examineBlob(line.digest);
      tally.blobs.deleted++;
      tally.spaceReclaimed += item.size ?? 0;
      tally.image({ deleted: line.digest });
      return;
    }
    default:
  }
}

function addTold(tally: Tally, { manifests, blobs, uploads }: Counts): void {
  const of = (counts: Readonly<Record<string, number>>, name: string): number => counts[name] ?? 0;
  tally.manifests.examined = Math.max(tally.manifests.examined, of(manifests, 'examined'));
  tally.manifests.skipped = of(manifests, 'skipped');
  tally.blobs.examined = Math.max(tally.blobs.examined, of(blobs, 'examined'));
  for (const name of ['condemned', 'condemnedBytes', 'rescued', 'failed'] as const) {
    tally.blobs[name] = of(blobs, name);
  }
  tally.uploads.deleted = of(uploads, 'deleted');
  tally.uploads.bytes = of(uploads, 'bytes');
}
