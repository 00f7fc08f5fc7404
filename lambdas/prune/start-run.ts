/** The first third of a run: the lock, the gate, the brake, and what the run works with. */
import { writeHeartbeat } from '../index/heartbeat.ts';
import type { Stores } from '../store/hold.ts';
import { SHARDS } from '../store/items.ts';
import type { Journal } from '../store/journal.ts';
import { PruneLock, refuseToDelete } from '../store/lock.ts';
import {
  type ActiveRun,
  type Begun,
  radiusOf,
  recordLife,
  recordProgress,
  recordStart,
} from './active-run.ts';
import { hasTime, newState, runOf, storesOf } from './assemble.ts';
import { brake, type Radius } from './brake.ts';
import { gate, type Verdict } from './gate.ts';
import type { Limit } from './limit.ts';
import { restsFirst } from './preview.ts';
import type { Refusal } from './report.ts';
import type { PruneRequest } from './request.ts';
import { runSlice } from './run-slice.ts';
import type { PruneDependencies } from './settings.ts';
import type { Tally } from './tally.ts';

/** What makes a run something else than a prune. */
export interface RunOptions {
  /** Nothing goes beyond it. */
  readonly limit?: Limit;
  /** The run foresees and changes nothing; what would go, at once or after it has rested, is written there. */
  readonly rehearsal?: Journal;
  /** Nothing is to be done, so that the bucket is not looked through for pushes that an offline run would have to refuse for. */
  readonly asks?: boolean;
  /** The deadline of another slice, for a start that takes longer than one. @default there is none */
  readonly moreTime?: () => number | undefined;
  /** Called now and then while the run is at work. */
  readonly onTick?: () => Promise<void>;
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
  options: RunOptions = {},
): Promise<ActiveRun> {
  const request = options.rehearsal === undefined ? asked : { ...asked, dryRun: true };
  const { now, newId, owner } = dependencies;
  const runId = newId();
  let guard: () => void = refuseToDelete;
  const real = dependencies.objects(() => guard());
  // Before the lock, so that a bucket that is not there leaves no trace.
  const versioning = await real.versioning();
  const lock = request.dryRun
    ? undefined
    : await PruneLock.take(dependencies.table, now, { owner, runId, deadline });
  if (lock !== undefined) guard = lock.guard;
  const state = newState(now(), deadline);
  const begun: Begun = { dependencies, request, options, lock, state, runId, versioning };
  try {
    const { stores, tally, relinked } = storesOf(begun, real);
    await recordStart(begun);
    const verdict = await verdictOf(begun, stores);
    for (const refusal of verdict.refusals) tally.refuse(refusal);
    const progress = async () => {
      dependencies.onProgress?.(tally, 'run');
      await options.onTick?.();
      await recordProgress(active);
    };
    const run = runOf(begun, { stores, tally, relinked, verdict, progress });
    const active: ActiveRun = { ...begun, run };
    return active;
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** Asks the gate and then the brake. */
async function verdictOf(begun: Begun, stores: Stores): Promise<Verdict> {
  const { dependencies, request, options, runId, versioning, lock } = begun;
  const { settings, now, deadLetters } = dependencies;
  const { objects } = stores.bucket;
  // For the next runs: seen by the indexer, it shows that changes arrive.
  if (!request.dryRun)
    await writeHeartbeat({ objects, prefix: settings.heartbeatPrefix, now: now(), id: runId });
  const asks = options.asks === true;
  const gated = await gate({ stores, versioning, request, settings, now, deadLetters, asks });
  // A plan was approved with its figures, and a dry run says at its end what it would be refused for.
  if (lock === undefined || gated.refused || options.limit !== undefined) return gated;
  const excesses = await hitBrake(begun, lock, stores, gated.mayDelete);
  return excesses.length === 0 ? gated : { ...gated, refused: true, mayDelete: false, refusals: excesses };
}

/** Asks the brake, with a rehearsal of the run for where it has to know exactly. */
async function hitBrake(
  begun: Begun,
  lock: PruneLock,
  stores: Stores,
  mayDelete: boolean,
): Promise<readonly Refusal[]> {
  const { dependencies, request, options, state } = begun;
  const goOn = async (): Promise<boolean> => {
    const next = options.moreTime?.();
    if (next === undefined) return false;
    await lock.extend(next);
    state.deadline = next;
    return true;
  };
  // What is left of the slice may be nothing; the next one is not to begin unbraked.
  while (!hasTime(dependencies, state)) if (!(await goOn())) return [];
  const rehearse = async (): Promise<Radius | undefined> => {
    const { onProgress } = dependencies;
    const told = onProgress && { onProgress: (tally: Tally) => onProgress(tally, 'rehearsal') };
    const dry = { ...request, dryRun: true };
    const active = await startRun({ ...dependencies, ...told }, dry, state.deadline, {
      onTick: async () => {
        await recordLife(begun);
      },
    });
    for (;;) {
      const done = await runSlice(active, SHARDS, state.deadline);
      // What ends a rehearsal before its time ends the run as well.
      const ends = active.state.halted !== undefined || dependencies.signal?.aborted === true;
      if (done || ends) return radiusOf(active);
      if (!(await goOn())) return undefined;
    }
  };
  const { settings } = dependencies;
  const waits = restsFirst(request, settings);
  return await brake(
    { stores, request, settings: settings.brake, now: state.startedAt, mayDelete, waits },
    rehearse,
  );
}
