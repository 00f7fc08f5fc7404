/**
 * Uploads under `_uploads`: those that nobody has written to for a week, and versions that finished ones left behind;
 * and S3 multipart uploads of that age.
 */
import { UPLOAD_AGE, uploadDueAt } from '../index/apply-upload.ts';
import { toUpload, type UploadItem, uploadKey } from '../store/items.ts';
import type { UploadContents } from '../store/registry-bucket.ts';
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
    const dueAt = uploadDueAt(found);
    if (dueAt > run.now()) {
      await settleQueue(run, key, upload, { at: dueAt });
      return 'left';
    }
    if (run.limit?.allowsUpload(name, uuid, found.size) === false) return 'left';
    if (!(await deleteUpload(run, upload, found))) return 'left';
    run.tally.uploads.deleted++;
  }
  await run.metadata.table.remove(key, { equals: { version: upload.version } });
  return 'progress';
}

/**
 * Deletes what was found of an upload, on a bucket with versions for good: none of it was ever part of an image, and
 * it cannot be undone. Only what was found goes, by its version id, so what a client writes meanwhile stays.
 *
 * @returns whether all of it is gone.
 */
async function deleteUpload(run: Run, { name, uuid }: UploadItem, found: UploadContents): Promise<boolean> {
  const { isOpen, parts, size } = found;
  const keys = [...new Set(parts.map(({ key }) => key))];
  const reason = isOpen ? 'abandoned' : 'finished';
  await run.journal.write([{ action: 'delete-upload', reason, repository: name, upload: uuid, keys, size }]);

  // The journal took its time: an abandoned upload may have been gone on with. A finished one cannot be, but what
  // is current would say that the listing of versions was misread.
  const writtenAt = await run.bucket.uploadWrittenAt(name, uuid);
  const state = writtenAt === undefined ? undefined : { isOpen: true, writtenAt };
  if (isOpen !== (state !== undefined)) return false;
  if (state !== undefined && uploadDueAt(state) > run.now()) return false;

  const versions = parts.flatMap(({ key, versionId }) =>
    versionId === undefined ? [] : [{ key, versionId }],
  );
  const { failed } =
    versions.length > 0 ? await run.bucket.objects.deleteVersions(versions) : await run.deleteObjects(keys);
  run.tally.fail(failed, { repository: name });
  const refused = new Set(failed.map(nameOf));
  for (const part of parts) if (!refused.has(nameOf(part))) run.tally.uploads.bytes += part.size;
  return failed.length === 0;
}

function nameOf({ key, versionId = '' }: { readonly key: string; readonly versionId?: string }): string {
  return `${versionId}\n${key}`;
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
    if (run.limit?.allowsMultipart(upload) === false) continue;
    const parsed = layout.parse(upload.key);
    const repository = parsed.kind === 'upload' ? parsed.name : undefined;
    if (parsed.kind !== 'upload' && parsed.kind !== 'blob') continue;
    if (repository !== undefined ? !run.policy.inScope(repository) : run.request.repositories.length > 0)
      continue;
    // One begun long ago may still be written to: the registry writes its hash state with every chunk.
    if (parsed.kind === 'upload') {
      const found = await run.bucket.upload(parsed.name, parsed.uuid);
      if (found?.isOpen && uploadDueAt(found) > run.now()) continue;
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
