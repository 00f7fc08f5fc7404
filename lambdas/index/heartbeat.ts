/**
 * The heartbeat travels the way of every other change: an object written to the bucket, its event, the queue, the
 * indexer. A broken event rule must never look like "no new pushes" (protocol section 5).
 */
import { heartbeatKey, reindexKey } from '../store/items.ts';
import type { Metadata } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { IndexContext } from './context.ts';

/** How long a heartbeat's object stays: far longer than any delay after which its event still says something. */
const KEPT = 24 * 3_600_000;

export interface Beat {
  readonly objects: ObjectStore;
  /** In the registry's bucket, outside the registry's root, ending in a slash. */
  readonly prefix: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Unique; each beat has a key of its own, so that a late event never passes for a later beat. */
  readonly id: string;
}

/** Writes a heartbeat. @throws what S3 throws. */
export async function writeHeartbeat({ objects, prefix, now, id }: Beat): Promise<void> {
  await objects.put(`${prefix}${id}`, `${JSON.stringify({ writtenAt: new Date(now).toISOString() })}\n`);
}

/**
 * Deletes the heartbeats of yesterday and before. A run does not, so that its role need not be allowed to.
 *
 * @throws what S3 throws; an old one that S3 did not delete is deleted with the next.
 */
export async function removeOldHeartbeats({ objects, prefix, now }: Omit<Beat, 'id'>): Promise<void> {
  const { objects: beats } = await objects.list(prefix);
  const old = beats.filter(({ lastModified }) => lastModified.getTime() < now - KEPT);
  if (old.length > 0) await objects.deleteMany(old.map(({ key }) => key));
}

/**
 * An event has told of a heartbeat: changes up to when it was written can be expected in the table. The time is S3's
 * own, as the object has it; one that is not there tells nothing.
 *
 * @returns whether it is there.
 */
export async function seeHeartbeat(context: IndexContext, key: string): Promise<boolean> {
  const beat = await context.bucket.objects.head(key);
  if (beat === undefined) return false;
  await advance(context.metadata, { writtenAt: beat.lastModified.getTime(), seenAt: context.now() });
  return true;
}

/**
 * A rebuild has gone through the whole bucket. It counts as a heartbeat too, written at its start.
 *
 * @param startedAt milliseconds since the epoch.
 */
export async function recordReindex({ metadata, now }: IndexContext, startedAt: number): Promise<void> {
  await metadata.nameOrigin();
  const change = { set: { startedAt, finishedAt: now() }, add: { version: 1 } };
  await metadata.table.update(reindexKey, change, laterThan({ startedAt }));
  await advance(metadata, { writtenAt: startedAt, seenAt: now() });
}

async function advance(
  { table }: Metadata,
  { writtenAt, seenAt }: { readonly writtenAt: number; readonly seenAt: number },
): Promise<void> {
  const change = { set: { writtenAt, seenAt }, add: { version: 1 } };
  await table.update(heartbeatKey, change, laterThan({ writtenAt }));
}

/** Beats arrive in any order: none sets the time back. */
const laterThan = (time: Readonly<Record<string, number>>) => ({
  any: [{ absent: true } as const, { lessThan: time }],
});
