/** What may become of one thing in a plan, and what comes of all of them together. */
import {
  type DropCode,
  type Dropped,
  MAX_DROPPED,
  type PlanCount,
  type PlanProgress,
} from '../prune/report.ts';
import { UnknownItemError } from '../store/items.ts';

export type Fate =
  | { readonly is: 'gone' }
  /** @param at milliseconds since the epoch; undefined when it is due already. */
  | { readonly is: 'pending'; readonly at?: number }
  | { readonly is: 'dropped'; readonly code: DropCode; readonly reason: string };

export const GONE: Fate = { is: 'gone' };
export const CHANGED: Fate = {
  is: 'dropped',
  code: 'changed',
  reason: 'it was pushed, tagged, mounted or linked since the plan was made',
};

export const PENDING: Fate = { is: 'pending' };
export const GOES_ON: Fate = {
  is: 'dropped',
  code: 'changed',
  reason: 'it was gone on with since the plan was made',
};

/** @throws what is not about the item's shape. */
export function unreadable(error: unknown): Fate {
  if (!(error instanceof UnknownItemError)) throw error;
  return { is: 'dropped', code: 'unreadable', reason: error.message };
}

class Count {
  planned = 0;
  gone = 0;
  pending = 0;
  dropped = 0;
}

/** Counts what has become of everything in a plan, and lists what was dropped. */
export class Fates {
  readonly #now: number;
  readonly #dropped: Dropped[] = [];
  #nextAt: number | undefined;
  readonly counts = { manifests: new Count(), links: new Count(), blobs: new Count(), uploads: new Count() };

  constructor(now: number) {
    this.#now = now;
  }

  note(kind: Dropped['kind'], what: string, fate: Fate): void {
    const count = this.counts[`${kind}s`];
    count.planned++;
    count[fate.is]++;
    if (fate.is === 'pending') {
      const at = Math.max(fate.at ?? this.#now, this.#now);
      this.#nextAt = Math.min(this.#nextAt ?? at, at);
    } else if (fate.is === 'dropped' && this.#dropped.length < MAX_DROPPED) {
      this.#dropped.push({ kind, what, code: fate.code, reason: fate.reason });
    }
  }

  end(hash: string): PlanProgress {
    const plain = (count: Count): PlanCount => ({ ...count });
    const { manifests, links, blobs, uploads } = this.counts;
    return {
      hash,
      ...{ manifests: plain(manifests), links: plain(links), blobs: plain(blobs), uploads: plain(uploads) },
      nextAt: this.#nextAt === undefined ? null : new Date(this.#nextAt).toISOString(),
      dropped: this.#dropped,
    };
  }
}
