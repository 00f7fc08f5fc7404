/**
 * Undoes a prune run from its journal (protocol section 6). A line says what the run was about to do, so everything is
 * decided by what table and bucket hold now; each step acts where either is not as it was, so that doing it again, after
 * a crash or for no reason, comes to the same.
 */

import type { RegistryLayout } from '../registry/layout.ts';
import { readLock, refuseToDelete } from '../store/lock.ts';
import type { MarkerRemover } from '../store/markers.ts';
import { Metadata } from '../store/metadata.ts';
import { DeadlineError, type ObjectStore } from '../store/object-store.ts';
import { PreviewBucket } from '../store/preview-bucket.ts';
import { PreviewTable } from '../store/preview-table.ts';
import { RegistryBucket } from '../store/registry-bucket.ts';
import { journalPrefixOf, type RunItem, readRun, runKey } from '../store/runs.ts';
import type { Table } from '../store/table.ts';
import { RestoreRefusedError, UnknownRunError } from './errors.ts';
import { Lease } from './lease.ts';
import { bringBack } from './passes.ts';
import { type RestoreReport, RestoreTally } from './report.ts';
import type { Restoring } from './restoring.ts';

/** What an undo works with; what a prune works with will do. */
export interface RestoreDependencies {
  readonly table: Table;
  /** @param guard is called right before each destructive request is signed. */
  readonly objects: (guard: () => void) => ObjectStore;
  /** @default the process removes delete markers itself */
  readonly markers?: MarkerRemover;
  readonly layout: RegistryLayout;
  readonly bucketName: string;
  readonly settings: {
    /** Milliseconds. */
    readonly grace: number;
    /** In the bucket, ending in a slash. */
    readonly journalPrefix: string;
  };
  /** Who restores, as the lock and its refusals show it. */
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /** Called now and then with the counts so far. */
  readonly onProgress?: (tally: RestoreTally) => void;
}

export interface RestoreOptions {
  /** Reports what the same undo would do now, and writes nothing anywhere, not even the lock. @default false */
  readonly dryRun?: boolean;
  /** Of each slice in turn, milliseconds since the epoch; the undo is partial when they are used up. */
  readonly deadlines: Iterable<number>;
}

/**
 * Brings back what a run has deleted: blobs, manifests, tags and links, except where a newer tag stands.
 *
 * @throws UnknownRunError, RestoreRefusedError, PruneAlreadyRunningError; and what the table and the journal's bucket throw.
 * @example await restoreRun(dependencies, '01KAV3M2Q8Z5N6W4R7T9Y1B3CD', { deadlines: [Date.now() + 900_000] });
 */
export async function restoreRun(
  dependencies: RestoreDependencies,
  runId: string,
  { dryRun = false, deadlines }: RestoreOptions,
): Promise<RestoreReport> {
  const { table, now, newId, owner } = dependencies;
  const run = await readRun(table, runId);
  if (run === undefined) throw new UnknownRunError(runId);
  await refuse(dependencies, run);
  if (dryRun) {
    const objects = new PreviewBucket(dependencies.objects(refuseToDelete), { now: () => new Date(now()) });
    const bucket = new RegistryBucket(objects, dependencies.layout);
    const goesOn = async () => dependencies.signal?.aborted !== true;
    return await undo(dependencies, run, { table: new PreviewTable(table), bucket, goesOn, dryRun });
  }
  const request = { owner: `${owner}, restoring run ${runId}`, runId: newId() };
  const lease = await Lease.take({ table, now, request, deadlines });
  try {
    const bucket = new RegistryBucket(
      lease.fenced(dependencies.objects(lease.guard)),
      dependencies.layout,
      dependencies.markers,
    );
    const goesOn = async () => dependencies.signal?.aborted !== true && (await lease.goesOn());
    return await undo(dependencies, run, { table, bucket, goesOn, dryRun });
  } finally {
    await lease.release();
  }
}

/** @throws RestoreRefusedError with why, the value, and what is allowed. */
async function refuse({ table, now }: RestoreDependencies, run: RunItem): Promise<void> {
  const { runId, status, recoverable, recoverableUntil } = run;
  if (status === 'running') {
    // One that did not live to say how it ended is not running any more: its lock tells.
    const lock = await readLock(table);
    if (lock?.runId === runId && lock.expiresAt > now()) {
      throw new RestoreRefusedError(
        `run ${runId} is still running, until ${new Date(lock.expiresAt).toISOString()} at the latest: ` +
          'only a run that has ended can be undone',
      );
    }
  }
  if (recoverable !== true || recoverableUntil === undefined) {
    throw new RestoreRefusedError(
      `run ${runId} cannot be undone: the bucket was not versioned when it ran, so what it deleted is gone; ` +
        'only runs on a bucket with versioning enabled can be',
    );
  }
  if (now() > Date.parse(recoverableUntil)) {
    throw new RestoreRefusedError(
      `run ${runId} cannot be undone any more: it could be until ${recoverableUntil}, and it is ` +
        `${new Date(now()).toISOString()}; the bucket's lifecycle rule may have removed what it deleted (UNDO_WINDOW)`,
    );
  }
}

interface Place {
  readonly table: Table;
  readonly bucket: RegistryBucket;
  readonly goesOn: () => Promise<boolean>;
  readonly dryRun: boolean;
}

async function undo(
  dependencies: RestoreDependencies,
  run: RunItem,
  { table, bucket, goesOn, dryRun }: Place,
): Promise<RestoreReport> {
  const { now, newId, settings, bucketName, concurrency = 16 } = dependencies;
  const journalPrefix = journalPrefixOf(run.runId, run.journal, { bucketName, ...settings });
  const startedAt = now();
  const tally = new RestoreTally();
  const restoring: Restoring = {
    ...{ metadata: new Metadata(table, newId), bucket, now, grace: settings.grace },
    ...{ runId: run.runId, journalPrefix, tally, concurrency, goesOn },
    progress: () => dependencies.onProgress?.(tally),
  };
  try {
    await bringBack(restoring, run.journal);
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    tally.unfinished ??= error.message;
  }
  if (tally.unfinished !== undefined) {
    const reason = `${tally.unfinished}: the same command goes on where this one ended`;
    tally.skip({ code: 'unfinished', what: `run ${run.runId}`, reason });
  }
  if (tally.changed) {
    const set = { restoredAt: new Date(now()).toISOString() };
    await table.update(runKey(run.runId), { set, add: { version: 1 } }, { exists: true });
  }
  return tally.report({
    ...{ runId: run.runId, dryRun },
    startedAt: new Date(startedAt).toISOString(),
    durationMs: now() - startedAt,
  });
}
