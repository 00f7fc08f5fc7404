/**
 * One worker of a distributed run: it registers, joins the lock, works on its lane until done or out of time, stores what it
 * has counted, and only then says that it has ended. Whoever is killed in between has registered, and so is missed.
 */
import { type Begun, runExpiry } from '../prune/active-run.ts';
import { newState, runOf, storesOf } from '../prune/assemble.ts';
import type { Refusal } from '../prune/report.ts';
import type { Run } from '../prune/run.ts';
import type { PruneDependencies } from '../prune/settings.ts';
import { type WorkedOff, workOff } from '../prune/slice.ts';
import { PruneLock } from '../store/lock.ts';
import { type Course, changePart, courseKey, readCourse, workerKey } from '../store/run-parts.ts';
import type { Order } from './orders.ts';
import { report } from './progress.ts';
import { requestOf } from './request.ts';
import { type Shared, shareOf } from './shared.ts';
import { journalOf, putTotals } from './totals.ts';

/** What a worker comes back with. */
export interface SliceDone extends Order {
  /** Whether the lane is to be gone on with. */
  readonly more: boolean;
}

/**
 * Of a lane in one pass: ten hours of functions, and an end for what never comes to one. An execution's history ends at
 * 25,000 events, of which a slice takes about seven.
 */
export const MAX_SLICES = 40;

/** The run is not known, or has gone on without this worker. Nothing was done. */
export class NoSuchRunError extends Error {
  override readonly name = 'NoSuchRunError';
}

/**
 * @param deadline milliseconds since the epoch at which this process is certainly over.
 * @throws NoSuchRunError, DeadlineError when the lock is not that run's any more; what S3 and DynamoDB throw, after what was
 *   done is stored.
 */
export async function runWorker(
  dependencies: PruneDependencies,
  order: Order,
  deadline: number,
): Promise<SliceDone> {
  const { runId, fence } = order;
  const { table, newId } = dependencies;
  const course = await readCourse(table, runId);
  if (course === undefined || course.fence !== fence || course.finishedAt !== undefined) {
    throw new NoSuchRunError(`run ${runId} is not under way with fence ${fence}`);
  }
  const slice = newId();
  await register(dependencies, order, slice, deadline);
  const worker = await begin(dependencies, course, slice, deadline).catch(async (error: unknown) => {
    // Nothing was done, and nothing is: it has not died.
    await changePart(table, workerKey(runId, slice), { endedAt: dependencies.now() });
    throw error;
  });
  const outcome = await work(worker, order);
  await end(worker, outcome);
  if ('error' in outcome) throw outcome.error;
  const { done, after = order.after } = outcome;
  const slices = order.slices + 1;
  return { ...order, after, slices, more: !done && worker.state.halted === undefined && slices < MAX_SLICES };
}

/** One worker at work. */
export interface ActiveWorker extends Begun {
  readonly run: Run;
  readonly lock: PruneLock;
  readonly course: Course;
  readonly share: Shared;
}

type Outcome = WorkedOff | { readonly error: unknown };

async function register(
  { table, now }: PruneDependencies,
  { runId, fence, pass, lane }: Order,
  slice: string,
  deadline: number,
): Promise<void> {
  const startedAt = now();
  const expireAt = runExpiry(startedAt);
  await changePart(table, workerKey(runId, slice), { fence, pass, lane, startedAt, deadline, expireAt });
}

/** After it is registered, so that whoever takes over, which no one can join after, knows of all. */
async function begin(
  dependencies: PruneDependencies,
  course: Course,
  slice: string,
  deadline: number,
): Promise<ActiveWorker> {
  const { runId, fence, startedAt, recoverable, reindexedAt, refused, mayDelete } = course;
  const { table, now } = dependencies;
  const lock = await PruneLock.join(table, now, { runId, fence, deadline });
  const request = requestOf(course);
  const state = { ...newState(startedAt, deadline), recordedAt: now() };
  const versioning = recoverable ? 'enabled' : 'off';
  const begun = { dependencies, request, options: {}, lock, state, runId, versioning } as const;
  const share = shareOf(dependencies, course, slice);
  await share.exchangeObstacles();
  const stores = storesOf(begun, dependencies.objects(lock.guard), share);
  const verdict = { refused, mayDelete, recoverable, reindexedAt };
  const run = runOf(begun, { ...stores, verdict, share, progress: () => report(worker) });
  const worker: ActiveWorker = { ...begun, run, course, share };
  return worker;
}

async function work({ run, course }: ActiveWorker, { shards, after }: Order): Promise<Outcome> {
  try {
    return await workOff(run, shards, { phase: course.phase, ...(after === null ? {} : { after }) });
  } catch (error) {
    return { error };
  }
}

async function end(worker: ActiveWorker, outcome: Outcome): Promise<void> {
  const { dependencies, run, runId, state, share } = worker;
  const { table, now } = dependencies;
  await share.exchangeObstacles();
  if (state.halted !== undefined) await tellHalt(worker, state.halted);
  await putTotals(run.bucket.objects, journalOf(dependencies, runId), share.slice, run.tally);
  const told = 'error' in outcome ? { error: messageOf(outcome.error) } : pick(outcome);
  await changePart(table, workerKey(runId, share.slice), { endedAt: now(), ...told });
}

const pick = ({ done, progress }: WorkedOff) => ({ done, progress });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The others stop when they look for it next. */
async function tellHalt(
  { dependencies, course, runId }: Pick<ActiveWorker, 'dependencies' | 'course' | 'runId'>,
  refusal: Refusal,
): Promise<void> {
  if (course.halted !== undefined) return;
  await changePart(dependencies.table, courseKey(runId), { halted: JSON.stringify(refusal) });
}
