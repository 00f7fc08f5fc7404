/** What a decision to keep something does to the queue. */
import type { Key } from '../store/table.ts';
import type { Run } from './run.ts';

export type QueueChange = 'unqueue' | 'leave' | { readonly at: number };

interface Queued {
  readonly version: number;
  readonly queue?: string;
  readonly dueAt?: number;
}

/** What has been left for so long goes behind what is due after it (milliseconds). */
const TURN = 3_600_000;

/**
 * What one request leaves is due for others all the same. But runs that end before the queue does would look at it
 * first each time, and never come to what is behind it.
 */
async function passTo(run: Run, key: Key, { version, dueAt }: Queued): Promise<void> {
  const now = run.now();
  if (run.request.mode === 'offline' || dueAt === undefined || dueAt > now - TURN) return;
  await run.metadata.transition(key, version, { dueAt: now });
}

/** On the version that was read: whatever was touched since stays queued as the toucher left it. */
export async function settleQueue(run: Run, key: Key, item: Queued, change: QueueChange): Promise<void> {
  if (item.queue === undefined) return;
  if (change === 'leave') await passTo(run, key, item);
  else if (change === 'unqueue') await run.metadata.transition(key, item.version, {}, ['queue', 'dueAt']);
  else if (item.dueAt !== change.at) await run.metadata.transition(key, item.version, { dueAt: change.at });
}
