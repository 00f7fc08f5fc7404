/** What a rebuild found and repaired. */
import type { Digest } from '../registry/digest.ts';
import type { RestoredBlob } from '../store/hold.ts';

export type Kind = 'repositories' | 'manifests' | 'tags' | 'links' | 'blobs' | 'uploads' | 'edges';

export type Counts = Record<Kind, number>;

export interface Unreadable {
  readonly repository: string;
  /** A manifest's digest or a tag's name. */
  readonly what: string;
  readonly detail: string;
}

export interface ReindexReport {
  /** What the bucket holds. */
  readonly found: Counts;
  /** Drift: what the bucket held and the table did not say. */
  readonly added: Counts;
  /** Drift: what the table said and the bucket no longer held. */
  readonly removed: Counts;
  /** What is kept because it could not be read or understood. */
  readonly unreadable: readonly Unreadable[];
  /** Blobs that a manifest or link needs and the bucket does not hold. */
  readonly lost: readonly Digest[];
  /** Blobs that were deleted and are visible again, because a manifest or link needs them. */
  readonly restored: readonly Digest[];
  /** Keys that did not settle because a run was deleting their targets; the next rebuild finishes them. */
  readonly postponed: number;
  /** Objects under the registry's root that are not of its layout; left alone. */
  readonly unrecognised: number;
  readonly durationMs: number;
}

const zero = (): Counts => ({
  repositories: 0,
  manifests: 0,
  tags: 0,
  links: 0,
  blobs: 0,
  uploads: 0,
  edges: 0,
});

export class ReindexReporter {
  readonly found = zero();
  readonly added = zero();
  readonly removed = zero();
  readonly unreadable: Unreadable[] = [];
  readonly lost = new Set<Digest>();
  readonly restored: RestoredBlob[] = [];
  postponed = 0;
  unrecognised = 0;

  report(durationMs: number): ReindexReport {
    const { found, added, removed, unreadable, lost, restored, postponed, unrecognised } = this;
    unreadable.sort((a, b) => (a.repository + a.what < b.repository + b.what ? -1 : 1));
    return {
      ...{ found, added, removed, unreadable, postponed, unrecognised, durationMs },
      lost: [...lost].sort(),
      restored: [...new Set(restored.map(({ digest }) => digest))].sort(),
    };
  }
}
