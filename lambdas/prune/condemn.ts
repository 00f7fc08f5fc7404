import { type BlobItem, blobKey, blobQueue } from '../store/items.ts';
import type { Run } from './run.ts';

/** Nothing needs the blob any more; its bytes stay for the quarantine (protocol, blob step 3). */
export async function condemn(run: Run, item: BlobItem): Promise<void> {
  const condemnedAt = run.now();
  const set = {
    state: 'condemned',
    condemnedAt,
    queue: blobQueue(item.digest),
    dueAt: condemnedAt + run.policy.quarantine,
  };
  if ((await run.metadata.transition(blobKey(item.digest), item.version, set)) === undefined) return;
  run.tally.blobs.condemned++;
  run.tally.blobs.condemnedBytes += item.size ?? 0;
}
