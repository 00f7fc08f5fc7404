/**
 * What the processes of a distributed run tell each other: the items of the run's own partition (docs/metadata.md,
 * "Distributed runs"). They expire as the run's item does.
 */
import * as v from 'valibot';
import { decode } from './items.ts';
import type { Condition, Item, Key, Table, Value } from './table.ts';

export const runPartsPk = (runId: string): string => `RUN#${runId}`;
export const courseKey = (runId: string): Key => ({ pk: runPartsPk(runId), sk: 'COURSE' });
export const workerKey = (runId: string, slice: string): Key => ({
  pk: runPartsPk(runId),
  sk: `WORKER#${slice}`,
});
export const countKey = (runId: string, name: string): Key => ({
  pk: runPartsPk(runId),
  sk: `COUNT#${name}`,
});
export const relinkedKey = (runId: string, id: string): Key => ({
  pk: runPartsPk(runId),
  sk: `RELINKED#${id}`,
});
const OBSTACLE = 'OBSTACLE#';
export const runObstacleKey = (runId: string, repository: string): Key => ({
  pk: runPartsPk(runId),
  sk: `${OBSTACLE}${repository}`,
});

const time = v.pipe(v.number(), v.integer());
const counts = v.record(v.string(), v.number());

/** The counts of a run, as its item and those of its workers have them. */
const countsSchema = v.object({
  ...{ manifests: counts, blobs: counts, links: counts, uploads: counts },
  spaceReclaimed: v.number(),
});

export type Counts = v.InferOutput<typeof countsSchema>;

const courseSchema = v.object({
  version: v.number(),
  /** Of the lock: the execution that the run is of. */
  owner: v.string(),
  /** The request as it came, as JSON, and what it was read with. */
  request: v.string(),
  defaultFilters: v.exactOptional(v.string()),
  requestedAt: time,
  startedAt: time,
  /** What the gate and the brake have said. */
  ...{ refused: v.boolean(), mayDelete: v.boolean(), recoverable: v.boolean(), reindexedAt: time },
  /** In which order its phases come. */
  ...{ cascades: v.boolean(), walks: v.boolean() },
  /** Of the workers that are sent out now. */
  ...{
    fence: v.number(),
    phase: v.picklist(['manifests', 'again', 'blobs', 'walk', 'rest']),
    pass: v.number(),
  },
  lanes: v.array(v.array(v.string())),
  /** Deletions of a second, of all workers together. */
  pace: v.exactOptional(v.number()),
  /** When the lock was taken over from workers that had died. */
  tookOverAt: v.exactOptional(time),
  /** Why a worker has ended the run, as JSON. */
  halted: v.exactOptional(v.string()),
  /** When the run was reported. */
  finishedAt: v.exactOptional(time),
  expireAt: v.number(),
});

export type Course = v.InferOutput<typeof courseSchema> & { readonly runId: string };

const workerSchema = v.object({
  version: v.number(),
  ...{ fence: v.number(), pass: v.number(), lane: v.number(), startedAt: time },
  /** When its process is certainly over. */
  deadline: time,
  progressAt: v.exactOptional(time),
  counts: v.exactOptional(countsSchema),
  /** Set when nothing of it is under way any more and its totals are stored. */
  endedAt: v.exactOptional(time),
  done: v.exactOptional(v.boolean()),
  progress: v.exactOptional(v.boolean()),
  /** Why it did not end as it should. */
  error: v.exactOptional(v.string()),
});

export type Worker = v.InferOutput<typeof workerSchema> & { readonly slice: string };

const WORKER = 'WORKER#';

const toCourse = (runId: string, item: Item): Course => ({ ...decode(courseSchema, item), runId });
const toWorker = (item: Item): Worker => ({
  ...decode(workerSchema, item),
  slice: item.sk.slice(WORKER.length),
});

/** The course of a run that begins. */
export async function putCourse(table: Table, { runId, ...course }: Course): Promise<void> {
  await table.put({ ...courseKey(runId), ...course });
}

/** @returns undefined when no distributed run of that id has begun. */
export async function readCourse(table: Table, runId: string): Promise<Course | undefined> {
  const item = await table.get(courseKey(runId));
  return item && toCourse(runId, item);
}

/** @returns undefined when the run has had no such worker. */
export async function readWorker(table: Table, runId: string, slice: string): Promise<Worker | undefined> {
  const item = await table.get(workerKey(runId, slice));
  return item && toWorker(item);
}

/** All workers that the run has had, in no order to rely on. */
export async function readWorkers(table: Table, runId: string): Promise<Worker[]> {
  return (await all(table, runId, WORKER)).map(toWorker);
}

/** Repositories that a worker of the run found to hold something unreadable, with why. */
export async function readRunObstacles(table: Table, runId: string): Promise<Map<string, string>> {
  const items = await all(table, runId, OBSTACLE);
  return new Map(items.map((item) => [item.sk.slice(OBSTACLE.length), String(item['why'])]));
}

/** Changes an item of the run; adds one to its version. @returns false when it is not as the condition has it */
export async function changePart(
  table: Table,
  key: Key,
  set: Readonly<Record<string, Value>>,
  condition?: Condition,
): Promise<boolean> {
  return (await table.update(key, { set, add: { version: 1 } }, condition)) !== undefined;
}

async function all(table: Table, runId: string, prefix: string): Promise<Item[]> {
  const items: Item[] = [];
  let after: Key | undefined;
  do {
    const page = await table.query(runPartsPk(runId), { prefix, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}
