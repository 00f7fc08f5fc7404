/** Puts a run together from what its process has begun with: the same for a whole run and for one worker of many. */
import { fencedObjects } from '../store/fenced-objects.ts';
import type { Stores } from '../store/hold.ts';
import { SHARDS } from '../store/items.ts';
import { BucketJournal, type Journal, noJournal } from '../store/journal.ts';
import { CLOSING_TIME } from '../store/lock.ts';
import { Metadata } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { pacedObjects } from '../store/paced-objects.ts';
import { PreviewBucket } from '../store/preview-bucket.ts';
import { RegistryBucket } from '../store/registry-bucket.ts';
import { sharedDeletions } from '../store/shared-deletions.ts';
import type { Begun, RunState } from './active-run.ts';
import { RunningBrake } from './brake.ts';
import { type Counters, ownCounters } from './counters.ts';
import { policyOf, type Verdict } from './gate.ts';
import { KnownObstacles } from './obstacles.ts';
import { previewOf } from './preview.ts';
import type { Obstacles, Relinked, Run } from './run.ts';
import type { PruneDependencies } from './settings.ts';
import { Tally } from './tally.ts';

/** How long deletions and lines wait for others where many are at work (milliseconds). */
const GATHERING = 100;

/**
 * Items of a page worked on at the same time, of each shard. More than there are connections: while some wait for the table,
 * others wait for the bucket.
 */
const CONCURRENCY = 128;

/** Where the workers of a distributed run meet. */
export interface Share {
  /** This worker's id, unique to its process. */
  readonly slice: string;
  readonly counters: Counters;
  readonly relinked: Relinked;
  readonly obstacles: Obstacles;
  /** Whether another worker has come to its end, and nothing of it is under way. */
  readonly hasEnded: (slice: string) => Promise<boolean>;
  /** Deletions of a second, of this worker. @default as many as there are */
  readonly pace?: number | undefined;
}

export const newState = (startedAt: number, deadline: number): RunState => ({
  unfinished: new Set(SHARDS),
  halted: undefined,
  stopped: false,
  deadline,
  plan: undefined,
  startedAt,
  recordedAt: startedAt,
});

/** Whether the slice under way may begin anything more. */
export const hasTime = ({ now }: PruneDependencies, state: RunState): boolean =>
  now() < state.deadline - CLOSING_TIME;

/** What the run reads and writes: a dry run's writes are in previews alone. */
export function storesOf({ dependencies, request, lock, state }: Begun, real: ObjectStore, share?: Share) {
  const { table, layout, markers, now, newId, settings } = dependencies;
  const { startedAt } = state;
  const tally = new Tally();
  const relinked: Relinked = share?.relinked ?? new Map<string, number>();
  const objects =
    lock === undefined
      ? new PreviewBucket(real, { now: () => new Date(now()) })
      : paced(fencedObjects(real, lock), { dependencies, state }, share);
  const stores: Stores = {
    metadata: request.dryRun
      ? previewOf(table, newId, { request, settings, startedAt })
      : new Metadata(table, newId),
    bucket: new RegistryBucket(objects, layout, request.dryRun ? undefined : markers),
    onRestored: (blob) => tally.restored.push(blob),
    onRelinked: async (id, writtenAt) => {
      await relinked.set(id, writtenAt);
    },
  };
  return { stores, tally, relinked };
}

function paced(
  objects: ObjectStore,
  { dependencies: { now, sleep }, state }: Pick<Begun, 'dependencies' | 'state'>,
  share?: Share,
): ObjectStore {
  if (share?.pace === undefined) return objects;
  const until = (): number => state.deadline - CLOSING_TIME;
  return pacedObjects(objects, { perSecond: share.pace, now, sleep, until });
}

export interface Parts {
  readonly stores: Stores;
  readonly tally: Tally;
  readonly relinked: Relinked;
  readonly verdict: Pick<Verdict, 'refused' | 'mayDelete' | 'recoverable' | 'reindexedAt'>;
  readonly share?: Share | undefined;
  readonly progress: () => Promise<void>;
}

/** The run that the engine works with. */
export function runOf(begun: Begun, parts: Parts): Run {
  const { dependencies, request, options, lock, state, runId } = begun;
  const { stores, tally, relinked, verdict, share, progress } = parts;
  const { now, settings, signal } = dependencies;
  const { limit, rehearsal } = options;
  const isBraked = lock !== undefined && limit === undefined;
  const counters = share?.counters ?? ownCounters();
  return {
    ...stores,
    ...{
      runId,
      fence: lock?.fence ?? 0,
      slice: share?.slice,
      hasEnded: share?.hasEnded,
      request,
      limit,
      tally,
      relinked,
    },
    journal: journalOf(begun, stores, share),
    policy: policyOf(request, settings, verdict, rehearsal !== undefined),
    ...{ startedAt: state.startedAt, reindexedAt: verdict.reindexedAt, now, sleep: dependencies.sleep },
    deleteObjects: sharedDeletions(stores.bucket.objects, gatherOf(dependencies)),
    obstacles: share?.obstacles ?? new KnownObstacles(stores.metadata, now),
    brake: isBraked ? new RunningBrake(stores, settings.brake, request, { runId, counters }) : undefined,
    ...widthOf(dependencies.concurrency ?? CONCURRENCY, share?.pace),
    progress,
    halt: (refusal) => {
      state.halted ??= refusal;
    },
    confirm: async () => await lock?.confirm(),
    stop: () => {
      state.stopped = true;
    },
    isOver: () =>
      state.stopped ||
      state.halted !== undefined ||
      signal?.aborted === true ||
      !hasTime(dependencies, state),
  };
}

const gatherOf =
  ({ sleep }: PruneDependencies) =>
  (): Promise<void> =>
    sleep(GATHERING);

/** Entries of a page of the queue. */
const PAGE = 1000;
/** A manifest has about so many links and tags. */
const DELETIONS_OF_ONE = 4;

/** At a pace no more is begun than is through in some seconds: what is under way at the deadline has to come to its end. */
function widthOf(concurrency: number, pace = Number.POSITIVE_INFINITY) {
  return {
    concurrency: Math.max(1, Math.min(concurrency, Math.floor(pace / DELETIONS_OF_ONE))),
    page: Math.max(1, Math.min(PAGE, Math.floor(pace))),
  };
}

function journalOf({ dependencies, options, lock, runId }: Begun, stores: Stores, share?: Share): Journal {
  if (lock === undefined) return options.rehearsal ?? noJournal;
  const { now, newId, settings, bucketName } = dependencies;
  return new BucketJournal({
    ...{ objects: stores.bucket.objects, bucket: bucketName, prefix: settings.journalPrefix, runId },
    writer: share?.slice ?? newId(),
    now: () => new Date(now()),
    gather: gatherOf(dependencies),
  });
}
