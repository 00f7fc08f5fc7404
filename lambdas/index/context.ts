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
  | { readonly status: 'retry'; readonly reason: string }
  /** Data that something needs is not in the bucket and cannot be brought back. */
  | { readonly status: 'lost'; readonly digests: readonly Digest[] }
  /** Not a key of the registry's layout. */
  | { readonly status: 'ignored' };

export const APPLIED: Outcome = { status: 'applied' };

export const retry = (reason: string): Outcome => ({ status: 'retry', reason });

/** The one outcome that says most of several: what is lost, else that something is to be tried again. */
export function combine(outcomes: readonly Outcome[]): Outcome {
  const lost = outcomes.flatMap((outcome) => (outcome.status === 'lost' ? outcome.digests : []));
  if (lost.length > 0) return { status: 'lost', digests: lost };
  return outcomes.find((outcome) => outcome.status === 'retry') ?? APPLIED;
}

/** What holding something came to, as an outcome. */
export function outcomeOf({ deleting, lost }: Held): Outcome {
  if (lost.length > 0) return { status: 'lost', digests: lost };
  return deleting.length > 0 ? retry(`being deleted: ${deleting.join(', ')}`) : APPLIED;
}
