/** A bucket that tells of each key that was written or deleted, as S3 does by its events. */
import type { DeleteOutcome, DeleteResult, VersionName } from '../../lambdas/store/object-store.ts';
import { MemoryBucket, type MemoryBucketOptions } from '../../local/memory-bucket.ts';

export class WatchedBucket extends MemoryBucket {
  readonly #onChange: (key: string) => void;

  /** @param onChange told of the key right after its object, a version or a marker has come or gone. */
  constructor(options: MemoryBucketOptions, onChange: (key: string) => void) {
    super(options);
    this.#onChange = onChange;
  }

  override seed(key: string, body: Uint8Array | string, lastModified?: Date): void {
    if (lastModified === undefined) super.seed(key, body);
    else super.seed(key, body, lastModified);
    this.#onChange(key);
  }

  override async delete(key: string, ifMatch: string): Promise<DeleteOutcome> {
    const outcome = await super.delete(key, ifMatch);
    if (outcome.deleted) this.#onChange(key);
    return outcome;
  }

  override async deleteMany(keys: readonly string[]): Promise<DeleteResult> {
    const result = await super.deleteMany(keys);
    for (const { key } of result.deleted) this.#onChange(key);
    return result;
  }

  override async deleteVersion(key: string, versionId: string): Promise<void> {
    await super.deleteVersion(key, versionId);
    this.#onChange(key);
  }

  override async deleteVersions(versions: readonly VersionName[]): Promise<DeleteResult> {
    const result = await super.deleteVersions(versions);
    for (const { key } of result.deleted) this.#onChange(key);
    return result;
  }
}
