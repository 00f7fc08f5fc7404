/** Uploads in flight or abandoned, under a repository's `_uploads`. */
import { uploadKey, uploadQueue } from '../store/items.ts';
import { APPLIED, type IndexContext, type Outcome } from './context.ts';

/** An upload that nobody has written to for this long is abandoned (milliseconds; distribution's own purge age). */
export const UPLOAD_AGE = 7 * 24 * 3_600_000;

/** Queues an upload for the day on which it would be abandoned, counted from what was last written of it. */
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
  const { writtenAt } = upload;
  const set = { startedAt: writtenAt, queue: uploadQueue(uuid), dueAt: writtenAt + UPLOAD_AGE };
  await metadata.table.update(key, { set, add: { version: 1 } });
  return APPLIED;
}
