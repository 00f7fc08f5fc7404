/** One DeleteObjects request: of keys, or of versions for good. */
import { DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Pause, retried } from './backoff.ts';
import { guarded } from './deadline.ts';
import type { DeletedObject, DeleteResult, FailedDelete } from './object-store.ts';
import { isThrottling, notConfirmed, type Target } from './s3-answers.ts';

/** Tries of one batch of deletions that S3 throttles as a whole, each with the SDK's own retries inside. */
const MAX_THROTTLED_TRIES = 4;

export interface Deletions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Called right before each attempt is signed. */
  readonly guard: () => void;
  readonly pause: Pause;
}

/** Throttled as a whole it is sent again; deleting a thing a second time changes nothing but markers. */
export async function deleteBatch(deletions: Deletions, targets: readonly Target[]): Promise<DeleteResult> {
  return await retried(() => send(deletions, targets), {
    tries: MAX_THROTTLED_TRIES,
    passing: isThrottling,
    pause: deletions.pause,
  });
}

async function send({ client, bucket, guard }: Deletions, targets: readonly Target[]): Promise<DeleteResult> {
  const objects = targets.map(({ key, versionId }) => ({
    Key: key,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
  }));
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: false } });
  const output = await client.send(guarded(command, guard));
  const byVersion = targets.some(({ versionId }) => versionId !== undefined);
  const versionOf = (id: string | undefined) => (byVersion && id ? { versionId: id } : {});
  const deleted = (output.Deleted ?? []).map(
    ({ Key: key = '', VersionId: id, DeleteMarkerVersionId: marker }): DeletedObject => ({
      key,
      // Of a marker that was named, S3 says once more that it is one.
      ...(marker && !byVersion ? { marker } : {}),
      ...versionOf(id),
    }),
  );
  const failed = (output.Errors ?? []).map(
    ({ Key: key = '', VersionId: id, Code: code = 'Unknown', Message: message = '' }): FailedDelete => ({
      key,
      ...versionOf(id),
      code,
      message,
    }),
  );
  return { deleted, failed: [...failed, ...notConfirmed(targets, [...deleted, ...failed])] };
}
