/** What a distributed run does next, by what its workers have told. Pure. */
import { phaseAfter, phaseOnceMore } from '../prune/phases.ts';
import { LATEST_ARRIVAL } from '../store/lock.ts';
import type { Course, Worker } from '../store/run-parts.ts';

/**
 * `work`: all lanes, in a phase. `takeOver`: a worker has died; the run goes on with another fence, when what it may have
 * signed is over. `finish`: nothing more is done; `complete` tells whether all was worked off.
 */
export type NextStep =
  | { readonly do: 'work'; readonly phase: Course['phase'] }
  | { readonly do: 'takeOver'; readonly phase: Course['phase'] }
  | { readonly do: 'finish'; readonly complete: boolean };

/** A chain of manifests of such a length is no image's; and an execution's history has an end. */
const MAX_PASSES = 100;

/** Workers that did not end as they should: killed, or with an error, and then something of theirs may be under way. */
export const died = ({ endedAt, error }: Worker): boolean => endedAt === undefined || error !== undefined;

/**
 * When nothing of a worker that had died before the lock was taken over can arrive any more (milliseconds since the epoch);
 * 0 where none had.
 */
export const settledAt = ({ tookOverAt }: Pick<Course, 'tookOverAt'>): number =>
  tookOverAt === undefined ? 0 : tookOverAt + LATEST_ARRIVAL;

/** Decides when all workers of a pass are over, as far as Step Functions knows. */
export function nextStep(course: Course, workers: readonly Worker[]): NextStep {
  const { phase, pass, fence, lanes, tookOverAt, halted } = course;
  const ofPass = workers.filter((worker) => worker.pass === pass);
  const isThrough = lanes.every((_, lane) => ofPass.some((worker) => worker.lane === lane && worker.done));
  const anyDied = workers.some((worker) => worker.fence === fence && died(worker));
  if (halted !== undefined) return { do: 'finish', complete: false };
  if (anyDied) {
    if (tookOverAt !== undefined) return { do: 'finish', complete: false };
    return { do: 'takeOver', phase: phaseOnceMore(course, phase, isThrough) };
  }
  if (!isThrough) return { do: 'finish', complete: false };
  const progress = ofPass.some((worker) => worker.progress);
  const next = phaseAfter(course, phase, progress);
  if (next === undefined) return { do: 'finish', complete: true };
  if (pass >= MAX_PASSES) return { do: 'finish', complete: false };
  return { do: 'work', phase: next };
}
