/** A run under way, as its callers hold it, and what is said of it. */
import { lastSuccessKey } from '../store/items.ts';
import type { PruneLock } from '../store/lock.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { runKey } from '../store/runs.ts';
import type { Value } from '../store/table.ts';
import type { Radius } from './brake.ts';
import type { PlanProgress, Refusal, Report, Status } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { Run } from './run.ts';
import type { PruneDependencies } from './settings.ts';
import type { RunOptions } from './start-run.ts';
import type { Tally } from './tally.ts';

/** A run that has its lock, before it knows what it may do. */
export interface Begun {
  readonly dependencies: PruneDependencies;
  readonly request: PruneRequest;
  readonly options: RunOptions;
  /** Absent for a dry run, which changes nothing anywhere. */
  readonly lock: PruneLock | undefined;
  readonly state: RunState;
  readonly runId: string;
  readonly versioning: Awaited<ReturnType<ObjectStore['versioning']>>;
}

/** A run under way. */
export interface ActiveRun extends Begun {
  readonly run: Run;
}

export interface RunState {
  /** Shards that no slice has worked off. */
  readonly unfinished: Set<string>;
  /** Why the run has ended itself. */
  halted: Refusal | undefined;
  /** A worker has failed. */
  stopped: boolean;
  /** Of the slice under way, milliseconds since the epoch. */
  deadline: number;
  /** At the end, of a run that applies one. */
  plan: PlanProgress | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** How long nobody gets the lock after the end, where a worker may still live (milliseconds). @default not at all */
  rest?: number;
  /** When the run's item last told how far it is, milliseconds since the epoch. */
  recordedAt: number;
}

/** The report of a run as it stands. */
export function makeReport({ run, state }: ActiveRun): Report {
  const { tally, request, runId, policy } = run;
  const status: Status =
    policy.resolveOnly || state.halted !== undefined
      ? 'refused'
      : state.unfinished.size === 0 && tally.incomplete === 0
        ? 'completed'
        : 'partial';
  const { manifests, blobs, links, uploads, spaceReclaimed, images, refusals } = tally;
  return {
    ...{ runId, status, dryRun: request.dryRun, mode: request.mode, trigger: request.trigger },
    imagesDeleted: images,
    spaceReclaimed,
    manifests: { ...manifests, kept: manifests.examined - manifests.deleted - manifests.skipped },
    blobs: { ...blobs },
    links: { ...links },
    uploads: { ...uploads },
    refusals,
    ...(run.journal.location === undefined ? {} : { journal: run.journal.location }),
    ...(state.plan === undefined ? {} : { plan: state.plan }),
    startedAt: new Date(run.startedAt).toISOString(),
    durationMs: run.now() - run.startedAt,
  };
}

/** What a run that is over has deleted, or a rehearsed one would have. */
export const radiusOf = ({ run: { tally } }: ActiveRun): Radius => ({
  manifests: tally.deletedIn,
  bytes: tally.spaceReclaimed,
});

/** A run's items outlive it for a year: seconds, as DynamoDB's TTL wants them. */
const RUN_RETENTION = 365 * 24 * 3600;

/** When the items of a run that began then may go: seconds since the epoch. @param startedAt milliseconds. */
export const runExpiry = (startedAt: number): number => Math.ceil(startedAt / 1000) + RUN_RETENTION;

/** The run's item at its start. A dry run has none. */
export async function recordStart(begun: Begun): Promise<void> {
  const { dependencies, request, options, lock, state, versioning } = begun;
  const { mode, trigger } = request;
  const { startedAt } = state;
  const recoverable = versioning === 'enabled';
  await record(begun, {
    ...{ owner: dependencies.owner, mode, trigger, startedAt: new Date(startedAt).toISOString() },
    ...{ expireAt: runExpiry(startedAt), fence: lock?.fence ?? 0, status: 'running' },
    ...{ recoverable, ...(recoverable ? untilOf(startedAt, dependencies) : {}) },
    ...(options.limit === undefined ? {} : { plan: options.limit.hash }),
  });
}

/**
 * Until when the run can be undone. The bucket's lifecycle rule counts from each deletion, so the first one decides, and
 * the run's start comes before it.
 */
export function recoverableUntil({ run, dependencies }: ActiveRun): { readonly recoverableUntil?: string } {
  return run.policy.recoverable ? untilOf(run.startedAt, dependencies) : {};
}

const untilOf = (startedAt: number, { settings }: PruneDependencies) => ({
  recoverableUntil: new Date(startedAt + settings.undoWindow).toISOString(),
});

/** How often a run's item tells how far it is (milliseconds). */
export const RECORD_EVERY = 10_000;

/**
 * Tells whoever watches how far the run is, and sees whether the lock was taken from it by force: then it begins nothing
 * more.
 */
export async function recordProgress(active: ActiveRun): Promise<void> {
  const { run } = active;
  if (await recordLife(active, countsOf(run.tally))) return;
  tellLockLost(run.tally, ' (unlock --force)');
  run.stop();
}

/** @param how if that is known. */
export function tellLockLost(tally: Tally, how = ''): void {
  tally.incomplete++;
  tally.refuse({ code: 'failed', message: `the prune lock was taken from this run${how}` });
}

/** As the run's item has them, of a report as of what is counted on the way to it. */
export const countsOf = ({
  manifests,
  blobs,
  links,
  uploads,
  spaceReclaimed,
}: Pick<Report | Tally, 'manifests' | 'blobs' | 'links' | 'uploads' | 'spaceReclaimed'>) => ({
  ...{ manifests: { ...manifests }, blobs: { ...blobs }, links: { ...links }, uploads: { ...uploads } },
  spaceReclaimed,
});

/**
 * Tells that the run is at work, every ten seconds at most.
 *
 * @returns whether its lock is still its own, as far as it was looked at.
 */
export async function recordLife(begun: Begun, far: Readonly<Record<string, Value>> = {}): Promise<boolean> {
  const { lock, state, dependencies } = begun;
  const now = dependencies.now();
  if (lock === undefined || now - state.recordedAt < RECORD_EVERY) return true;
  state.recordedAt = now;
  if (!(await lock.isStillHeld())) return false;
  await record(begun, { ...far, progressAt: new Date(now).toISOString() });
  return true;
}

/** The run's item at its end: the report's totals. Its lists are in the journal. */
export async function recordEnd(active: ActiveRun, report: Report): Promise<void> {
  const { status, durationMs, journal, refusals } = report;
  await record(active, {
    ...countsOf(report),
    ...{ status, durationMs, refusals: refusals.length },
    ...(journal === undefined ? {} : { journal }),
  });
  if (status !== 'refused') await recordSuccess(active);
}

/** For the alarm that there was none for long: the runs are a year's, and the last is found without reading them. */
async function recordSuccess({ run, lock }: ActiveRun): Promise<void> {
  if (lock === undefined) return;
  const set = { runId: run.runId, finishedAt: run.now() };
  await run.metadata.table.update(lastSuccessKey, { set, add: { version: 1 } });
}

async function record(
  { dependencies, lock, runId }: Begun,
  set: Readonly<Record<string, Value>>,
): Promise<void> {
  if (lock === undefined) return;
  await dependencies.table.update(runKey(runId), { set, add: { version: 1 } });
}
