/** Uploads under a repository's `_uploads`: in flight, abandoned, or finished with versions left of them. */
import { uploadKey, uploadQueue } from '../store/items.ts';
import type { UploadState } from '../store/upload-parts.ts';
import { APPLIED, type IndexContext, type Outcome } from './context.ts';

/** An upload that nobody has written to for this long is abandoned (milliseconds; distribution's own purge age). */
export const UPLOAD_AGE = 7 * 24 * 3_600_000;

/** From when on what there is of an upload may go (milliseconds since the epoch); what is left of a finished one, at once. */
export function uploadDueAt({ isOpen, writtenAt }: UploadState): number {
  return isOpen ? writtenAt + UPLOAD_AGE : writtenAt;
}

/**
 * Queues an upload for the day on which it would be abandoned, counted from what was last written of it. The registry
 * moves a finished one away by copy and delete, which on a bucket with versions leaves them under their markers:
 * these are due at once (protocol section 6).
 */
export async function applyUpload(
  context: IndexContext,
  name: string,
  uuid: string,
): Promise<Outcome | undefined> {
  const { metadata, bucket } = context;
  const key = uploadKey(name, uuid);
  const upload = await bucket.upload(name, uuid);
  if (upload === undefined) {
    await metadata.table.remove(key);
    return APPLIED;
  }
  const set = { startedAt: upload.writtenAt, queue: uploadQueue(uuid), dueAt: uploadDueAt(upload) };
  await metadata.table.update(key, { set, add: { version: 1 } });
  return APPLIED;
}
