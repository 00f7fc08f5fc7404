/** How far a worker is, for the others, for whoever watches, and for the count should it die. */
import { countsOf, RECORD_EVERY, tellLockLost } from '../prune/active-run.ts';
import type { Refusal } from '../prune/report.ts';
import { type Counts, changePart, readCourse, readWorkers, workerKey } from '../store/run-parts.ts';
import { runKey } from '../store/runs.ts';
import type { ActiveWorker } from './slice.ts';

/**
 * Tells it every ten seconds at most, and sees whether the lock was taken away, or another worker has ended the run: then
 * this one begins nothing more.
 */
export async function report(worker: ActiveWorker): Promise<void> {
  const { dependencies, run, lock, state, runId, share } = worker;
  const { table, now, onProgress } = dependencies;
  onProgress?.(run.tally, 'run');
  if (now() - state.recordedAt < RECORD_EVERY) return;
  state.recordedAt = now();
  // Of a run that has ended nothing is told any more.
  if (!(await lock.isStillHeld())) {
    tellLockLost(run.tally);
    run.stop();
    return;
  }
  await changePart(table, workerKey(runId, share.slice), {
    ...{ progressAt: now(), counts: countsOf(run.tally) },
  });
  await share.exchangeObstacles();
  const total = sumOf((await readWorkers(table, runId)).flatMap(({ counts = [] }) => counts));
  await changePart(table, runKey(runId), { ...total, progressAt: new Date(now()).toISOString() });
  // In this order: a halt of its own, come to meanwhile, stays.
  const told = await haltOf(worker);
  state.halted ??= told;
}

async function haltOf({ dependencies, runId }: ActiveWorker): Promise<Refusal | undefined> {
  const course = await readCourse(dependencies.table, runId);
  return course?.halted === undefined ? undefined : (JSON.parse(course.halted) as Refusal);
}

const KINDS = ['manifests', 'blobs', 'links', 'uploads'] as const;

/** Of workers under way: what two of them have looked at counts twice here, and once in the report. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum = {
    manifests: {} as Record<string, number>,
    blobs: {} as Record<string, number>,
    links: {} as Record<string, number>,
    uploads: {} as Record<string, number>,
  };
  for (const counts of all) {
    for (const kind of KINDS) {
      for (const [name, count] of Object.entries(counts[kind])) {
        sum[kind][name] = (sum[kind][name] ?? 0) + count;
      }
    }
  }
  return { ...sum, spaceReclaimed: all.reduce((bytes, { spaceReclaimed }) => bytes + spaceReclaimed, 0) };
}
