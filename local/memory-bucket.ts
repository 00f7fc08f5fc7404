import { chunked } from '../lambdas/store/backoff.ts';
import { etagOf } from '../lambdas/store/etag.ts';
import { MAX_DELETE_KEYS, MAX_LIST_KEYS } from '../lambdas/store/limits.ts';
import { type Line, lines, pageOf } from '../lambdas/store/listing.ts';
import {
  type DeleteOutcome,
  type DeleteResult,
  type FailedDelete,
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
} from '../lambdas/store/object-store.ts';
import { compareUtf8 } from '../lambdas/store/order.ts';
import { SortedList } from '../lambdas/store/sorted-list.ts';
import {
  buried,
  listedVersions,
  NULL_VERSION,
  pushed,
  stored,
  type Versioning,
  without,
} from '../lambdas/store/version-stack.ts';
import { MemoryStacks, type StacksBase } from './memory-stacks.ts';

export interface MemoryBucketOptions {
  /** @default false; `true` is `enabled` */
  readonly versioned?: boolean | 'suspended';
  /** For `LastModified`. @default the system's clock */
  readonly now?: () => Date;
  /** Called before each destructive request; throws when the deadline has passed. */
  readonly guard?: () => void;
  /** What is there from the start. @default nothing */
  readonly base?: StacksBase;
}

/**
 * The registry's bucket in memory, with S3's order, pages, ETags and versions, counting requests as S3 bills them.
 * @example const bucket = new MemoryBucket({ versioned: true, now: () => clock.now });
 */
export class MemoryBucket implements ObjectStore {
  /** Requests sent so far by operation, cut into pages and batches as S3 needs them. */
  readonly requests = new Map<string, number>();
  /** Keys whose deletion in a batch is refused, each with the error's code. */
  readonly refusedDeletes = new Map<string, string>();
  readonly #mode: Versioning;
  readonly #now: () => Date;
  readonly #guard: () => void;
  readonly #stacks: MemoryStacks;
  readonly #uploads = new SortedList<MultipartUpload & { readonly bytes: number }, UploadKey>(
    (upload) => upload,
    (a, b) => compareUtf8(a.key, b.key) || compareUtf8(a.uploadId, b.uploadId),
  );
  #serial = 0;

  constructor(options: MemoryBucketOptions = {}) {
    const { versioned = false, now = () => new Date(), guard = () => {}, base } = options;
    this.#mode = versioned === true ? 'enabled' : versioned || 'off';
    this.#stacks = new MemoryStacks(this.#mode, base);
    this.#now = now;
    this.#guard = guard;
  }

  /** Stores an object without counting a request, as of a moment of choice. */
  seed(key: string, body: Uint8Array | string, lastModified = this.#now()): void {
    this.#stacks.set(key, pushed(this.#stacks.get(key), stored(this.#versionId(), body, lastModified)));
  }

  /** Stores an object of some size without its bytes, which cannot be read back. */
  seedSized(key: string, size: number, lastModified = this.#now()): void {
    const etag = etagOf(new TextEncoder().encode(`${key} ${size}`));
    const version = { versionId: this.#versionId(), isDeleteMarker: false, lastModified, size, etag };
    this.#stacks.set(key, pushed(this.#stacks.get(key), version));
  }

  /** Begins a multipart upload of which some bytes have been stored. */
  seedMultipart(key: string, initiated = this.#now(), bytes = 0): MultipartUpload {
    const upload = { key, uploadId: `upload-${this.#next()}`, initiated };
    this.#uploads.set({ ...upload, bytes });
    return upload;
  }

  head(key: string): Promise<ObjectHead | undefined> {
    return settle(() => {
      this.#count('HeadObject');
      return this.#stacks.visible(key);
    });
  }

  get(key: string, maxBytes = Number.POSITIVE_INFINITY): Promise<StoredObject | undefined> {
    return settle(() => {
      this.#count('GetObject');
      const head = this.#stacks.visible(key);
      if (head === undefined) return undefined;
      if (head.size > maxBytes)
        throw new ObjectTooLargeError(`${key} has ${head.size} bytes, more than ${maxBytes}`);
      const body = this.#stacks.get(key).at(-1)?.body;
      if (body === undefined) throw new Error(`${key} was stored without its bytes`);
      return { ...head, body: Uint8Array.from(body) };
    });
  }

  put(key: string, body: Uint8Array | string, { ifAbsent = false }: PutOptions = {}): Promise<boolean> {
    return settle(() => {
      if (ifAbsent) {
        this.#count('HeadObject');
        if (this.#stacks.visible(key)) return false;
      }
      this.#count('PutObject');
      this.seed(key, body);
      return true;
    });
  }

  list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    return settle(() => {
      this.#count('ListObjectsV2');
      const page: Line[] = [];
      const all = lines(
        (key, exclusive) => this.#stacks.from(key, exclusive),
        (key) => this.#stacks.visible(key),
        { prefix, delimiter: options.delimiter, after: options.next ?? options.after },
      );
      for (const line of all) {
        if (page.length === MAX_LIST_KEYS) return pageOf(page, page.at(-1)?.name);
        page.push(line);
      }
      return pageOf(page, undefined);
    });
  }

  versions(key: string): Promise<ObjectVersion[]> {
    return settle(() => {
      this.#count('ListObjectVersions');
      return listedVersions(key, this.#stacks.get(key));
    });
  }

  async *versionsUnder(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    const found = this.#stacks.under(prefix);
    for (const page of found.length === 0 ? [[]] : chunked(found, MAX_LIST_KEYS)) {
      this.#count('ListObjectVersions');
      yield page;
    }
  }

  delete(key: string, ifMatch: string): Promise<DeleteOutcome> {
    return settle<DeleteOutcome>(() => {
      this.#count('HeadObject');
      const head = this.#stacks.visible(key);
      if (head === undefined) return { deleted: false, reason: 'absent' };
      if (head.etag !== ifMatch) return { deleted: false, reason: 'changed' };
      this.#guard();
      this.#count('DeleteObject');
      return { deleted: true, ...this.#bury(key) };
    });
  }

  deleteMany(keys: readonly string[]): Promise<DeleteResult> {
    return settle(() => {
      const deleted: { key: string; marker?: string }[] = [];
      const failed: FailedDelete[] = [];
      const unique = [...new Set(keys)];
      for (let from = 0; from < unique.length; from += MAX_DELETE_KEYS) {
        this.#guard();
        this.#count('DeleteObjects');
        for (const key of unique.slice(from, from + MAX_DELETE_KEYS)) {
          const code = this.refusedDeletes.get(key);
          if (code === undefined) deleted.push({ key, ...this.#bury(key) });
          else failed.push({ key, code, message: `The deletion of ${key} is refused` });
        }
      }
      return { deleted, failed };
    });
  }

  deleteVersion(key: string, versionId: string): Promise<void> {
    return settle(() => {
      this.#guard();
      this.#count('DeleteObject');
      this.#stacks.set(key, without(this.#stacks.get(key), versionId));
    });
  }

  deleteVersions(versions: readonly VersionName[]): Promise<DeleteResult> {
    return settle(() => {
      const deleted: VersionName[] = [];
      const failed: FailedDelete[] = [];
      for (const batch of chunked(versions, MAX_DELETE_KEYS)) {
        this.#guard();
        this.#count('DeleteObjects');
        for (const { key, versionId } of batch) {
          const code = this.refusedDeletes.get(key);
          if (code !== undefined) {
            failed.push({ key, versionId, code, message: `The deletion of ${key} is refused` });
            continue;
          }
          this.#stacks.set(key, without(this.#stacks.get(key), versionId));
          deleted.push({ key, versionId });
        }
      }
      return { deleted, failed };
    });
  }

  versioning(): Promise<Versioning> {
    return settle(() => {
      this.#count('GetBucketVersioning');
      return this.#mode;
    });
  }

  async *multipartUploads(prefix: string): AsyncGenerator<MultipartUpload> {
    this.#count('ListMultipartUploads');
    const found = [...this.#uploads.from({ key: prefix, uploadId: '' })];
    let listed = 0;
    for (const { key, uploadId, initiated } of found) {
      if (!key.startsWith(prefix)) return;
      if (listed > 0 && listed % MAX_LIST_KEYS === 0) this.#count('ListMultipartUploads');
      listed++;
      yield { key, uploadId, initiated };
    }
  }

  multipartBytes(upload: MultipartUpload): Promise<number> {
    return settle(() => {
      this.#count('ListParts');
      return this.#uploads.get(upload)?.bytes ?? 0;
    });
  }

  abortUpload(upload: MultipartUpload): Promise<void> {
    return settle(() => {
      this.#guard();
      this.#count('AbortMultipartUpload');
      this.#uploads.delete(upload);
    });
  }

  #bury(key: string): { marker?: string } {
    const marker = this.#versionId();
    this.#stacks.set(key, buried(this.#stacks.get(key), this.#mode, marker, this.#now()));
    return this.#mode === 'off' ? {} : { marker };
  }

  #versionId(): string {
    return this.#mode === 'enabled' ? `version-${this.#next()}` : NULL_VERSION;
  }

  #next(): string {
    return String(++this.#serial).padStart(8, '0');
  }

  #count(operation: string): void {
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
  }
}

interface UploadKey {
  readonly key: string;
  readonly uploadId: string;
}

/** Runs at once and answers later, as a request does. */
function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
