/**
 * What to do with one blob, decided anew from one consistent query (protocol, "for one blob"). Pure, but for the
 * look whether a repository references a blob that has more references than one page.
 */
import { type BlobItem, isInForce, type LinkEdge } from '../store/items.ts';
import type { BlobView } from '../store/metadata.ts';
import type { Run } from './run.ts';

export type BlobDecision =
  /** Nothing to do; `leave` where only this request must not. */
  | { readonly action: 'keep'; readonly queue: 'unqueue' | 'leave' | { readonly at: number } }
  /** Links of repositories in which nothing references it, and then whatever is left to do. */
  | { readonly action: 'unlink'; readonly links: readonly LinkEdge[]; readonly next: AfterUnlink }
  | { readonly action: 'condemn' }
  | { readonly action: 'sweep' };

export type AfterUnlink = 'condemn' | 'unqueue' | 'leave' | { readonly at: number };

/** A blob that has its item. */
export type KnownBlob = BlobView & { readonly item: BlobItem };

/** What the decision depends on beside the blob itself. */
export interface BlobContext {
  readonly now: number;
  readonly grace: number;
  readonly quarantine: number;
  readonly mayDelete: boolean;
  /** Whether the run may take the blob at all: it is in the plan, where there is one. */
  readonly mayTake: boolean;
  /** Whether a manifest of the repository references the blob. */
  readonly referencedIn: (name: string) => boolean;
  /** Whether links of the repository may go: in scope, and everything in it could be read. */
  readonly mayUnlink: (name: string) => boolean;
}

/** Decides on a blob that is `live` or `condemned`. */
export function decideBlob(view: KnownBlob, context: BlobContext): BlobDecision {
  const { item, links, references } = view;
  const { now, grace, quarantine } = context;
  const rested = item.touchedAt + grace;
  if (rested > now) return { action: 'keep', queue: { at: rested } };

  const referenced = references.some(isInForce);
  const stale = links.filter((link) => isInForce(link) && !context.referencedIn(link.name));
  if (item.state === 'condemned' && !referenced && stale.length === 0) {
    const due = (item.condemnedAt ?? now) + quarantine;
    if (due > now) return { action: 'keep', queue: { at: due } };
    return context.mayDelete && context.mayTake ? { action: 'sweep' } : { action: 'keep', queue: 'leave' };
  }
  const mine = stale.filter(({ name }) => context.mayUnlink(name));
  const ripe = mine.filter(({ linkedAt }) => linkedAt + grace <= now);
  const others = stale.length > mine.length;
  const free = afterUnlink(referenced, others, mine, ripe, grace);
  const rest = free === 'condemn' && !context.mayTake ? 'leave' : free;
  if (ripe.length > 0) return { action: 'unlink', links: ripe, next: rest };
  return rest === 'condemn' ? { action: 'condemn' } : { action: 'keep', queue: rest };
}

function afterUnlink(
  referenced: boolean,
  others: boolean,
  mine: readonly LinkEdge[],
  ripe: readonly LinkEdge[],
  grace: number,
): AfterUnlink {
  const young = mine.filter((link) => !ripe.includes(link)).map(({ linkedAt }) => linkedAt + grace);
  if (young.length > 0) return { at: Math.min(...young) };
  // Links of repositories that this request is not about, or must not touch, are for another one.
  if (others) return 'leave';
  return referenced ? 'unqueue' : 'condemn';
}

/** Reads what {@link decideBlob} needs and decides. */
export async function planBlob(run: Run, view: KnownBlob): Promise<BlobDecision> {
  const { policy, metadata, obstacles } = run;
  const referencing = new Set(view.references.filter(isInForce).map(({ name }) => name));
  const blocked = new Set<string>();
  for (const { name } of view.links.filter(isInForce)) {
    if (referencing.has(name)) continue;
    if (!view.complete && (await metadata.referencedIn(view.item.digest, name))) referencing.add(name);
    else if ((await obstacles.of(name)) !== undefined) blocked.add(name);
  }
  return decideBlob(view, {
    now: run.now(),
    grace: policy.grace,
    quarantine: policy.quarantine,
    mayDelete: policy.mayDelete,
    mayTake: run.limit?.allowsBlob(view.item) ?? true,
    referencedIn: (name) => referencing.has(name),
    mayUnlink: (name) =>
      policy.inScope(name) && !blocked.has(name) && (run.limit?.allowsLink(view.item, name) ?? true),
  });
}
