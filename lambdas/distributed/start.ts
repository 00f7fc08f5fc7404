/** Begins a distributed run: the lock, the gate and the brake, as for any run, and its course for the workers. */
import { type ActiveRun, runExpiry } from '../prune/active-run.ts';
import { hasTime } from '../prune/assemble.ts';
import { finishRun, startRun } from '../prune/engine.ts';
import { FIRST_PHASE, orderOf } from '../prune/phases.ts';
import type { PruneRequest } from '../prune/request.ts';
import { queueName, SHARDS } from '../store/items.ts';
import { dueEntries } from '../store/queue.ts';
import { putCourse } from '../store/run-parts.ts';
import type { Table } from '../store/table.ts';
import { type Orders, ordersOf } from './orders.ts';
import { parseDistributedRequest } from './request.ts';
import { type Distributed, lanesOf } from './settings.ts';
import { journalOf, putTotals } from './totals.ts';

/** `single`: there is so little to do that one function does it. */
export type Started = { readonly how: 'single' } | ({ readonly how: 'distributed' } & Orders);

/** By which the totals of the start are known: what the gate has refused. */
export const START = 'start';

/**
 * @param payload the execution's input.
 * @param deadline milliseconds since the epoch at which this process is certainly over.
 * @throws PruneAlreadyRunningError, InvalidRequestError, InvalidFilterError
 */
export async function startDistributed(
  { prune, settings }: Distributed,
  payload: unknown,
  deadline: number,
): Promise<Started> {
  const requestedAt = prune.now();
  const defaults = { filters: settings.defaultFilters };
  const request = parseDistributedRequest(payload, new Date(requestedAt), defaults);
  if (await isForOne(prune.table, request, settings, requestedAt)) return { how: 'single' };
  const active = await startRun(prune, request, deadline);
  try {
    // Else the brake has not been asked.
    if (!hasTime(prune, active.state)) throw new Error('the start has run out of time');
    return { how: 'distributed', ...(await sendOut(active, settings, payload, requestedAt)) };
  } catch (error) {
    await finishRun(active, error);
    throw error;
  }
}

async function sendOut(
  { dependencies, run, state, runId }: ActiveRun,
  { workers, pace, defaultFilters }: Distributed['settings'],
  payload: unknown,
  requestedAt: number,
): Promise<Orders> {
  const { policy, fence, reindexedAt, tally } = run;
  await putTotals(run.bucket.objects, journalOf(dependencies, runId), START, tally);
  const course = {
    ...{
      runId,
      owner: dependencies.owner,
      version: 1,
      request: JSON.stringify(payload ?? {}),
      requestedAt,
      fence,
      reindexedAt,
    },
    ...(defaultFilters === undefined ? {} : { defaultFilters }),
    ...{ startedAt: state.startedAt, expireAt: runExpiry(state.startedAt) },
    ...{ refused: policy.resolveOnly, mayDelete: policy.mayDelete, recoverable: policy.recoverable },
    ...{ ...orderOf(run), phase: FIRST_PHASE, pass: 1, lanes: lanesOf(workers).map((shards) => [...shards]) },
    ...(pace === undefined ? {} : { pace }),
  };
  await putCourse(dependencies.table, course);
  return ordersOf(course);
}

/** Whether a scheduled run is left to the one function. Whoever starts an execution by hand means it. */
async function isForOne(
  table: Table,
  { trigger }: PruneRequest,
  { when, depth }: Distributed['settings'],
  now: number,
): Promise<boolean> {
  return when === 'deep' && trigger === 'schedule' && !(await isDeep(table, depth, now));
}

/** Whether so many entries are due, of all queues; counted no further than it takes to know. */
async function isDeep(table: Table, depth: number, now: number): Promise<boolean> {
  let count = 0;
  for (const kind of ['manifest', 'blob', 'upload'] as const) {
    for (const shard of SHARDS) {
      for await (const entries of dueEntries(table, queueName(kind, shard), () => now)) {
        count += entries.length;
        if (count >= depth) return true;
      }
    }
  }
  return false;
}
