/** The items of runs: what the table remembers of each prune that took the lock (docs/metadata.md). */
import * as v from 'valibot';
import { runsPk, UnknownItemError } from './items.ts';
import type { Item, Key, Table } from './table.ts';

export const runKey = (runId: string): Key => ({ pk: runsPk, sk: runId });

const counts = v.exactOptional(v.record(v.string(), v.number()));

/** All but the first two are optional: a run that is under way, or did not live to its end, has not all of them. */
const runSchema = v.object({
  version: v.number(),
  status: v.string(),
  mode: v.exactOptional(v.string()),
  trigger: v.exactOptional(v.string()),
  startedAt: v.exactOptional(v.string()),
  durationMs: v.exactOptional(v.number()),
  spaceReclaimed: v.exactOptional(v.number()),
  manifests: counts,
  blobs: counts,
  links: counts,
  uploads: counts,
  refusals: v.exactOptional(v.number()),
  journal: v.exactOptional(v.string()),
  recoverable: v.exactOptional(v.boolean()),
  recoverableUntil: v.exactOptional(v.string()),
  restoredAt: v.exactOptional(v.string()),
  /** The hash of the plan that it applies. */
  plan: v.exactOptional(v.string()),
  owner: v.exactOptional(v.string()),
  /** When it last told how far it is, while it runs. */
  progressAt: v.exactOptional(v.string()),
});

export type RunItem = v.InferOutput<typeof runSchema> & { readonly runId: string };

function toRun(item: Item): RunItem {
  const result = v.safeParse(runSchema, item);
  if (result.success) return { ...result.output, runId: item.sk };
  const [issue] = result.issues;
  throw new UnknownItemError(item, `${v.getDotPath(issue) ?? 'item'}: ${issue.message}`);
}

/**
 * Where a run said that its journal is, or where it would be: as a prefix in the bucket.
 *
 * @param journalPrefix of all journals, ending in a slash.
 */
export function journalPrefixOf(
  runId: string,
  journal: string | undefined,
  { bucketName, journalPrefix }: { readonly bucketName: string; readonly journalPrefix: string },
): string {
  const place = `s3://${bucketName}/`;
  return journal?.startsWith(place) ? journal.slice(place.length) : `${journalPrefix}${runId}/`;
}

/** @returns undefined when no such run is known. */
export async function readRun(table: Table, runId: string): Promise<RunItem | undefined> {
  if (runId === '') return undefined;
  const item = await table.get(runKey(runId));
  return item && toRun(item);
}

/**
 * The newest runs, newest first. Run ids sort by time, and a year of runs, which is all there are, is some pages.
 *
 * @param limit at most so many; 1 or more.
 */
export async function latestRuns(table: Table, limit: number): Promise<RunItem[]> {
  let latest: Item[] = [];
  let after: Key | undefined;
  do {
    const page = await table.query(runsPk, after === undefined ? {} : { after });
    latest = [...latest, ...page.items].slice(-limit);
    after = page.next;
  } while (after !== undefined);
  return latest.reverse().map(toRun);
}
