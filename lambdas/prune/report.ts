/** What a run did, as its callers see it (docs/events.md). */
import type { Digest } from '../registry/digest.ts';
import type { RestoredBlob } from '../store/hold.ts';
import { KeySet } from '../store/key-set.ts';
import type { FailedDelete } from '../store/object-store.ts';
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

export type RefusalCode =
  | 'stale-index'
  | 'dead-letters'
  | 'pushes-arriving'
  | 'blast-radius'
  | 'unversioned-bucket'
  | 'unreadable'
  | 'kept'
  | 'lost'
  | 'failed'
  | 'event-not-published';

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

/** Counts as the run goes. */
export class Tally {
  readonly manifests = { examined: 0, deleted: 0, skipped: 0 };
  readonly blobs = { examined: 0, condemned: 0, condemnedBytes: 0, deleted: 0, rescued: 0, failed: 0 };
  readonly links = { deleted: 0 };
  readonly uploads = { deleted: 0, bytes: 0 };
  spaceReclaimed = 0;
  /** Blobs that something needed after they had been deleted: those that came back, and those that cannot. */
  readonly restored: RestoredBlob[] = [];
  readonly lost: Digest[] = [];
  /** Deletions that failed or were put off, so that the run has not done all it was asked for. */
  incomplete = 0;
  /** Manifests deleted, by repository. */
  readonly deletedIn = new Map<string, number>();
  readonly #examined = new KeySet();
  readonly #images: ImageDeleted[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #refused = new Set<string>();

  /** However often it is looked at. @param id `<repository>@<digest>` */
  examineManifest(id: string): void {
    if (this.#examined.add(id)) this.manifests.examined++;
  }

  /** Examined, and kept because something is not understood. */
  skipManifest(id: string): void {
    this.examineManifest(id);
    if (this.#examined.add(`skipped ${id}`)) this.manifests.skipped++;
  }

  deleteManifest(repository: string): void {
    this.manifests.deleted++;
    this.deletedIn.set(repository, (this.deletedIn.get(repository) ?? 0) + 1);
  }

  examineBlob(digest: Digest): void {
    if (this.#examined.add(digest)) this.blobs.examined++;
  }

  /** A manifest's digest is listed once, whether the manifest, its bytes, or both are gone. */
  image(entry: ImageDeleted): void {
    if ('deleted' in entry && !this.#examined.add(`deleted ${entry.deleted}`)) return;
    if (this.#images.length < MAX_LISTED) this.#images.push(entry);
  }

  /** Each refusal is listed once, however often it is met. */
  refuse(refusal: Refusal): void {
    const { code, repository, digest, message } = refusal;
    const id =
      digest === undefined && code === 'failed' ? message : `${code} ${repository ?? ''} ${digest ?? ''}`;
    if (this.#refused.has(id) || this.#refusals.length >= MAX_LISTED) return;
    this.#refused.add(id);
    this.#refusals.push(refusal);
  }

  /** Why the run ended itself: before all others, as what its event and metric tell. */
  lead(refusal: Refusal): void {
    this.#refusals.unshift(refusal);
  }

  /** Keys that S3 did not confirm: each is refused by itself, and the run has not done all it was asked for. */
  fail(failed: readonly FailedDelete[], about: Pick<Refusal, 'repository' | 'digest'> = {}): void {
    for (const { key, code, message } of failed) {
      this.incomplete++;
      this.refuse({ code: 'failed', message: `${key}: ${code}: ${message}`, ...about });
    }
  }

  get images(): readonly ImageDeleted[] {
    return this.#images;
  }

  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }
}
