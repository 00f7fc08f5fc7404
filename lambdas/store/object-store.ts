/**
 * The port to the registry's bucket: what S3 offers and the protocol needs. The same code runs over S3, over
 * memory, and over a preview that is thrown away.
 */

export interface ObjectHead {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** With its quotes, as S3 sends it. */
  readonly etag: string;
  readonly lastModified: Date;
  /** Present when the bucket is versioned. */
  readonly versionId?: string;
}

export interface StoredObject extends ObjectHead {
  readonly body: Uint8Array;
}

export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
  readonly lastModified: Date;
  /** Bytes; 0 for a delete marker. */
  readonly size: number;
  /** Absent for a delete marker. */
  readonly etag?: string;
}

/** One version of an object, or one delete marker, by name. */
export interface VersionName {
  readonly key: string;
  readonly versionId: string;
}

export interface ListPage {
  readonly objects: readonly Omit<ObjectHead, 'versionId'>[];
  /** With a delimiter: the common prefixes, each ending in it. */
  readonly prefixes: readonly string[];
  /** Where to go on; absent at the end. */
  readonly next?: string;
}

export interface ListOptions {
  readonly delimiter?: string;
  /** Of the page before. */
  readonly next?: string;
  /** For the first page: the keys behind this one, whether it is there or not. */
  readonly after?: string;
}

export type DeleteOutcome =
  | {
      readonly deleted: true;
      /** The delete marker's version, on a versioned bucket. */
      readonly marker?: string;
    }
  | { readonly deleted: false; readonly reason: 'changed' | 'absent' };

export interface DeletedObject {
  readonly key: string;
  readonly marker?: string;
  /** Where a version was named: the one that is gone. */
  readonly versionId?: string;
}

export interface FailedDelete {
  readonly key: string;
  readonly versionId?: string;
  readonly code: string;
  readonly message: string;
}

export interface DeleteResult {
  readonly deleted: readonly DeletedObject[];
  /** Keys S3 answered with an error for, each with its code; they may or may not still exist. */
  readonly failed: readonly FailedDelete[];
}

export interface MultipartUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: Date;
}

export interface PutOptions {
  /** Puts only where no object is. @default false */
  readonly ifAbsent?: boolean;
  /**
   * With `ifAbsent`: nobody else ever writes this key, so that it need not be looked for first.
   *
   * @default false
   */
  readonly unique?: boolean;
}

/**
 * All destructive calls (`delete`, `deleteMany`, `deleteVersion`, `deleteVersions`, `abortUpload`) check the run's
 * deadline right before each attempt is signed (protocol, "one run at a time") and throw `DeadlineError` when it has
 * passed.
 */
export interface ObjectStore {
  head(key: string): Promise<ObjectHead | undefined>;
  /** @throws ObjectTooLargeError before reading the body when it is larger than `maxBytes`. */
  get(key: string, maxBytes?: number): Promise<StoredObject | undefined>;
  /** @returns false when `ifAbsent` is asked for and an object is there, be it one that this call has put. */
  put(key: string, body: Uint8Array | string, options?: PutOptions): Promise<boolean>;
  /** One page of at most 1,000 keys in key order, after `next` of the page before. */
  list(prefix: string, options?: ListOptions): Promise<ListPage>;
  /** All versions and delete markers of exactly this key, newest first; empty where the bucket has none. */
  versions(key: string): Promise<ObjectVersion[]>;
  /**
   * All versions and delete markers of the keys under the prefix, page by page, each once and in no order to rely on.
   * Where versioning was never on they are the objects, with the id `null`.
   */
  versionsUnder(prefix: string): AsyncIterable<readonly ObjectVersion[]>;
  /** Deletes if the current ETag is still `ifMatch`. */
  delete(key: string, ifMatch: string): Promise<DeleteOutcome>;
  /** Any number of keys, sent in requests of at most 1,000. */
  deleteMany(keys: readonly string[]): Promise<DeleteResult>;
  deleteVersion(key: string, versionId: string): Promise<void>;
  /** Permanently, any number of versions and markers, sent in requests of at most 1,000. */
  deleteVersions(versions: readonly VersionName[]): Promise<DeleteResult>;
  /** Whether a deletion can be taken back: only `enabled` versioning allows it. */
  versioning(): Promise<'enabled' | 'suspended' | 'off'>;
  /** Multipart uploads in progress under the prefix. */
  multipartUploads(prefix: string): AsyncIterable<MultipartUpload>;
  /** Bytes of the parts that a multipart upload has stored. */
  multipartBytes(upload: MultipartUpload): Promise<number>;
  abortUpload(upload: MultipartUpload): Promise<void>;
}

/** The bucket does not exist or may not be read. */
export class BucketMissingError extends Error {
  override readonly name = 'BucketMissingError';
}

/** The object is larger than what the caller was ready to read. */
export class ObjectTooLargeError extends Error {
  override readonly name = 'ObjectTooLargeError';
}

/**
 * A destructive request was sent that nobody has answered, and it is too late to send it again: it may yet be carried out, for
 * as long as AWS takes what was signed.
 */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
}

/** The process's hard deadline has passed, so a destructive request was not sent. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}
