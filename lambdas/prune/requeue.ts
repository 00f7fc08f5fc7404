/** What a decision to keep something does to the queue. */
import type { Key } from '../store/table.ts';
import type { Run } from './run.ts';

export type QueueChange = 'unqueue' | 'leave' | { readonly at: number };

interface Queued {
  readonly version: number;
  readonly queue?: string;
  readonly dueAt?: number;
}

/** On the version that was read: whatever was touched since stays queued as the toucher left it. */
export async function settleQueue(run: Run, key: Key, item: Queued, change: QueueChange): Promise<void> {
  if (change === 'leave' || item.queue === undefined) return;
  if (change === 'unqueue') await run.metadata.transition(key, item.version, {}, ['queue', 'dueAt']);
  else if (item.dueAt !== change.at) await run.metadata.transition(key, item.version, { dueAt: change.at });
}
