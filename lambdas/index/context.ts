/** What the indexer works with, and what applying one key can come to. */
import type { Digest } from '../registry/digest.ts';
import type { Held, Stores } from '../store/hold.ts';
import type { ProblemCode } from '../store/items.ts';

export interface IndexContext extends Stores {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds (protocol section 3). */
  readonly grace: number;
  /** Told of what is recorded and kept, though not all of it is understood or there. */
  readonly onProblem?: (problem: Problem) => void;
}

export interface Problem {
  readonly repository: string;
  readonly digest: Digest;
  readonly code: ProblemCode | 'child-missing';
  readonly detail: string;
}

export interface Hints {
  /**
   * When a target gained or lost an edge, in milliseconds since the epoch, from the object's `LastModified`. A
   * live event means now, the default; a rebuild knows better from the objects' own times.
   */
  readonly at?: (lastModified: Date) => number;
  /** Tags whose history names the manifest. */
  readonly taggedAs?: readonly string[];
}

export type Outcome =
  /** The table says what the bucket says. */
  | { readonly status: 'applied' }
  /** Try again later: a target is being deleted, or the item kept changing. */
  | { readonly status: 'retry'; readonly reason: string; readonly lost?: readonly Digest[] }
  /** Data that something needs is not in the bucket and cannot be brought back. */
  | { readonly status: 'lost'; readonly digests: readonly Digest[] }
  /** Not a key of the registry's layout. */
  | { readonly status: 'ignored' };

export const APPLIED: Outcome = { status: 'applied' };

export const retry = (reason: string) => ({ status: 'retry', reason }) as const;

/** What is lost in an outcome. */
export const lostIn = (outcome: Outcome): readonly Digest[] => {
  if (outcome.status === 'lost') return outcome.digests;
  return outcome.status === 'retry' ? (outcome.lost ?? []) : [];
};

/** One outcome for several: to be tried again if one of them is, with all that is lost. */
export function combine(outcomes: readonly Outcome[]): Outcome {
  const lost = outcomes.flatMap(lostIn);
  const again = outcomes.find((outcome) => outcome.status === 'retry');
  if (again !== undefined) return { ...again, lost };
  return lost.length > 0 ? { status: 'lost', digests: lost } : APPLIED;
}

/** What holding something came to, as an outcome. */
export function outcomeOf({ deleting, lost }: Held): Outcome {
  if (deleting.length > 0) return { ...retry(`being deleted: ${deleting.join(', ')}`), lost };
  return lost.length > 0 ? { status: 'lost', digests: lost } : APPLIED;
}
