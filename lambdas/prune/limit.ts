/** What a run may take at most, and what it looks at instead of the queue: an approved plan. */
import type { BlobItem, ManifestItem, QueueKind } from '../store/items.ts';
import type { MultipartUpload } from '../store/object-store.ts';
import type { Key } from '../store/table.ts';
import type { Doomed, Kept } from './plan-manifest.ts';
import type { PlanProgress } from './report.ts';
import type { Run } from './run.ts';

/** Everything the run decides is decided as without it; it can only say no. */
export interface Limit {
  /** Of the plan, as the run's item and its report show it. */
  readonly hash: string;
  /** What is looked at, of one shard of one kind. */
  keys(kind: QueueKind, shard: string): readonly Key[];
  /** Whether all of these and their tags may go: each is in the plan, and has gained nothing since. */
  allowsManifests(group: readonly Doomed[]): boolean;
  /** Whether the blob's bytes may go. */
  allowsBlob(item: BlobItem): boolean;
  allowsLink(item: BlobItem, repository: string): boolean;
  /** Whether the upload is in it and has been left alone since. @param size of all of it, bytes. */
  allowsUpload(repository: string, uuid: string, size: number): boolean;
  allowsMultipart(upload: MultipartUpload): boolean;
  /** Why a manifest of the plan stays. */
  keep(item: ManifestItem, why: Kept): void;
  /** What has become of the plan. @param until when to stop looking, milliseconds since the epoch. */
  progress(run: Run, until: number): Promise<PlanProgress>;
}
