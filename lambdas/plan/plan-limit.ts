/** A plan as the limit of a run: what is in it, unchanged since, may go; nothing else does. */
import type { Limit } from '../prune/limit.ts';
import type { Doomed, Kept } from '../prune/plan-manifest.ts';
import type { PlanProgress } from '../prune/report.ts';
import type { Run } from '../prune/run.ts';
import { hexOf } from '../registry/digest.ts';
import {
  type BlobItem,
  blobKey,
  type ManifestItem,
  manifestId,
  manifestKey,
  type QueueKind,
  uploadKey,
  uploadQueue,
} from '../store/items.ts';
import type { MultipartUpload } from '../store/object-store.ts';
import type { Key } from '../store/table.ts';
import type { Plan, PlannedBlob, PlannedLink, PlannedManifest } from './document.ts';
import { progressOf } from './progress.ts';

export class PlanLimit implements Limit {
  readonly hash: string;
  readonly plan: Plan;
  readonly manifests: ReadonlyMap<string, PlannedManifest>;
  readonly links: ReadonlyMap<string, PlannedLink>;
  readonly blobs: ReadonlyMap<string, PlannedBlob>;
  /** Why manifests stay, by this run. */
  readonly kept = new Map<string, Kept>();
  /** Bytes of each. */
  readonly #uploads: ReadonlyMap<string, number>;
  readonly #multipart: ReadonlySet<string>;
  readonly #keys = new Map<string, Key[]>();

  constructor(plan: Plan) {
    this.plan = plan;
    this.hash = plan.hash;
    this.manifests = new Map(plan.manifests.map((one) => [manifestId(one.repository, one.digest), one]));
    this.links = new Map(plan.links.map((one) => [manifestId(one.repository, one.digest), one]));
    this.blobs = new Map(plan.blobs.map((one) => [one.digest, one]));
    this.#uploads = new Map(
      plan.uploads.map(({ repository, upload, size }) => [`${repository}\n${upload}`, size]),
    );
    this.#multipart = new Set(plan.multipartUploads.map(({ key, upload }) => `${key}\n${upload}`));
    for (const { repository, digest } of plan.manifests)
      this.#add('manifest', hexOf(digest).charAt(0), manifestKey(repository, digest));
    // A link goes when its blob is looked at.
    for (const digest of new Set([...plan.links, ...plan.blobs].map((one) => one.digest)))
      this.#add('blob', hexOf(digest).charAt(0), blobKey(digest));
    for (const { repository, upload } of plan.uploads) {
      const shard = uploadQueue(upload).slice('upload#'.length);
      this.#add('upload', shard, uploadKey(repository, upload));
    }
  }

  keys(kind: QueueKind, shard: string): readonly Key[] {
    return this.#keys.get(`${kind}#${shard}`) ?? [];
  }

  allowsManifests(group: readonly Doomed[]): boolean {
    return group.every(({ item, tags }) => {
      const planned = this.manifests.get(manifestId(item.name, item.digest));
      if (planned === undefined || planned.gains !== (item.gains ?? 0)) return false;
      return tags.every((tag) =>
        planned.tags.some(
          (known) => known.tag === tag.tag && known.etag === tag.etag && known.versionId === tag.versionId,
        ),
      );
    });
  }

  allowsBlob(item: BlobItem): boolean {
    return this.blobs.get(item.digest)?.gains === (item.gains ?? 0);
  }

  allowsLink(item: BlobItem, repository: string): boolean {
    return this.links.get(manifestId(repository, item.digest))?.gains === (item.gains ?? 0);
  }

  allowsUpload(repository: string, uuid: string, size: number): boolean {
    return this.#uploads.get(`${repository}\n${uuid}`) === size;
  }

  allowsMultipart({ key, uploadId }: MultipartUpload): boolean {
    return this.#multipart.has(`${key}\n${uploadId}`);
  }

  keep({ name, digest }: ManifestItem, why: Kept): void {
    this.kept.set(manifestId(name, digest), why);
  }

  async progress(run: Run, until: number): Promise<PlanProgress> {
    return await progressOf(this, run, until);
  }

  #add(kind: QueueKind, shard: string, key: Key): void {
    const name = `${kind}#${shard}`;
    const keys = this.#keys.get(name);
    if (keys === undefined) this.#keys.set(name, [key]);
    else keys.push(key);
  }
}
