/** The bucket and the table compared: what a rebuild sees of either, and what it does where they differ. */
import type { RegistryKey } from '../registry/layout.ts';
import { UnknownItemError } from '../store/items.ts';
import { apply } from './apply.ts';
import { linkClaim } from './claims.ts';
import { APPLIED, type Hints, type IndexContext, lostIn, type Outcome } from './context.ts';
import type { Kind, ReindexReporter } from './reindex-report.ts';
import { keepStrange, strangeLink } from './strange.ts';

export interface Comparison {
  readonly context: IndexContext;
  readonly reporter: ReindexReporter;
  /** What the table claimed at the start. */
  readonly claimed: { readonly has: (claim: string) => boolean };
  /** What the listings have shown. */
  readonly shown: { readonly add: (claim: string) => unknown };
}

/** What a listing shows is remembered; if the table did not claim all of it, it is applied. */
export async function show(
  comparison: Comparison,
  kind: Kind,
  key: RegistryKey & { readonly lastModified: Date },
  claims: readonly string[],
): Promise<void> {
  for (const claim of claims) comparison.shown.add(claim);
  if (claims.every((claim) => comparison.claimed.has(claim))) return;
  comparison.reporter.added[kind]++;
  await settle(comparison, key, { at: (lastModified) => lastModified.getTime() });
}

/** Applies a key and counts what did not settle. */
export async function settle(comparison: Comparison, key: RegistryKey, hints: Hints): Promise<void> {
  const { reporter } = comparison;
  const outcome = await applied(comparison, key, hints);
  for (const digest of lostIn(outcome)) reporter.lost.add(digest);
  if (outcome.status === 'retry') reporter.postponed++;
}

async function applied(comparison: Comparison, key: RegistryKey, hints: Hints): Promise<Outcome> {
  try {
    return await apply(comparison.context, key, hints);
  } catch (error) {
    // A manifest's own item is reported by the caller.
    if (!(error instanceof UnknownItemError) || key.kind === 'revision') throw error;
    const { pk: repository, sk: what } = error.key;
    comparison.reporter.unreadable.push({ repository, what, detail: error.message });
    return APPLIED;
  }
}

/** What does not parse is counted, and kept if it may be a link. */
export async function showOther(
  { context, reporter, shown }: Comparison,
  other: readonly { readonly key: string; readonly lastModified: Date }[],
): Promise<void> {
  reporter.unrecognised += other.length;
  for (const { key, lastModified } of other) {
    const link = strangeLink(context.bucket.layout, key);
    if (link === undefined) continue;
    if (link.digest !== undefined) shown.add(linkClaim(link.name, link.digest, lastModified.getTime()));
    reporter.unreadable.push({ repository: link.name, what: key, detail: 'not of the known layout' });
    await keepStrange(context, key, link, lastModified.getTime());
  }
}
