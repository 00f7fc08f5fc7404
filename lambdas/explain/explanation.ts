/** Why something is there, or is not. */
import type { Digest } from '../registry/digest.ts';
import type { State } from '../store/items.ts';
import type { Subject } from './subject.ts';

/**
 * `due`: the next run takes it, or the next step of its going. `kept`: it stays, for the reason given. `deleting`: a run
 * has taken it and has not ended with it. `unknown`: the table has no item of it.
 */
export type VerdictKind = 'due' | 'kept' | 'deleting' | 'deleted' | 'unknown';

export type Because =
  /** A tag holds it, at the end of the path. */
  | 'tag'
  /** It has not rested for long enough since it was last touched. */
  | 'grace'
  /** The blob has not been condemned for long enough. */
  | 'quarantine'
  /** The filters spare it, or something that goes only together with it. */
  | 'filter'
  /** It, or something above it, is not understood, or its repository holds something unreadable. */
  | 'problem'
  /** A push or a deletion is under way beside it. */
  | 'arriving'
  | 'departing'
  /** A manifest needs the blob. */
  | 'referenced'
  /** A repository links the blob, and the link may not go. */
  | 'linked'
  /** The repository is not one of those that are asked about. */
  | 'scope'
  /** A deletion could not be taken back. */
  | 'unversioned-bucket'
  /** Nothing holds or needs it. */
  | 'garbage';

export interface Verdict {
  readonly verdict: VerdictKind;
  /** Absent where there is nothing to give reasons for. */
  readonly because?: Because;
  /** One sentence. */
  readonly reason: string;
  /** When the reason ends by itself; null when that is not known. */
  readonly dueAt: string | null;
}

/** One step down from what holds it. */
export interface PathStep {
  /** `<repository>:<tag>` or a digest. */
  readonly what: string;
  /** How the step before it holds it. */
  readonly by?: 'named' | 'listed' | 'refers' | 'signs';
}

/** Who took it and when. */
export interface Deletion {
  readonly by: 'run' | 'client';
  /** Null where neither the journal nor the table tells. */
  readonly time: string | null;
  readonly runId?: string;
  readonly reason?: string;
  readonly journal?: string;
}

export interface ManifestExplanation extends Verdict {
  readonly repository: string;
  readonly digest: Digest;
  readonly state: State | 'unknown';
  /** From the tag that holds it down to it. */
  readonly path?: readonly PathStep[];
  /** Manifests and tags that go with it. */
  readonly goesWith?: readonly string[];
  /** What holds it once it has rested. */
  readonly afterwards?: Verdict;
  readonly deletion?: Deletion;
  readonly size?: number;
  readonly mediaType?: string;
  readonly pushedAt?: string;
  /** Every tag it ever had. */
  readonly taggedAs?: readonly string[];
}

export interface BlobExplanation extends Verdict {
  readonly digest: Digest;
  readonly state: State | 'unknown';
  readonly size?: number;
  /** Manifests that need it. */
  readonly references: number;
  /** The first thousand of them, `<repository>@<digest>`. */
  readonly referencedBy: readonly string[];
  readonly links: number;
  /** The first thousand of them. */
  readonly linkedBy: readonly {
    readonly repository: string;
    readonly linkedAt: string;
    /** No manifest of the repository needs it. */
    readonly stale: boolean;
  }[];
  /** Of a manifest that needs it: what holds that. */
  readonly path?: readonly PathStep[];
  readonly deletion?: Deletion;
}

export interface TagExplanation {
  readonly repository: string;
  readonly tag: string;
  /** What it names now; null when the table knows no such tag. */
  readonly digest: Digest | null;
  readonly taggedAt?: string;
  /** What had the tag, where there is none now. */
  readonly formerly: readonly ManifestExplanation[];
}

export interface Explanation {
  readonly subject: Subject;
  readonly at: string;
  readonly tag?: TagExplanation;
  readonly manifests: readonly ManifestExplanation[];
  readonly blob?: BlobExplanation;
  /** What holds for any run now: that it deletes nothing at all, or no data. */
  readonly refusals: readonly { readonly code: string; readonly message: string }[];
}
