/**
 * A run is three functions: `startRun` takes the lock and asks the gate (the request is validated before); `runSlice` works until
 * done or out of time; `finishRun` reports, publishes and releases. One Lambda calls them in a row.
 */
import { announce } from '../index/blob-events.ts';
import { SHARDS } from '../store/items.ts';
import { LATEST_ARRIVAL } from '../store/lock.ts';
import { UnansweredError } from '../store/object-store.ts';
import { type ActiveRun, makeReport, radiusOf, recordEnd, recoverableUntil } from './active-run.ts';
import { foretell } from './brake.ts';
import { pruneEvent } from './event.ts';
import type { Refusal, Report } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { Run } from './run.ts';
import { runSlice } from './run-slice.ts';
import type { PruneDependencies } from './settings.ts';
import { type RunOptions, startRun } from './start-run.ts';

export { runSlice } from './run-slice.ts';
export type { PruneDependencies, PruneSettings } from './settings.ts';
export { type RunOptions, startRun } from './start-run.ts';

/** Of the closing time, for report, event and release (milliseconds). */
const TELLING_TIME = 10_000;

/** Reports, publishes the event, and gives the lock back. */
export async function finishRun(active: ActiveRun, failure?: unknown): Promise<Report> {
  const { run, lock, dependencies, state } = active;
  if (state.halted !== undefined) run.tally.lead(state.halted);
  // What may yet be carried out nobody may touch before.
  if (failure instanceof UnansweredError) state.rest = LATEST_ARRIVAL;
  if (failure !== undefined) {
    run.tally.incomplete++;
    run.tally.refuse({
      code: 'failed',
      message: failure instanceof Error ? failure.message : String(failure),
    });
  }
  try {
    await tellOfPlan(active);
    if (lock === undefined) {
      if (run.limit === undefined) await foretellRefusal(active);
      return makeReport(active);
    }
    const { bus, bucketName, now } = dependencies;
    const tell = () => announce({ metadata: run.metadata, bus, bucketName, now }, run.tally);
    await orPartial(run, tell, unpublished);
    const publish = () =>
      bus.publish(pruneEvent(makeReport(active), bucketName, new Date(now()), recoverableUntil(active)));
    await orPartial(run, publish, unpublished);
    const report = makeReport(active);
    await recordEnd(active, report);
    return report;
  } finally {
    await lock?.release(state.rest === undefined ? undefined : run.now() + state.rest);
  }
}

/** What has become of the plan is worth less than the run's end: where it cannot be told, the run ends all the same. */
async function tellOfPlan({ run, state, dependencies }: ActiveRun): Promise<void> {
  // Whoever has interrupted the run does not wait for long.
  const until = dependencies.signal?.aborted ? run.now() + TELLING_TIME : state.deadline - TELLING_TIME;
  const tell = async () => {
    state.plan = await run.limit?.progress(run, until);
  };
  await orPartial(run, tell, (message) => ({
    code: 'failed',
    message: `what has become of the plan cannot be told: ${message}`,
  }));
}

/** A dry run that is over tells what the run itself would be refused for. */
async function foretellRefusal(active: ActiveRun): Promise<void> {
  const { run, dependencies } = active;
  if (run.policy.resolveOnly || run.policy.foresees) return;
  const excesses = await foretell(run, radiusOf(active), dependencies.settings.brake, run.request);
  for (const refusal of excesses) run.tally.refuse(refusal);
}

/** Not told to whoever follows by rules: such a run is not reported as completed. */
const unpublished = (message: string): Refusal => ({ code: 'event-not-published', message });

/** What comes after the run's work may fail without the run: it is partial then, and says why. */
async function orPartial(
  run: Run,
  work: () => Promise<void>,
  refusalFor: (message: string) => Refusal,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    run.tally.refuse(refusalFor(error instanceof Error ? error.message : String(error)));
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
