/** When, why and by whom something was deleted: from its tombstone, and from the journal of the one run that it names. */
import type { Digest } from '../registry/digest.ts';
import { type JournalLine, readJournal } from '../store/journal-reader.ts';
import { TOMBSTONE_RETENTION } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { journalPrefixOf, readRun } from '../store/runs.ts';
import type { Table } from '../store/table.ts';
import type { Deletion, Verdict } from './explanation.ts';

export interface Archive {
  readonly table: Table;
  readonly objects: ObjectStore;
  readonly bucketName: string;
  /** Of all journals, ending in a slash. */
  readonly journalPrefix: string;
}

interface Tombstone {
  readonly digest: Digest;
  readonly runId?: string;
  /** Seconds since the epoch. */
  readonly expireAt?: number;
}

/**
 * Of what a tombstone stands for.
 *
 * @param isIt tells the line that is about it from others of the same digest.
 * @param otherwise what became of it where no run has deleted it.
 */
export async function whyGone(
  archive: Archive,
  tombstone: Tombstone,
  isIt: (line: JournalLine) => boolean,
  otherwise: string,
): Promise<Verdict & { readonly deletion: Deletion }> {
  const deletion = await deletionOf(archive, tombstone, isIt);
  const who = deletion.by === 'client' ? otherwise : `run ${deletion.runId} deleted it`;
  const reason = `${who}${deletion.reason === undefined ? '' : `: ${deletion.reason}`}`;
  return { verdict: 'deleted', reason, dueAt: null, deletion };
}

/** Of what a run has taken and not ended with. */
export const taken = (runId = 'unknown'): Verdict => ({
  verdict: 'deleting',
  reason: `run ${runId} has taken it; it or the next run finishes that or takes it back`,
  dueAt: null,
});

async function deletionOf(
  archive: Archive,
  { digest, runId, expireAt }: Tombstone,
  isIt: (line: JournalLine) => boolean,
): Promise<Deletion> {
  // A tombstone stands for so long after the deletion.
  const buried =
    expireAt === undefined ? null : new Date(expireAt * 1000 - TOMBSTONE_RETENTION).toISOString();
  if (runId === undefined) return { by: 'client', time: buried };
  const run = await readRun(archive.table, runId);
  const prefix = journalPrefixOf(runId, run?.journal, archive);
  let found: JournalLine | undefined;
  for await (const { lines } of readJournal(archive.objects, prefix, (text) => text.includes(digest))) {
    found = lines.findLast(isIt) ?? found;
  }
  return {
    ...{ by: 'run', runId, time: found?.time ?? buried },
    ...(found === undefined ? {} : { reason: found.reason, journal: `s3://${archive.bucketName}/${prefix}` }),
  };
}
