/** Abandoned uploads: `_uploads` that nobody has written to for a week, and S3 multipart uploads of that age. */
import { UPLOAD_AGE } from '../index/apply-upload.ts';
import { toUpload, uploadKey } from '../store/items.ts';
import type { DueEntry } from '../store/table.ts';
import type { Handled } from './manifests.ts';
import { settleQueue } from './requeue.ts';
import type { Run } from './run.ts';

/** One entry of the upload queue. */
export async function handleUpload(run: Run, entry: DueEntry): Promise<Handled> {
  if (run.policy.resolveOnly) return 'left';
  const row = await run.metadata.table.get(entry);
  if (row === undefined) return 'left';
  const upload = toUpload(row);
  const { name, uuid } = upload;
  if (!run.policy.inScope(name)) return 'left';

  const found = await run.bucket.upload(name, uuid);
  const key = uploadKey(name, uuid);
  if (found !== undefined) {
    const { keys, size, writtenAt } = found;
    if (writtenAt + UPLOAD_AGE > run.now()) {
      await settleQueue(run, key, upload, { at: writtenAt + UPLOAD_AGE });
      return 'left';
    }
    await run.journal.write([
      { action: 'delete-upload', reason: 'abandoned', repository: name, upload: uuid, keys, size },
    ]);
    const { failed } = await run.deleteObjects(keys);
    run.tally.fail(failed, { repository: name });
    if (failed.length > 0) return 'left';
    run.tally.uploads.deleted++;
    run.tally.uploads.bytes += size;
  }
  await run.metadata.table.remove(key, { equals: { version: upload.version } });
  return 'progress';
}

/**
 * Aborts multipart uploads of the registry that were begun a week ago: those of `_uploads`, and those by which a
 * large upload was being moved to its blob.
 */
export async function abortMultipartUploads(run: Run): Promise<void> {
  if (run.policy.resolveOnly) return;
  const { layout, objects } = run.bucket;
  for await (const upload of objects.multipartUploads(layout.prefix)) {
    if (run.isOver()) return;
    if (upload.initiated.getTime() + UPLOAD_AGE > run.now()) continue;
    const parsed = layout.parse(upload.key);
    const repository = parsed.kind === 'upload' ? parsed.name : undefined;
    if (parsed.kind !== 'upload' && parsed.kind !== 'blob') continue;
    if (repository !== undefined ? !run.policy.inScope(repository) : run.request.repositories.length > 0)
      continue;
    // One begun long ago may still be written to: the registry writes its hash state with every chunk.
    if (parsed.kind === 'upload') {
      const found = await run.bucket.upload(parsed.name, parsed.uuid);
      if (found !== undefined && found.writtenAt + UPLOAD_AGE > run.now()) continue;
    }
    const size = await objects.multipartBytes(upload);
    const { key, uploadId } = upload;
    await run.journal.write([
      { action: 'abort-multipart', reason: 'abandoned', key, upload: uploadId, size },
    ]);
    await objects.abortUpload(upload);
    run.tally.uploads.deleted++;
    run.tally.uploads.bytes += size;
  }
}
