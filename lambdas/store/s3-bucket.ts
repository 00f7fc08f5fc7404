import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { backOff, chunked, type Pause, REAL_PAUSE } from './backoff.ts';
import { guarded } from './deadline.ts';
import { bytesOf } from './etag.ts';
import { MAX_DELETE_KEYS, MAX_LIST_KEYS } from './limits.ts';
import {
  BucketMissingError,
  type DeletedObject,
  type DeleteOutcome,
  type DeleteResult,
  type FailedDelete,
  type ListPage,
  type MultipartUpload,
  type ObjectHead,
  type ObjectStore,
  ObjectTooLargeError,
  type ObjectVersion,
  type StoredObject,
} from './object-store.ts';
import { decoder, isThrottling, named, notConfirmed, statusOf, toHead } from './s3-answers.ts';
import { bytesOfParts, type MultipartMarker, type MultipartPage, multipartPage } from './s3-multipart.ts';
import { readVersions } from './s3-versions.ts';
import { sideBySide } from './side-by-side.ts';
import type { Versioning } from './version-stack.ts';

/** Tries of one batch of deletions that S3 throttles as a whole, each with the SDK's own retries inside. */
const MAX_THROTTLED_TRIES = 4;
const BATCHES_AT_ONCE = 4;

export interface S3BucketOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Called right before each attempt of a destructive request is signed; throws when the deadline has passed. */
  readonly guard?: () => void;
  /** Batches of deletions under way at once. @default 4 */
  readonly concurrency?: number;
  /** @default the system's timer and randomness */
  readonly pause?: Pause;
}

/**
 * The registry's bucket in S3.
 * @example const bucket = new S3Bucket({ client: s3Client(), bucket: 'registry', guard: deadline.check });
 */
export class S3Bucket implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #guard: () => void;
  readonly #concurrency: number;
  readonly #pause: Pause;
  #exists: Promise<unknown> | undefined;

  constructor({
    client,
    bucket,
    guard = () => {},
    concurrency = BATCHES_AT_ONCE,
    pause = REAL_PAUSE,
  }: S3BucketOptions) {
    this.#client = client;
    this.#bucket = bucket;
    this.#guard = guard;
    this.#concurrency = concurrency;
    this.#pause = pause;
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    try {
      return toHead(key, await this.#client.send(new HeadObjectCommand({ ...this.#in, Key: key })));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      // An answer to HEAD has no body: a missing bucket looks like a missing key, and must not pass for one.
      await this.#assertExists();
      return undefined;
    }
  }

  async get(key: string, maxBytes = Number.POSITIVE_INFINITY): Promise<StoredObject | undefined> {
    try {
      const output = await this.#known(this.#client.send(new GetObjectCommand({ ...this.#in, Key: key })));
      const { Body: body } = output;
      if (body === undefined) throw new Error(`S3 answered for ${key} without a body`);
      if ((output.ContentLength ?? 0) > maxBytes) {
        // Unread, the body would keep its connection.
        if (body instanceof Readable) body.destroy();
        throw tooLarge(key, output.ContentLength, maxBytes);
      }
      const bytes = await body.transformToByteArray();
      if (bytes.byteLength > maxBytes) throw tooLarge(key, bytes.byteLength, maxBytes);
      return { ...toHead(key, { ...output, ContentLength: bytes.byteLength }), body: bytes };
    } catch (error) {
      if (named(error, 'NoSuchKey')) return undefined;
      throw error;
    }
  }

  async put(key: string, body: Uint8Array | string): Promise<void> {
    await this.#known(
      this.#client.send(new PutObjectCommand({ ...this.#in, Key: key, Body: bytesOf(body) })),
    );
  }

  async list(
    prefix: string,
    options: { readonly delimiter?: string; readonly next?: string } = {},
  ): Promise<ListPage> {
    const { delimiter, next } = options;
    const output = await this.#known(
      this.#client.send(
        new ListObjectsV2Command({
          ...this.#in,
          Prefix: prefix,
          MaxKeys: MAX_LIST_KEYS,
          EncodingType: 'url',
          ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
          ...(next === undefined ? {} : { ContinuationToken: next }),
        }),
      ),
    );
    const decode = decoder(output.EncodingType);
    return {
      objects: (output.Contents ?? []).map((object) =>
        toHead(decode(object.Key ?? ''), { ...object, ContentLength: object.Size }),
      ),
      prefixes: (output.CommonPrefixes ?? []).map(({ Prefix = '' }) => decode(Prefix)),
      ...(output.NextContinuationToken === undefined ? {} : { next: output.NextContinuationToken }),
    };
  }

  versions(key: string): Promise<ObjectVersion[]> {
    return this.#known(readVersions(this.#client, this.#bucket, key));
  }

  /**
   * S3 compares the ETag itself (`If-Match`). It is compared here first, because stores that ignore the header
   * would delete whatever there is; there, a change within the two requests goes unseen.
   *
   * When the answer to a deletion is lost, the SDK's next attempt finds nothing: `absent` may be this very call.
   */
  async delete(key: string, ifMatch: string): Promise<DeleteOutcome> {
    const found = await this.head(key);
    if (found === undefined) return { deleted: false, reason: 'absent' };
    if (found.etag !== ifMatch) return { deleted: false, reason: 'changed' };
    const command = new DeleteObjectCommand({ ...this.#in, Key: key, IfMatch: ifMatch });
    try {
      const output = await this.#known(this.#client.send(guarded(command, this.#guard)));
      const { DeleteMarker: marked, VersionId: marker } = output;
      return { deleted: true, ...(marked && marker !== undefined ? { marker } : {}) };
    } catch (error) {
      // 409: someone else is writing the key right now. Not found: it was there a moment ago, so someone, or an
      // earlier try of this very call whose answer was lost, has deleted it.
      if ([404, 409, 412].includes(statusOf(error) ?? 0)) return { deleted: false, reason: 'changed' };
      throw error;
    }
  }

  async deleteMany(keys: readonly string[]): Promise<DeleteResult> {
    const batches = chunked([...new Set(keys)], MAX_DELETE_KEYS);
    const results = await sideBySide(batches, (batch) => this.#deleteBatch(batch), this.#concurrency);
    return {
      deleted: results.flatMap(({ deleted }) => deleted),
      failed: results.flatMap(({ failed }) => failed),
    };
  }

  async deleteVersion(key: string, versionId: string): Promise<void> {
    const command = new DeleteObjectCommand({ ...this.#in, Key: key, VersionId: versionId });
    await this.#known(this.#client.send(guarded(command, this.#guard)));
  }

  async versioning(): Promise<Versioning> {
    try {
      const { Status: status } = await this.#known(
        this.#client.send(new GetBucketVersioningCommand(this.#in)),
      );
      if (status === 'Enabled') return 'enabled';
      return status === 'Suspended' ? 'suspended' : 'off';
    } catch (error) {
      if (named(error, 'NotImplemented') || statusOf(error) === 501) return 'off';
      throw error;
    }
  }

  async *multipartUploads(prefix: string): AsyncGenerator<MultipartUpload> {
    let from: MultipartMarker | undefined = {};
    while (from !== undefined) {
      const page: MultipartPage = await this.#known(multipartPage(this.#client, this.#in, prefix, from));
      yield* page.uploads;
      from = page.next;
    }
  }

  async multipartBytes(upload: MultipartUpload): Promise<number> {
    return await bytesOfParts(this.#client, this.#in, upload);
  }

  async abortUpload({ key, uploadId }: MultipartUpload): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.#in, Key: key, UploadId: uploadId });
    try {
      await this.#known(this.#client.send(guarded(command, this.#guard)));
    } catch (error) {
      if (!named(error, 'NoSuchUpload')) throw error;
    }
  }

  /** One request. Throttled as a whole it is sent again; deleting a key a second time changes nothing but markers. */
  async #deleteBatch(keys: readonly string[]): Promise<DeleteResult> {
    for (let attempt = 1; ; attempt++) {
      const command = new DeleteObjectsCommand({
        ...this.#in,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: false },
      });
      try {
        const output = await this.#known(this.#client.send(guarded(command, this.#guard)));
        const deleted = (output.Deleted ?? []).map(
          ({ Key: key = '', DeleteMarkerVersionId: marker }): DeletedObject => ({
            key,
            ...(marker ? { marker } : {}),
          }),
        );
        const failed = (output.Errors ?? []).map(
          ({ Key: key = '', Code: code = 'Unknown', Message: message = '' }): FailedDelete => ({
            key,
            code,
            message,
          }),
        );
        return { deleted, failed: [...failed, ...notConfirmed(keys, [...deleted, ...failed])] };
      } catch (error) {
        if (!isThrottling(error) || attempt >= MAX_THROTTLED_TRIES) throw error;
        await backOff(attempt, this.#pause);
      }
    }
  }

  /** Asked once: later a bucket is not expected to go away. */
  async #assertExists(): Promise<void> {
    this.#exists ??= this.#client.send(new HeadBucketCommand(this.#in)).catch((error: unknown) => {
      this.#exists = undefined;
      throw statusOf(error) === 404 ? this.#missing(error) : error;
    });
    await this.#exists;
  }

  async #known<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw named(error, 'NoSuchBucket') ? this.#missing(error) : error;
    }
  }

  #missing(cause: unknown): BucketMissingError {
    return new BucketMissingError(`The bucket "${this.#bucket}" does not exist`, { cause });
  }

  get #in(): { Bucket: string } {
    return { Bucket: this.#bucket };
  }
}

function tooLarge(key: string, bytes: number | undefined, maxBytes: number): ObjectTooLargeError {
  return new ObjectTooLargeError(`${key} has ${bytes} bytes, more than ${maxBytes}`);
}
