/** What a restore did, as its callers see it (docs/events.md). */
import type { Digest } from '../registry/digest.ts';

export type RestoreStatus = 'restored' | 'partial';

export interface Counts {
  readonly restored: number;
  /** There already: never gone, pushed again, or restored before. */
  readonly present: number;
  /** Left away, each with its reason among `skipped`. */
  readonly skipped: number;
}

export interface Skipped {
  readonly what: string;
  readonly reason: string;
}

export interface RestoreReport {
  readonly runId: string;
  readonly dryRun: boolean;
  /** `partial`: data is gone for good, a line of the journal cannot be read, or the time was up. */
  readonly status: RestoreStatus;
  readonly manifests: Counts;
  readonly tags: Counts;
  readonly links: Counts;
  readonly blobs: Counts & {
    /** Bytes of the data that was hidden and is visible again. */
    readonly bytes: number;
  };
  /** Uploads that the run removed: they were nobody's image and do not come back. */
  readonly uploads: number;
  /** Data that the run or another one deleted, and of which no version is left. */
  readonly lost: readonly Digest[];
  readonly skipped: readonly Skipped[];
  readonly startedAt: string;
  readonly durationMs: number;
}

/** Entries of `skipped` and `lost`. */
const MAX_LISTED = 1000;

export type Kind = 'manifests' | 'tags' | 'links' | 'blobs';

/** Counts as the restore goes. A journal may tell of one thing twice; it counts once. */
export class RestoreTally {
  readonly uploads = new Set<string>();
  readonly #outcomes = new Map<string, { readonly kind: Kind; readonly outcome: keyof Counts }>();
  readonly #bytes = new Map<Digest, number>();
  readonly #skipped: Skipped[] = [];
  readonly #lost = new Set<Digest>();
  /** Something could not be done that was asked for. */
  incomplete = false;

  restored(kind: Kind, what: string): void {
    this.#outcomes.set(`${kind} ${what}`, { kind, outcome: 'restored' });
  }

  present(kind: Kind, what: string): void {
    this.#once(kind, what, 'present');
  }

  skip(kind: Kind, what: string, reason: string): void {
    if (this.#once(kind, what, 'skipped')) this.#note({ what, reason });
  }

  /** Data came back. @param size bytes. */
  visible(digest: Digest, size: number): void {
    this.#bytes.set(digest, size);
  }

  lost(digest: Digest): void {
    this.incomplete = true;
    if (this.#lost.size < MAX_LISTED) this.#lost.add(digest);
  }

  fail(what: string, reason: string): void {
    this.incomplete = true;
    this.#note({ what, reason });
  }

  get changed(): boolean {
    return [...this.#outcomes.values()].some(({ outcome }) => outcome === 'restored');
  }

  report(about: { runId: string; dryRun: boolean; startedAt: number; now: number }): RestoreReport {
    const { runId, dryRun, startedAt, now } = about;
    return {
      ...{ runId, dryRun, status: this.incomplete ? 'partial' : 'restored' },
      manifests: this.#counts('manifests'),
      tags: this.#counts('tags'),
      links: this.#counts('links'),
      blobs: {
        ...this.#counts('blobs'),
        bytes: [...this.#bytes.values()].reduce((sum, size) => sum + size, 0),
      },
      uploads: this.uploads.size,
      lost: [...this.#lost].sort(),
      skipped: this.#skipped,
      startedAt: new Date(startedAt).toISOString(),
      durationMs: now - startedAt,
    };
  }

  #counts(kind: Kind): Counts {
    const counts = { restored: 0, present: 0, skipped: 0 };
    for (const one of this.#outcomes.values()) if (one.kind === kind) counts[one.outcome]++;
    return counts;
  }

  #once(kind: Kind, what: string, outcome: keyof Counts): boolean {
    const id = `${kind} ${what}`;
    if (this.#outcomes.has(id)) return false;
    this.#outcomes.set(id, { kind, outcome });
    return true;
  }

  #note(skipped: Skipped): void {
    if (this.#skipped.length < MAX_LISTED) this.#skipped.push(skipped);
  }
}
