/** A bucket as CNCF distribution would have left it, with what a prune must leave of it. */
import type { RegistryLayout } from '../lambdas/registry/layout.ts';
import type { ObjectHead } from '../lambdas/store/object-store.ts';
import type { MemoryBucket } from '../local/memory-bucket.ts';
import type { Manifest } from './images.ts';
import type { Release } from './releases.ts';

/** What was generated. */
export interface RegistryFacts {
  readonly repositories: number;
  readonly manifests: number;
  readonly indexes: number;
  readonly referrers: number;
  readonly garbageManifests: number;
  readonly blobs: number;
  readonly garbageBlobs: number;
  readonly objects: number;
  /** Bytes of all blob data, and of that which nothing live needs. */
  readonly bytes: number;
  readonly garbageBytes: number;
}

/** What a look at the bucket finds. */
export interface Inspection {
  readonly objects: number;
  /** Bytes of blob data. */
  readonly bytes: number;
  /** Keys a live image needs that are not there, or not as they were. */
  readonly missing: number;
  /** Keys that nothing live needs. */
  readonly surplus: number;
  /** Some of both, to look at. */
  readonly examples: readonly string[];
}

/** An object as a listing shows it. */
export type Listed = Pick<ObjectHead, 'key' | 'size' | 'etag'>;

const EXAMPLES = 5;

export class GeneratedRegistry {
  readonly #bucket: MemoryBucket;
  readonly #layout: RegistryLayout;
  /** Every key written, with whether something live needs it. */
  readonly #keys = new Map<string, boolean>();
  readonly #etags = new Map<string, string>();
  readonly #counts = { manifests: 0, indexes: 0, referrers: 0, garbageManifests: 0 };
  readonly #mains = new Map<string, Release>();
  readonly #repositories = new Set<string>();

  constructor(bucket: MemoryBucket, layout: RegistryLayout) {
    this.#bucket = bucket;
    this.#layout = layout;
  }

  /** Blobs and their links, the manifests, then the tags: each build is `main` until the next one is. */
  push(release: Release): void {
    const { repository, manifests, top, garbage, tag, pushedAt } = release;
    for (const manifest of manifests) this.#manifest(repository, manifest, !garbage, pushedAt);
    const history = this.#layout.tagHistory(repository, 'main', top.digest);
    this.#put(history, top.digest, !garbage, pushedAt);
    if (tag !== undefined) this.#tag(release, tag);
    this.#repositories.add(repository);
    if (!garbage) this.#mains.set(repository, release);
    this.#counts.manifests += manifests.length;
    this.#counts.indexes += manifests.filter(({ mediaType }) => mediaType.includes('index')).length;
    this.#counts.referrers += manifests.length - 1 - manifests.indexOf(top);
    this.#counts.garbageManifests += garbage ? manifests.length : 0;
  }

  /** To be called when all is pushed. */
  async finish(): Promise<RegistryFacts> {
    for (const release of this.#mains.values()) this.#tag(release, 'main');
    const sums = { blobs: 0, garbageBlobs: 0, objects: 0, bytes: 0, garbageBytes: 0 };
    for await (const { key, size, etag } of this.#listed()) {
      const needed = this.#keys.get(key) === true;
      if (needed) this.#etags.set(key, etag);
      sums.objects++;
      if (!this.#isData(key)) continue;
      sums.blobs++;
      sums.bytes += size;
      sums.garbageBlobs += needed ? 0 : 1;
      sums.garbageBytes += needed ? 0 : size;
    }
    this.#keys.clear();
    return { repositories: this.#repositories.size, ...this.#counts, ...sums };
  }

  /**
   * Compares the bucket with what something live needs.
   *
   * @param listed what to compare instead: the same registry elsewhere.
   */
  async inspect(listed: AsyncIterable<Listed> = this.#listed()): Promise<Inspection> {
    const examples: string[] = [];
    const found = { objects: 0, bytes: 0, intact: 0, surplus: 0 };
    for await (const { key, size, etag } of listed) {
      found.objects++;
      if (this.#isData(key)) found.bytes += size;
      if (this.#etags.get(key) === etag) found.intact++;
      else if (!this.#etags.has(key)) found.surplus++;
      else examples.push(`changed: ${key}`);
      if (!this.#etags.has(key) && examples.length < EXAMPLES) examples.push(`left: ${key}`);
    }
    const { objects, bytes, intact, surplus } = found;
    return { objects, bytes, surplus, missing: this.#etags.size - intact, examples };
  }

  #manifest(repository: string, manifest: Manifest, needed: boolean, at: Date): void {
    const { digest, bytes, config, layers } = manifest;
    const layout = this.#layout;
    for (const { digest, size } of layers) {
      this.#put(layout.blobData(digest), size, needed, at);
      this.#put(layout.layerLink(repository, digest), digest, needed, at);
    }
    if (config !== undefined) {
      this.#put(layout.blobData(config.digest), config.bytes, needed, at);
      this.#put(layout.layerLink(repository, config.digest), config.digest, needed, at);
    }
    this.#put(layout.blobData(digest), bytes, needed, at);
    this.#put(layout.revisionLink(repository, digest), digest, needed, at);
  }

  #tag({ repository, top, pushedAt }: Release, tag: string): void {
    this.#put(this.#layout.tagHistory(repository, tag, top.digest), top.digest, true, pushedAt);
    this.#put(this.#layout.tagCurrent(repository, tag), top.digest, true, pushedAt);
  }

  /** A number stands for that many bytes. What is there already is not written again. */
  #put(key: string, body: Uint8Array | string | number, needed: boolean, at: Date): void {
    const before = this.#keys.get(key);
    this.#keys.set(key, needed || before === true);
    if (before !== undefined) return;
    if (typeof body === 'number') this.#bucket.seedSized(key, body, at);
    else this.#bucket.seed(key, body, at);
  }

  #isData(key: string): boolean {
    return key.startsWith(this.#layout.blobsPrefix);
  }

  async *#listed(): AsyncGenerator<Listed> {
    let next: string | undefined;
    do {
      const page = await this.#bucket.list(this.#layout.prefix, next === undefined ? {} : { next });
      yield* page.objects;
      next = page.next;
    } while (next !== undefined);
  }
}
