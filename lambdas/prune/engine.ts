/**
 * A run is three functions: `startRun` takes the lock and asks the gate (the request is validated before); `runSlice` works until
 * done or out of time; `finishRun` reports, publishes and releases. One Lambda calls them in a row.
 */
import { announce } from '../index/blob-events.ts';
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
import {
  type ActiveRun,
  makeReport,
  recordEnd,
  recordProgress,
  recordStart,
  recoverableUntil,
} from './active-run.ts';
import { brake, excess, type Radius } from './brake.ts';
import { pruneEvent } from './event.ts';
import { gate, policyOf, type Verdict } from './gate.ts';
import type { Limit } from './limit.ts';
import { KnownObstacles } from './obstacles.ts';
import { type Refusal, type Report, Tally } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { Run } from './run.ts';
import type { PruneDependencies } from './settings.ts';
import { workOff } from './slice.ts';

export type { PruneDependencies, PruneSettings } from './settings.ts';

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
        dependencies.onProgress?.(tally);
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
    const active = await startRun(dependencies, { ...request, dryRun: true }, deadline());
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

const radiusOf = ({ run: { tally } }: ActiveRun): Radius => ({
  manifests: tally.deletedIn,
  bytes: tally.spaceReclaimed,
});

/**
 * Works on some shards until they are worked off or the deadline is near.
 *
 * @param deadline of this slice; a later one than before takes the lock's lease forward.
 * @returns whether the shards were worked off.
 */
export async function runSlice(
  active: ActiveRun,
  shards: readonly string[],
  deadline: number,
): Promise<boolean> {
  const { state, lock } = active;
  if (deadline > state.deadline) {
    await lock?.extend(deadline);
    state.deadline = deadline;
  }
  const done = await workOff(active.run, shards);
  for (const shard of shards) if (done) state.unfinished.delete(shard);
  return done;
}

/** Reports, publishes the event, and gives the lock back. */
export async function finishRun(active: ActiveRun, failure?: unknown): Promise<Report> {
  const { run, lock, dependencies, state } = active;
  if (state.halted !== undefined) run.tally.lead(state.halted);
  state.plan = await run.limit?.progress(run);
  if (failure !== undefined) {
    run.tally.incomplete++;
    run.tally.refuse({
      code: 'failed',
      message: failure instanceof Error ? failure.message : String(failure),
    });
  }
  try {
    if (lock === undefined) {
      if (run.limit === undefined) await foretellRefusal(active);
      return makeReport(active);
    }
    const { bus, bucketName, now } = dependencies;
    await orPartial(run, () => announce({ metadata: run.metadata, bus, bucketName, now }, run.tally));
    await orPartial(run, () =>
      bus.publish(pruneEvent(makeReport(active), bucketName, new Date(now()), recoverableUntil(active))),
    );
    const report = makeReport(active);
    await recordEnd(active, report);
    return report;
  } finally {
    await lock?.release();
  }
}

/** A dry run that is over tells what the run itself would be refused for. */
async function foretellRefusal(active: ActiveRun): Promise<void> {
  const { run, dependencies } = active;
  if (run.policy.resolveOnly || run.policy.foresees) return;
  const excesses = await excess(run, radiusOf(active), dependencies.settings.brake, run.request);
  for (const refusal of excesses) run.tally.refuse(refusal);
}

/** A run is not reported as completed without its events. */
async function orPartial(run: Run, publish: () => Promise<void>): Promise<void> {
  try {
    await publish();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    run.tally.refuse({ code: 'event-not-published', message });
    run.tally.incomplete++;
  }
}

/**
 * One whole run: starts, works on every shard until done or out of time, and always finishes.
 *
 * @param deadlines the deadline of each slice in turn, milliseconds since the epoch; the run is partial when they
 *   are used up.
 * @throws PruneAlreadyRunningError, and what S3 and DynamoDB throw after the run has been finished as partial.
 */
export async function prune(
  dependencies: PruneDependencies,
  request: PruneRequest,
  deadlines: Iterable<number>,
  options: RunOptions = {},
): Promise<Report> {
  const iterator = deadlines[Symbol.iterator]();
  const next = (): number | undefined => {
    const { done, value } = iterator.next();
    return done ? undefined : value;
  };
  const first = next();
  if (first === undefined) throw new RangeError('a run needs at least one deadline');
  const active = await startRun(dependencies, request, first, { ...options, moreTime: next });
  try {
    let deadline: number | undefined = active.state.deadline;
    while (deadline !== undefined) {
      const done = await runSlice(active, SHARDS, deadline);
      if (done || active.state.halted || dependencies.signal?.aborted) break;
      deadline = next();
    }
  } catch (error) {
    await finishRun(active, error);
    throw error;
  }
  return await finishRun(active);
}
