/** Undoes a run: what its journal tells of comes back, except where a newer tag now stands (protocol section 6). */
import pMap from 'p-map';
import type { RegistryLayout } from '../registry/layout.ts';
import { type JournalLine, journalLines, type LineOf } from '../store/journal-reader.ts';
import { PruneLock } from '../store/lock.ts';
import type { MarkerRemover } from '../store/markers.ts';
import { Metadata } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { PreviewBucket } from '../store/preview-bucket.ts';
import { PreviewTable } from '../store/preview-table.ts';
import { RegistryBucket } from '../store/registry-bucket.ts';
import { type RunItem, requireRun, runKey } from '../store/runs.ts';
import type { Table } from '../store/table.ts';
import {
  bringBackBlob,
  bringBackHistory,
  bringBackLink,
  bringBackManifest,
  bringBackTag,
  type Restoration,
} from './bring-back.ts';
import { type RestoreReport, RestoreTally } from './report.ts';

export interface RestoreDependencies {
  readonly table: Table;
  /** @param guard is called right before each destructive request is signed. */
  readonly objects: (guard: () => void) => ObjectStore;
  /** @default the restore removes delete markers itself */
  readonly markers?: MarkerRemover;
  readonly layout: RegistryLayout;
  readonly settings: {
    /** Milliseconds. */
    readonly grace: number;
    readonly journalPrefix: string;
  };
  /** Who restores, as the lock and its refusals show. */
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /** Called now and then with the lines of the journal looked at so far. */
  readonly onProgress?: (lines: number) => void;
}

/** The run cannot be undone any more, or never could. Nothing was done. */
export class RestoreRefusedError extends Error {
  override readonly name = 'RestoreRefusedError';
}

const CONCURRENCY = 8;
/** Nothing new is begun this long before the process's deadline (milliseconds). */
const CLOSING_TIME = 20_000;

/** Blobs before the manifests that need them, manifests before their tags, so that what can be seen is whole. */
const PASSES: readonly ((restoration: Restoration, line: JournalLine) => Promise<void>)[] = [
  of('delete-blob', bringBackBlob),
  of('delete-manifest', bringBackManifest),
  of('unlink', bringBackLink),
  of('untag', bringBackTag),
  of('delete-manifest', bringBackHistory),
];

/**
 * Undoes a run, under the prune lock. Doing it twice changes nothing; one that was cut short is finished by the next.
 *
 * @param deadlines milliseconds since the epoch at which the process is certainly over, one for each slice of time.
 * @throws UnknownRunError, RestoreRefusedError, PruneAlreadyRunningError.
 */
export async function restoreRun(
  dependencies: RestoreDependencies,
  request: { readonly runId: string; readonly dryRun: boolean },
  deadlines: Iterable<number>,
): Promise<RestoreReport> {
  const { now, table, owner, newId } = dependencies;
  const { runId, dryRun } = request;
  const startedAt = now();
  refuseUnlessRecoverable(await requireRun(table, runId), startedAt);
  const slices = deadlines[Symbol.iterator]();
  const deadline: number = slices.next().value;
  const lock = dryRun ? undefined : await PruneLock.take(table, now, { owner, runId: newId(), deadline });
  try {
    const tally = new RestoreTally();
    const restoration = makeRestoration(dependencies, { runId, dryRun, tally, guard: lock?.guard });
    const isOver = async (): Promise<boolean> => {
      if (dependencies.signal?.aborted) return true;
      if (lock === undefined || now() < lock.deadline - CLOSING_TIME) return false;
      const next = slices.next();
      if (next.done) return true;
      await lock.extend(next.value);
      return false;
    };
    if (!(await passes(dependencies, restoration, isOver))) {
      tally.fail(`run ${runId}`, 'the time was up or it was interrupted: restore it again to go on');
    }
    if (lock !== undefined && tally.changed) await markRestored(table, runId, now());
    return tally.report({ runId, dryRun, startedAt, now: now() });
  } finally {
    await lock?.release();
  }
}

/** @returns whether all was gone through. */
async function passes(
  { settings, concurrency = CONCURRENCY, onProgress }: RestoreDependencies,
  restoration: Restoration,
  isOver: () => Promise<boolean>,
): Promise<boolean> {
  const { context, runId, tally } = restoration;
  const { objects } = context.bucket;
  let lines = 0;
  for (const [at, bringBack] of PASSES.entries()) {
    let over = false;
    const visit = async (
      line: JournalLine | { readonly action: 'unreadable'; where: string; detail: string },
    ) => {
      if (over) return;
      over = await isOver();
      if (over) return;
      onProgress?.(++lines);
      if (line.action === 'unreadable') {
        if (at === 0) tally.fail(line.where, `the line cannot be read: ${line.detail}`);
        return;
      }
      if (line.action === 'delete-upload' || line.action === 'abort-multipart') {
        tally.uploads.add(line.upload);
        return;
      }
      await bringBack(restoration, line);
    };
    await pMap(journalLines(objects, settings.journalPrefix, runId), visit, { concurrency });
    if (over) return false;
  }
  return true;
}

function of<A extends JournalLine['action']>(
  action: A,
  bringBack: (restoration: Restoration, line: LineOf<A>) => Promise<void>,
): (restoration: Restoration, line: JournalLine) => Promise<void> {
  const isMine = (line: JournalLine): line is LineOf<A> => line.action === action;
  return async (restoration, line) => {
    if (isMine(line)) await bringBack(restoration, line);
  };
}

function makeRestoration(
  dependencies: RestoreDependencies,
  about: {
    readonly runId: string;
    readonly dryRun: boolean;
    readonly tally: RestoreTally;
    readonly guard: (() => void) | undefined;
  },
): Restoration {
  const { layout, settings, now, newId } = dependencies;
  const { runId, dryRun, tally, guard } = about;
  const real = dependencies.objects(guard ?? (() => {}));
  // A dry run is the same over copies that are thrown away, and no step knows of it.
  const objects = dryRun ? new PreviewBucket(real, { now: () => new Date(now()) }) : real;
  const table = dryRun ? new PreviewTable(dependencies.table) : dependencies.table;
  const markers = dryRun ? undefined : dependencies.markers;
  return {
    runId,
    tally,
    context: {
      metadata: new Metadata(table, newId),
      bucket: new RegistryBucket(objects, layout, markers),
      ...{ now, grace: settings.grace },
      onRestored: ({ digest, size = 0 }) => {
        tally.restored('blobs', digest);
        tally.visible(digest, size);
      },
    },
  };
}

function refuseUnlessRecoverable({ runId, recoverable, recoverableUntil }: RunItem, now: number): void {
  if (recoverable !== true) {
    throw new RestoreRefusedError(
      `run ${runId} cannot be undone: the bucket was not versioned when it ran, so nothing of what it deleted is left`,
    );
  }
  if (recoverableUntil !== undefined && Date.parse(recoverableUntil) >= now) return;
  throw new RestoreRefusedError(
    `run ${runId} cannot be undone any more: what it deleted was kept until ${recoverableUntil} (UNDO_WINDOW)`,
  );
}

async function markRestored(table: Table, runId: string, at: number): Promise<void> {
  const change = { set: { restoredAt: new Date(at).toISOString() }, add: { version: 1 } };
  await table.update(runKey(runId), change, { exists: true });
}
