/** Ends a distributed run, whatever has become of it: one report, one event, and the lock given back. */
import { type ActiveRun, type Begun, tellLockLost } from '../prune/active-run.ts';
import { newState, runOf, storesOf } from '../prune/assemble.ts';
import { finishRun } from '../prune/engine.ts';
import type { Refusal, Report } from '../prune/report.ts';
import type { PruneDependencies } from '../prune/settings.ts';
import type { Tally } from '../prune/tally.ts';
import type { Stores } from '../store/hold.ts';
import { noJournal } from '../store/journal.ts';
import { freeEnded, heldLock, LATEST_ARRIVAL, PruneLock } from '../store/lock.ts';
import {
  type Course,
  changePart,
  courseKey,
  readCourse,
  readWorkers,
  type Worker,
} from '../store/run-parts.ts';
import { readRun } from '../store/runs.ts';
import { died, nextStep, settledAt } from './next-step.ts';
import { recount } from './recount.ts';
import { requestOf } from './request.ts';
import { shareOf } from './shared.ts';
import { START } from './start.ts';
import { getTotals, journalOf } from './totals.ts';

export interface Ending {
  /** Absent where the start did not live to say. */
  readonly runId?: string | undefined;
  /** Of the state machine: why it came here otherwise than by a decision. */
  readonly failure?: string | undefined;
}

/**
 * @param dependencies with the execution as owner, by which a run is found that could not say its id.
 * @param deadline milliseconds since the epoch at which this process is certainly over.
 * @returns undefined where no run had begun, or where it was reported before.
 */
export async function finishDistributed(
  dependencies: PruneDependencies,
  { runId, failure }: Ending,
  deadline: number,
): Promise<Report | undefined> {
  const { table } = dependencies;
  const id = runId ?? (await runOfOwner(dependencies));
  const course = id === undefined ? undefined : await readCourse(table, id);
  // Whatever an execution was given, it ends no other one's run.
  const isOver = course?.owner !== dependencies.owner || (await isReported(dependencies, course));
  if (course === undefined || isOver) {
    if (id !== undefined) await letGo(dependencies, id, course, deadline);
    return undefined;
  }
  const workers = await readWorkers(table, course.runId);
  const active = await assemble(dependencies, course, workers, deadline);
  const report = await finishRun(active, failure === undefined ? undefined : new Error(failure));
  await changePart(table, courseKey(course.runId), { finishedAt: dependencies.now() });
  await freeIfOver(dependencies, course);
  return report;
}

/** By its course, or by its item, which has its end before the lock is given back. */
async function isReported({ table }: PruneDependencies, { runId, finishedAt }: Course): Promise<boolean> {
  return finishedAt !== undefined || (await readRun(table, runId))?.status !== 'running';
}

/** The run whose lock the execution holds. */
async function runOfOwner({ table, now, owner }: PruneDependencies): Promise<string | undefined> {
  const lock = await heldLock(table, now());
  return lock?.owner === owner ? lock.runId : undefined;
}

/** No worker was ever sent out, or the run was reported and its end cut short. */
async function letGo(
  dependencies: PruneDependencies,
  runId: string,
  course: Course | undefined,
  deadline: number,
): Promise<void> {
  const { table, now, owner } = dependencies;
  const lock = await heldLock(table, now());
  if (lock?.owner !== owner || lock.runId !== runId) return;
  const mine = PruneLock.of(table, now, { runId, fence: lock.fence, deadline });
  if (course === undefined) return await mine.release();
  if (lock.fence === course.fence) await mine.release(now() + LATEST_ARRIVAL);
  await freeIfOver(dependencies, course);
}

/**
 * The end has raised the fence, so that no worker joins any more, and left the lock to nobody for as long as one may live.
 * Where the register, looked at after that, has none, the lock is free at once.
 */
async function freeIfOver({ table, now }: PruneDependencies, course: Course): Promise<void> {
  const { runId, fence } = course;
  const workers = await readWorkers(table, runId);
  if (workers.some((worker) => worker.fence === fence && died(worker))) return;
  if (now() <= settledAt(course)) return;
  await freeEnded(table, { runId, fence });
}

async function assemble(
  dependencies: PruneDependencies,
  course: Course,
  workers: readonly Worker[],
  deadline: number,
): Promise<ActiveRun> {
  const { runId, fence, startedAt, recoverable, reindexedAt, refused, mayDelete } = course;
  const { table, now } = dependencies;
  const lock = PruneLock.of(table, now, { runId, fence, deadline });
  const request = requestOf(course);
  const state = newState(startedAt, deadline);
  const versioning = recoverable ? 'enabled' : 'off';
  const begun: Begun = { dependencies, request, options: {}, lock, state, runId, versioning };
  const share = shareOf(dependencies, course, 'finish');
  const parts = storesOf(begun, dependencies.objects(lock.guard), share);
  const verdict = { refused, mayDelete, recoverable, reindexedAt };
  const run = runOf(begun, { ...parts, verdict, share, progress: async () => {} });
  const journal = await journalIn(dependencies, run, runId);
  await addUp(dependencies, run, run.tally, runId, workers);
  tellDeaths(run.tally, course, workers, now());
  if (course.halted !== undefined) state.halted = JSON.parse(course.halted) as Refusal;
  const step = nextStep(course, workers);
  if (step.do === 'finish' && step.complete) state.unfinished.clear();
  state.rest = LATEST_ARRIVAL;
  // An attempt before that could not write down the end has given the lock back.
  if (!(await lock.isStillHeld()) && !(await lock.hasEnded())) tellLockLost(run.tally);
  return { ...begun, run: { ...run, journal } };
}

/** Each worker once: by what it has stored, or by what it has left. */
async function addUp(
  dependencies: PruneDependencies,
  stores: Stores,
  tally: Tally,
  runId: string,
  workers: readonly Worker[],
): Promise<void> {
  const journal = journalOf(dependencies, runId);
  const { objects } = stores.bucket;
  const dead: Pick<Worker, 'slice' | 'counts'>[] = [];
  for (const worker of [{ slice: START }, ...workers]) {
    const totals = await getTotals(objects, journal, worker.slice);
    if (totals !== undefined && totals !== 'unreadable') tally.merge(totals);
    else dead.push(worker);
  }
  if (dead.length === 0) return;
  // What one has deleted that failed and told, one may have buried that was killed.
  const told = workers.filter((worker) => died(worker) && !dead.includes(worker));
  for (const part of await recount(stores, { journal, runId }, dead, told)) tally.merge(part.toJSON());
}

/** Those after whose death the run did not go on: what they have left is the next run's. */
function tellDeaths(tally: Tally, course: Course, workers: readonly Worker[], now: number): void {
  const left = workers.filter(({ fence }) => fence === course.fence || now <= settledAt(course));
  for (const { slice, lane, error } of left.filter(died)) {
    tally.incomplete++;
    const why = error ?? 'it did not come to its end';
    tally.refuse({ code: 'failed', message: `worker ${slice} of lane ${lane} failed: ${why}` });
  }
}

/** Where the journal is, if any worker has written to it. */
async function journalIn(dependencies: PruneDependencies, { bucket }: Stores, runId: string) {
  const prefix = journalOf(dependencies, runId);
  const { objects } = await bucket.objects.list(prefix);
  const isWritten = objects.some(({ key }) => key.endsWith('.ndjson'));
  return isWritten ? { ...noJournal, location: `s3://${dependencies.bucketName}/${prefix}` } : noJournal;
}
