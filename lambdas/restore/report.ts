/** What an undo did, as its callers see it (docs/events.md). */
import { KeySet } from '../store/key-set.ts';

export type RestoreStatus = 'restored' | 'partial';

export type SkippedCode =
  /** Another tag stands in its place, or has since. */
  | 'newer-tag'
  /** A client has deleted it since. */
  | 'client-deleted'
  /** Another run has deleted it since: that one is to be undone first. */
  | 'other-run'
  /** A tag whose manifest is not there. */
  | 'manifest-missing'
  /** Its data, or data that it needs, is gone for good. */
  | 'lost'
  | 'failed'
  /** A line of the journal. */
  | 'unreadable'
  /** Out of time or interrupted: the same command goes on. */
  | 'unfinished';

/** What was not brought back. */
export interface Skipped {
  readonly code: SkippedCode;
  /** `<name>@<digest>`, `<name>:<tag>`, `<digest>`, or a place in the journal. */
  readonly what: string;
  readonly reason: string;
}

export interface Restored {
  /** Brought back, or brought in line. */
  readonly restored: number;
  /** There already. */
  readonly present: number;
  readonly skipped: number;
}

export interface RestoreReport {
  readonly runId: string;
  readonly dryRun: boolean;
  readonly status: RestoreStatus;
  readonly manifests: Restored;
  readonly tags: Restored;
  /** `_layers` links that the run removed by themselves; those of restored manifests are not counted. */
  readonly links: Restored;
  readonly blobs: {
    readonly restored: number;
    /** Of those restored. */
    readonly bytes: number;
    readonly present: number;
    readonly lost: number;
  };
  /** Deleted uploads: they cannot be brought back. */
  readonly uploads: number;
  readonly skipped: readonly Skipped[];
  readonly startedAt: string;
  readonly durationMs: number;
}

/** Entries of `skipped`. */
export const MAX_SKIPPED = 1000;

/** Those that make an undo partial; the others are as they should be. */
const AMISS: ReadonlySet<SkippedCode> = new Set([
  ...(['lost', 'failed', 'unreadable', 'unfinished', 'other-run'] as const),
]);

/** Counts as the undo goes. */
export class RestoreTally {
  readonly manifests = { restored: 0, present: 0, skipped: 0 };
  readonly tags = { restored: 0, present: 0, skipped: 0 };
  readonly links = { restored: 0, present: 0, skipped: 0 };
  readonly blobs = { restored: 0, bytes: 0, present: 0, lost: 0 };
  uploads = 0;
  /** Failures of single items so far. */
  failures = 0;
  /** Why the undo ends before all was looked at. */
  unfinished: string | undefined;
  /** Something was written. */
  changed = false;
  readonly #counted = new KeySet();
  readonly #skipped: Skipped[] = [];
  #amiss = false;

  /** @returns whether it has not been counted before: a run may journal a thing twice, and what it needs too. */
  first(what: string): boolean {
    return this.#counted.add(what);
  }

  skip(skipped: Skipped): void {
    if (AMISS.has(skipped.code)) this.#amiss = true;
    if (this.#skipped.length < MAX_SKIPPED) this.#skipped.push(skipped);
  }

  /** Nothing has gone amiss so far. */
  get isClean(): boolean {
    return !this.#amiss;
  }

  report(about: Pick<RestoreReport, 'runId' | 'dryRun' | 'startedAt' | 'durationMs'>): RestoreReport {
    const { runId, dryRun, startedAt, durationMs } = about;
    return {
      ...{ runId, dryRun, status: this.#amiss ? 'partial' : 'restored' },
      manifests: { ...this.manifests },
      tags: { ...this.tags },
      links: { ...this.links },
      blobs: { ...this.blobs },
      uploads: this.uploads,
      skipped: this.#skipped,
      ...{ startedAt, durationMs },
    };
  }
}
