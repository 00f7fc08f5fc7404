/** What a dry run writes to. */
import { isBlobKey } from '../store/items.ts';
import { Metadata } from '../store/metadata.ts';
import { type Forgets, PreviewTable } from '../store/preview-table.ts';
import type { Item, Table } from '../store/table.ts';
import type { PruneRequest } from './request.ts';
import type { PruneSettings } from './settings.ts';

/** Whether all that a run sets free, or condemns, has to rest, and so is for a later one. */
export const restsFirst = ({ mode }: PruneRequest, { grace, quarantine }: PruneSettings): boolean =>
  mode === 'online' && grace > 0 && quarantine > 0;

/**
 * What a dry run reads, and writes in a preview of the table. Nobody looks again at a blob that loses a holder and has to rest then, unless it was due before:
 * a dry run of a large registry does not keep it.
 *
 * @param about the run: what it was asked for, and up to when it looks at the queue (milliseconds since the epoch).
 */
export function previewOf(
  table: Table,
  stamp: () => string,
  about: { readonly request: PruneRequest; readonly settings: PruneSettings; readonly startedAt: number },
): Metadata {
  if (!restsFirst(about.request, about.settings)) return new Metadata(new PreviewTable(table), stamp);
  const isDue = ({ dueAt }: Item): boolean => typeof dueAt === 'number' && dueAt <= about.startedAt;
  const forgets: Forgets = (after, before) =>
    isBlobKey(after) && after['state'] === 'live' && !isDue(after) && !isDue(before);
  return new Metadata(new PreviewTable(table, forgets), stamp, forgets);
}
