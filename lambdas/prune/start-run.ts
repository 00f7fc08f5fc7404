/** The first third of a run: the lock, the gate, the brake, and what the run works with. */
import { writeHeartbeat } from '../index/heartbeat.ts';
import type { Stores } from '../store/hold.ts';
import { SHARDS } from '../store/items.ts';
import { BucketJournal, type Journal, noJournal } from '../store/journal.ts';
import { CLOSING_TIME, PruneLock, refuseToDelete } from '../store/lock.ts';
import { Metadata } from '../store/metadata.ts';
import { PreviewBucket } from '../store/preview-bucket.ts';
import { PreviewTable } from '../store/preview-table.ts';
import { RegistryBucket } from '../store/registry-bucket.ts';
import { sharedDeletions } from '../store/shared-deletions.ts';
import { type ActiveRun, radiusOf, recordProgress, recordStart } from './active-run.ts';
import { brake, type Radius } from './brake.ts';
import { gate, policyOf, type Verdict } from './gate.ts';
import type { Limit } from './limit.ts';
import { KnownObstacles } from './obstacles.ts';
import { type Refusal, Tally } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { Run } from './run.ts';
import { runSlice } from './run-slice.ts';
import type { PruneDependencies } from './settings.ts';

/** What makes a run something else than a prune. */
export interface RunOptions {
  /** Nothing goes beyond it. */
  readonly limit?: Limit;
  /** The run foresees and changes nothing; what would go, at once or after it has rested, is written there. */
  readonly rehearsal?: Journal;
  /** The deadline of another slice, for a start that takes longer than one. @default there is none */
  readonly moreTime?: () => number | undefined;
}

/**
 * Takes the lock and looks whether the run may delete at all.
 *
 * @param deadline milliseconds since the epoch at which this process is certainly over.
 * @throws PruneAlreadyRunningError
 */
export async function startRun(
  dependencies: PruneDependencies,
  asked: PruneRequest,
  deadline: number,
  { limit, rehearsal, moreTime }: RunOptions = {},
): Promise<ActiveRun> {
  const request = rehearsal === undefined ? asked : { ...asked, dryRun: true };
  const { now, newId, owner, settings } = dependencies;
  const runId = newId();
  const startedAt = now();
  let guard: () => void = refuseToDelete;
  const real = dependencies.objects(() => guard());
  // Before the lock, so that a bucket that is not there leaves no trace.
  const versioning = await real.versioning();
  const lock = request.dryRun
    ? undefined
    : await PruneLock.take(dependencies.table, now, { owner, runId, deadline });
  if (lock !== undefined) guard = lock.guard;
  const state: ActiveRun['state'] = {
    unfinished: new Set(SHARDS),
    halted: undefined,
    stopped: false,
    deadline,
    plan: undefined,
    recordedAt: startedAt,
  };
  const hasTime = () => now() < state.deadline - CLOSING_TIME;
  try {
    const table = request.dryRun ? new PreviewTable(dependencies.table) : dependencies.table;
    const objects = request.dryRun ? new PreviewBucket(real, { now: () => new Date(now()) }) : real;
    const metadata = new Metadata(table, newId);
    // A dry run's markers are in its preview alone.
    const markers = request.dryRun ? undefined : dependencies.markers;
    const bucket = new RegistryBucket(objects, dependencies.layout, markers);
    const tally = new Tally();
    const stores: Stores = { metadata, bucket, onRestored: (blob) => tally.restored.push(blob) };
    // For the next runs: seen by the indexer, it shows that changes arrive.
    if (!request.dryRun)
      await writeHeartbeat({ objects, prefix: settings.heartbeatPrefix, now: now(), id: runId });
    const { deadLetters } = dependencies;
    const gated = await gate({ stores, versioning, request, settings, now, deadLetters });
    // A plan was approved with its figures, and a dry run says at its end what it would be refused for.
    const isBraked = lock !== undefined && !gated.refused && limit === undefined && hasTime();
    const excesses = isBraked
      ? await hitBrake({
          ...{ dependencies, stores, request, mayDelete: gated.mayDelete, deadline: () => state.deadline },
          goOn: async () => {
            const next = moreTime?.();
            if (next === undefined) return false;
            await lock.extend(next);
            state.deadline = next;
            return true;
          },
        })
      : [];
    const verdict: Verdict =
      excesses.length === 0 ? gated : { ...gated, refused: true, mayDelete: false, refusals: excesses };
    for (const refusal of verdict.refusals) tally.refuse(refusal);
    const journal =
      lock === undefined
        ? (rehearsal ?? noJournal)
        : new BucketJournal({
            objects,
            bucket: dependencies.bucketName,
            prefix: settings.journalPrefix,
            runId,
            writer: newId(),
            now: () => new Date(now()),
          });
    const run: Run = {
      ...stores,
      runId,
      fence: lock?.fence ?? 0,
      request,
      policy: policyOf(request, settings, verdict, rehearsal !== undefined),
      limit,
      journal,
      tally,
      startedAt,
      reindexedAt: verdict.reindexedAt,
      now,
      sleep: dependencies.sleep,
      deleteObjects: sharedDeletions(objects),
      obstacles: new KnownObstacles(metadata, now),
      concurrency: dependencies.concurrency ?? 16,
      progress: async () => {
        dependencies.onProgress?.(tally, 'run');
        await recordProgress(active);
      },
      halt: (refusal) => {
        state.halted ??= refusal;
      },
      stop: () => {
        state.stopped = true;
      },
      isOver: () =>
        state.stopped || state.halted !== undefined || dependencies.signal?.aborted === true || !hasTime(),
    };
    const active: ActiveRun = { run, lock, dependencies, state };
    await recordStart(active);
    return active;
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

interface Brakeable {
  readonly dependencies: PruneDependencies;
  readonly stores: Stores;
  readonly request: PruneRequest;
  readonly mayDelete: boolean;
  /** Of the run that asks, milliseconds since the epoch. */
  readonly deadline: () => number;
  /** Another slice for the rehearsal, if there is one. */
  readonly goOn: () => Promise<boolean>;
}

/** Asks the brake, with a rehearsal of the run for where it has to know exactly. */
async function hitBrake(about: Brakeable): Promise<readonly Refusal[]> {
  const { dependencies, stores, request, mayDelete, deadline, goOn } = about;
  const rehearse = async (): Promise<Radius | undefined> => {
    const { onProgress } = dependencies;
    const told = onProgress && { onProgress: (tally: Tally) => onProgress(tally, 'rehearsal') };
    const active = await startRun({ ...dependencies, ...told }, { ...request, dryRun: true }, deadline());
    for (;;) {
      const done = await runSlice(active, SHARDS, deadline());
      // What ends a rehearsal before its time ends the run as well.
      const ends = active.state.halted !== undefined || dependencies.signal?.aborted === true;
      if (done || ends) return radiusOf(active);
      if (!(await goOn())) return undefined;
    }
  };
  const { brake: settings, grace, quarantine } = dependencies.settings;
  const waits = request.mode === 'online' && grace > 0 && quarantine > 0;
  return await brake({ stores, request, settings, now: dependencies.now(), mayDelete, waits }, rehearse);
}
