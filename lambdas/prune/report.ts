/** What a run did, as its callers see it (docs/events.md). */
import type { Digest } from '../registry/digest.ts';
import type { PullTime } from './pull-times.ts';
import type { Mode, Trigger } from './request.ts';

export type Status = 'completed' | 'partial' | 'refused';

/** Why something was not deleted that was asked for. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  readonly repository?: string;
  readonly digest?: Digest;
}

export const REFUSAL_CODES = [
  ...(['stale-index', 'dead-letters', 'pushes-arriving', 'blast-radius', 'unversioned-bucket'] as const),
  ...(['unreadable', 'kept', 'lost', 'failed', 'event-not-published'] as const),
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

export type ImageDeleted = ({ readonly untagged: string } | { readonly deleted: Digest }) & PullTime;

export interface Report {
  readonly runId: string;
  readonly status: Status;
  readonly dryRun: boolean;
  readonly mode: Mode;
  readonly trigger: Trigger;
  readonly imagesDeleted: readonly ImageDeleted[];
  /** Bytes of blob data whose deletion S3 confirmed, each physical blob once. */
  readonly spaceReclaimed: number;
  readonly manifests: {
    readonly examined: number;
    readonly deleted: number;
    readonly kept: number;
    readonly skipped: number;
  };
  readonly blobs: {
    readonly examined: number;
    readonly condemned: number;
    readonly condemnedBytes: number;
    readonly deleted: number;
    readonly rescued: number;
    readonly failed: number;
  };
  readonly links: { readonly deleted: number };
  readonly uploads: { readonly deleted: number; readonly bytes: number };
  readonly refusals: readonly Refusal[];
  /** Where every deletion is listed; absent for a dry run. */
  readonly journal?: string;
  /** Of a run that applies a plan: what has become of it, by this run and those before. */
  readonly plan?: PlanProgress;
  readonly startedAt: string;
  readonly durationMs: number;
}

/** How much of one kind of thing in a plan has gone. */
export interface PlanCount {
  readonly planned: number;
  /** Not there any more, whoever took it. */
  readonly gone: number;
  /** Still to go: it has to rest first, or the run ended before it. */
  readonly pending: number;
  /** Not to go any more. */
  readonly dropped: number;
}

/** Why something of a plan is not to go any more. */
export type DropCode =
  /** Pushed, tagged, mounted or linked since the plan was made. */
  | 'changed'
  /** Something that is not to go needs it. */
  | 'needed'
  /** What goes only with it, or with which it goes, is not in the plan or has changed. */
  | 'not-planned'
  /** Its repository holds something unreadable, or its item is not understood. */
  | 'unreadable'
  /** The filters spare it now. */
  | 'filter'
  | 'unversioned-bucket';

export interface Dropped {
  readonly kind: 'manifest' | 'link' | 'blob' | 'upload';
  /** `<repository>@<digest>`, `<digest>`, or `<repository>/_uploads/<id>`. */
  readonly what: string;
  readonly code: DropCode;
  readonly reason: string;
}

export interface PlanProgress {
  /** Of the plan's content. */
  readonly hash: string;
  readonly manifests: PlanCount;
  readonly links: PlanCount;
  readonly blobs: PlanCount;
  readonly uploads: PlanCount;
  /** When the next of it has rested; null when nothing is pending. */
  readonly nextAt: string | null;
  /** Each with its reason; the first ten thousand. */
  readonly dropped: readonly Dropped[];
}

/** What a plan's progress lists as dropped; an answer of the function is 6 MB at most. */
export const MAX_DROPPED = 10_000;

/** Entries of `imagesDeleted` and `refusals`; the journal has them all. */
export const MAX_LISTED = 1000;
