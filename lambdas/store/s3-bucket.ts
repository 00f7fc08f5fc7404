import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { chunked, type Pause, REAL_PAUSE, retried } from './backoff.ts';
import { guarded } from './deadline.ts';
import { bytesOf } from './etag.ts';
import { MAX_DELETE_KEYS } from './limits.ts';
import {
  BucketMissingError,
  type DeleteOutcome,
  type DeleteResult,
  type ListOptions,
  type ListPage,
  type MultipartUpload,
  type ObjectHead,
  type ObjectStore,
  ObjectTooLargeError,
  type ObjectVersion,
  type PutOptions,
  type StoredObject,
  type VersionName,
} from './object-store.ts';
import { named, nameOf, statusOf, type Target, toHead } from './s3-answers.ts';
import { deleteBatch } from './s3-deletions.ts';
import { listedPage } from './s3-listing.ts';
import { bytesOfParts, type MultipartMarker, type MultipartPage, multipartPage } from './s3-multipart.ts';
import { readVersions, type VersionMarker, type VersionPage, versionPage } from './s3-versions.ts';
import { sideBySide } from './side-by-side.ts';
import type { Versioning } from './version-stack.ts';

/** Tries of a conditional put that meets another one under way. */
const MAX_CONFLICTING_TRIES = 4;
/** Tries of a read whose body breaks off: the SDK tries a request again, but not what comes after its headers. */
const MAX_BROKEN_TRIES = 4;
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
    return await retried(() => this.#read(key, maxBytes), {
      tries: MAX_BROKEN_TRIES,
      passing: (error) => error instanceof BrokenBodyError,
      pause: this.#pause,
    });
  }

  async #read(key: string, maxBytes: number): Promise<StoredObject | undefined> {
    try {
      const output = await this.#known(this.#client.send(new GetObjectCommand({ ...this.#in, Key: key })));
      const { Body: body } = output;
      if (body === undefined) throw new Error(`S3 answered for ${key} without a body`);
      if ((output.ContentLength ?? 0) > maxBytes) {
        // Unread, the body would keep its connection.
        if (body instanceof Readable) body.destroy();
        throw tooLarge(key, output.ContentLength, maxBytes);
      }
      const bytes = await body.transformToByteArray().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new BrokenBodyError(`S3's answer for ${key} broke off: ${reason}`, { cause: error });
      });
      if (bytes.byteLength > maxBytes) throw tooLarge(key, bytes.byteLength, maxBytes);
      return { ...toHead(key, { ...output, ContentLength: bytes.byteLength }), body: bytes };
    } catch (error) {
      if (named(error, 'NoSuchKey')) return undefined;
      throw error;
    }
  }

  /**
   * S3 looks for an object itself (`If-None-Match`). It is looked for here first, because stores that ignore the
   * header would put all the same; there, a put within the two requests goes unseen and is replaced. A key that is
   * `unique` is not: whoever may append alone could not look.
   *
   * When the answer to a put is lost, the SDK's next attempt finds its object: false may be of this very call.
   */
  async put(key: string, body: Uint8Array | string, options: PutOptions = {}): Promise<boolean> {
    const { ifAbsent = false, unique = false } = options;
    if (ifAbsent && !unique && (await this.head(key)) !== undefined) return false;
    const input = { ...this.#in, Key: key, Body: bytesOf(body), ...(ifAbsent ? { IfNoneMatch: '*' } : {}) };
    const put = () => this.#known(this.#client.send(new PutObjectCommand(input)));
    // 409: someone else is writing the key right now, and may yet fail.
    const passing = (error: unknown) => ifAbsent && statusOf(error) === 409;
    try {
      await retried(put, { tries: MAX_CONFLICTING_TRIES, passing, pause: this.#pause });
      return true;
    } catch (error) {
      if (ifAbsent && statusOf(error) === 412) return false;
      throw error;
    }
  }

  list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    return this.#known(listedPage(this.#client, this.#bucket, prefix, options));
  }

  versions(key: string): Promise<ObjectVersion[]> {
    return this.#known(readVersions(this.#client, this.#bucket, key));
  }

  async *versionsUnder(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    let from: VersionMarker | undefined = {};
    while (from !== undefined) {
      const page: VersionPage = await this.#known(versionPage(this.#client, this.#bucket, prefix, from));
      yield page.versions;
      from = page.next;
    }
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

  deleteMany(keys: readonly string[]): Promise<DeleteResult> {
    return this.#deleteAll(keys.map((key) => ({ key })));
  }

  async deleteVersion(key: string, versionId: string): Promise<void> {
    const command = new DeleteObjectCommand({ ...this.#in, Key: key, VersionId: versionId });
    await this.#known(this.#client.send(guarded(command, this.#guard)));
  }

  deleteVersions(versions: readonly VersionName[]): Promise<DeleteResult> {
    return this.#deleteAll(versions.map(({ key, versionId }) => ({ key, versionId })));
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

  async #deleteAll(targets: readonly Target[]): Promise<DeleteResult> {
    const unique = new Map(targets.map((target) => [nameOf(target), target]));
    const deletions = {
      client: this.#client,
      bucket: this.#bucket,
      guard: this.#guard,
      pause: this.#pause,
    };
    const results = await sideBySide(
      chunked([...unique.values()], MAX_DELETE_KEYS),
      (batch) => this.#known(deleteBatch(deletions, batch)),
      this.#concurrency,
    );
    return {
      deleted: results.flatMap(({ deleted }) => deleted),
      failed: results.flatMap(({ failed }) => failed),
    };
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

/** The connection was lost in the middle of an object. */
class BrokenBodyError extends Error {
  override readonly name = 'BrokenBodyError';
}

function tooLarge(key: string, bytes: number | undefined, maxBytes: number): ObjectTooLargeError {
  return new ObjectTooLargeError(`${key} has ${bytes} bytes, more than ${maxBytes}`);
}
