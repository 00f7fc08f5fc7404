/** Between two passes: sends the workers out again, takes the lock over from one that has died, or ends the run. */
import type { PruneDependencies } from '../prune/settings.ts';
import { PruneLock } from '../store/lock.ts';
import { type Course, changePart, courseKey, readCourse, readWorkers } from '../store/run-parts.ts';
import { nextStep, settledAt } from './next-step.ts';
import { type Orders, ordersOf } from './orders.ts';
import { NoSuchRunError } from './slice.ts';

/** What is asked when all workers of a pass are over, and once more when a wait is. */
export interface Question {
  readonly runId: string;
  readonly pass: number;
}

/**
 * Asked again, after an answer that was lost, it answers the same.
 *
 * @param lifetime of a worker, milliseconds: for so long after a wait nobody else gets the lock.
 * @throws NoSuchRunError, DeadlineError when the lock is not that run's any more.
 */
export async function decide(
  dependencies: Pick<PruneDependencies, 'table' | 'now'>,
  { runId, pass }: Question,
  lifetime: number,
): Promise<Orders> {
  const { table, now } = dependencies;
  const course = await readCourse(table, runId);
  if (course === undefined) throw new NoSuchRunError(`run ${runId} is not known`);
  if (course.pass > pass) return goOn(course, now());
  const step = nextStep(course, await readWorkers(table, runId));
  if (step.do === 'finish') return { step: 'finish', runId, pass };
  const { phase } = step;
  const next = { ...course, phase, pass: pass + 1 };
  if (step.do === 'work') return goOn(await changed(dependencies, next), now());
  const tookOverAt = now();
  const { fence } = course;
  const lock = await PruneLock.takeOver(table, now, {
    ...{ runId, fence },
    deadline: settledAt({ tookOverAt }) + lifetime,
  });
  return goOn(await changed(dependencies, { ...next, fence: lock.fence, tookOverAt: now() }), now());
}

/** The pass that the course is at: once nobody can disturb it. */
function goOn(course: Course, now: number): Orders {
  const { runId, pass } = course;
  const until = settledAt(course);
  if (now > until) return ordersOf(course);
  return { step: 'wait', runId, pass: pass - 1, until: new Date(until + 1000).toISOString() };
}

async function changed({ table }: Pick<PruneDependencies, 'table'>, course: Course): Promise<Course> {
  const { runId, fence, phase, pass, tookOverAt } = course;
  const set = { fence, phase, pass, ...(tookOverAt === undefined ? {} : { tookOverAt }) };
  // Another attempt at the same question may have gone on: its word stays.
  const isNext = { equals: { pass: pass - 1 } };
  if (await changePart(table, courseKey(runId), set, isNext)) return course;
  return (await readCourse(table, runId)) ?? course;
}
