/** What the workers of a run have counted: one object each, written once, when nothing of it is under way any more. */

import type { PruneDependencies } from '../prune/settings.ts';
import { type PartialTotals, parseTotals, type Tally } from '../prune/tally.ts';
import { TOTALS } from '../store/journal.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** Where the journal of a run is, as a prefix in the bucket. */
export const journalOf = ({ settings }: Pick<PruneDependencies, 'settings'>, runId: string): string =>
  `${settings.journalPrefix}${runId}/`;

const totalsKey = (journal: string, slice: string): string => `${journal}${TOTALS}${slice}.json`;

/** @param journal prefix of the run's journal. */
export async function putTotals(
  objects: ObjectStore,
  journal: string,
  slice: string,
  tally: Tally,
): Promise<void> {
  // False: an attempt before, whose answer was lost, has put it.
  await objects.put(totalsKey(journal, slice), JSON.stringify(tally), { ifAbsent: true, unique: true });
}

/** @returns undefined where there are none, `unreadable` where they are something else. */
export async function getTotals(
  objects: ObjectStore,
  journal: string,
  slice: string,
): Promise<PartialTotals | 'unreadable' | undefined> {
  const object = await objects.get(totalsKey(journal, slice));
  if (object === undefined) return undefined;
  return parseTotals(new TextDecoder().decode(object.body)) ?? 'unreadable';
}
