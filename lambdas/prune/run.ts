/** A run: what was asked, with which rights and times, over which stores, and what has come of it so far. */
import type { PruneFilters } from '../filters/prune-filters.ts';
import type { Stores } from '../store/hold.ts';
import type { Journal } from '../store/journal.ts';
import type { Touch } from '../store/metadata.ts';
import type { DeleteResult } from '../store/object-store.ts';
import type { RunningBrake } from './brake.ts';
import type { Limit } from './limit.ts';
import type { Refusal } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { Tally } from './tally.ts';

/** What the run may do and how long things must have rested, in milliseconds. */
export interface Policy {
  readonly filters: PruneFilters;
  /** Whether the request is about a repository. */
  readonly inScope: (repository: string) => boolean;
  readonly grace: number;
  readonly quarantine: number;
  /** Whether data and tags may be deleted: only where it can be taken back, or was asked for regardless. */
  readonly mayDelete: boolean;
  /** Whether the bucket keeps versions, so that a deletion can be taken back. */
  readonly recoverable: boolean;
  /** Set by a gate that refuses: what an earlier run left `deleting` is resolved towards `live`, nothing else. */
  readonly resolveOnly: boolean;
  /** What the run itself sets free counts as rested: it tells what will go, and deletes nothing. */
  readonly foresees: boolean;
}

/** Whether what the run sets free is its own work, in the same pass. */
export const cascades = ({ grace, foresees }: Policy): boolean => grace === 0 || foresees;

/** Whether what is `deleting` is just being worked on: by this process, or by another worker that has not ended. */
export async function isUnderWay(
  { fence, slice, hasEnded }: Pick<Run, 'fence' | 'slice' | 'hasEnded'>,
  item: { readonly fence?: number; readonly slice?: string },
): Promise<boolean> {
  if (item.fence !== fence) return false;
  if (item.slice === undefined || item.slice === slice || hasEnded === undefined) return true;
  return !(await hasEnded(item.slice));
}

export interface Run extends Stores {
  readonly runId: string;
  readonly fence: number;
  /** The worker of a distributed run, by which what it has deleted is counted should it die. */
  readonly slice?: string | undefined;
  /**
   * Whether a worker of this run has come to its end, so that nothing of it is under way: what it has left is resolved like
   * an earlier run's. Absent in a run of one process.
   */
  readonly hasEnded?: ((slice: string) => Promise<boolean>) | undefined;
  readonly request: PruneRequest;
  readonly policy: Policy;
  /** An approved plan, beyond which nothing goes. */
  readonly limit: Limit | undefined;
  /** Ends the run before it takes more than the brake allows. Absent where nothing is braked. */
  readonly brake: RunningBrake | undefined;
  readonly journal: Journal;
  readonly tally: Tally;
  readonly startedAt: number;
  /** When the last rebuild began, milliseconds since the epoch. */
  readonly reindexedAt: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Deletes objects, sharing requests with whoever deletes at the same time. */
  readonly deleteObjects: (keys: readonly string[]) => Promise<DeleteResult>;
  readonly relinked: Relinked;
  /** What a repository holds that could not be read; nothing of it is deleted then. */
  readonly obstacles: Obstacles;
  /** Items of one page worked on at the same time. */
  readonly concurrency: number;
  /** Entries of the queue worked on before the run looks again whether it is over. */
  readonly page: number;
  /** Tells whoever watches how far the run has come. */
  readonly progress: () => Promise<void>;
  /** Ends the run before anything more is deleted. */
  readonly halt: (refusal: Refusal) => void;
  /** Before what no version guards: sees that the run still has the lock. @throws DeadlineError */
  readonly confirm: () => Promise<void>;
  /** Begins nothing more; the run ends with a failure. */
  readonly stop: () => void;
  /** Whether to begin no more work: out of time, aborted, stopped, or halted. */
  readonly isOver: () => boolean;
}

/** When this run has written back the `revisions` link of a manifest, by `<repository>@<digest>`. */
export interface Relinked {
  get(id: string): Promise<number | undefined> | number | undefined;
  set(id: string, writtenAt: number): unknown;
}

export interface Obstacles {
  /** Why nothing of the repository may be deleted, or undefined. */
  of(repository: string): Promise<string | undefined>;
  /** Something of the repository turned out to be unreadable during the run. */
  add(repository: string, why: string): void;
}

/**
 * The touch of what loses a holder to this run. One that only foresees leaves it as rested as it was: what the plan sets
 * free will rest before its turn comes, and what was touched lately is not foreseen.
 */
export const released = ({ policy: { foresees, grace }, now }: Run): Touch => ({
  at: foresees ? 0 : now(),
  grace,
});

/** The marks of this run on what it takes. */
export const marks = ({ runId, fence, slice }: Run) => ({
  ...{ runId, fence },
  ...(slice === undefined ? {} : { slice }),
});
