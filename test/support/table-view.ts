/** Two tables compared by what they say is in force now. */
import type { Item } from '../../lambdas/store/table.ts';

/** When and how often something was written says nothing about the registry. */
const INCIDENTAL = new Set([
  ...['version', 'gains', 'stamp', 'since', 'firstSeenAt', 'seenAt', 'writtenAt'],
  ...['touchedAt', 'dueAt', 'queue'],
]);

const BOOKKEEPING = new Set(['LOCK', 'RUNS', 'INDEX', 'REINDEX']);

/**
 * The items without bookkeeping, tombstones and removed edges, by key. Of the names a manifest ever had, only those are
 * compared that `isName` knows.
 */
export function inForce(
  items: readonly Item[],
  isName: (repository: string, tag: string, digest: string) => boolean = () => true,
): Map<string, Record<string, unknown>> {
  const view = new Map<string, Record<string, unknown>>();
  for (const item of items) {
    if (BOOKKEEPING.has(item.pk) || item['state'] === 'deleted' || item['removedAt'] !== undefined) continue;
    const entries = Object.entries(item).filter(([name]) => !INCIDENTAL.has(name));
    const { taggedAs, ...rest } = Object.fromEntries(entries);
    const [repository, digest] = [item.pk.slice('REPO#'.length), item.sk.slice('MANIFEST#'.length)];
    const names = Array.isArray(taggedAs)
      ? taggedAs.map(String).filter((tag) => isName(repository, tag, digest))
      : [];
    view.set(`${item.pk} ${item.sk}`, {
      ...rest,
      ...(taggedAs === undefined ? {} : { taggedAs: names.sort() }),
    });
  }
  return view;
}
