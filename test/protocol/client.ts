/** A registry at work for a client: the reads and writes of CNCF distribution, one at a time, in its order. */
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import { type Digest, digestOf, type Manifest } from '../support/images.ts';
import {
  dataKey,
  historyKey,
  layerKey,
  ROOT,
  revisionKey,
  tagDirectory,
  tagLinkKey,
  uploadDirectory,
} from '../support/registry-writer.ts';

/** How often a client begins a push again that was refused. */
const ATTEMPTS = 3;

export class Client {
  readonly #bucket: ObjectStore;

  constructor(bucket: ObjectStore) {
    this.#bucket = bucket;
  }

  /** A whole push. What `HEAD` finds is not uploaded; a manifest that is refused is pushed from the start. */
  async push(name: string, manifest: Manifest, tag?: string): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      for (const bytes of manifest.blobs) {
        if (!(await this.#has(name, digestOf(bytes)))) await this.upload(name, bytes);
      }
      if (await this.putManifest(name, manifest, tag)) return;
    }
    throw new Error('the push was refused again and again');
  }

  /** The data unless it is there, then the link, always. */
  async upload(name: string, bytes: Uint8Array): Promise<void> {
    const digest = digestOf(bytes);
    await this.#data(digest, bytes);
    await this.#bucket.put(layerKey(name, digest), digest);
  }

  /**
   * The end of an upload that another process has begun: the registry goes on with it only as long as its `startedat` is
   * there; else it is begun anew. Its data is copied to the blob, then it goes.
   */
  async finishUpload(name: string, uuid: string, bytes: Uint8Array): Promise<void> {
    const directory = uploadDirectory(name, uuid);
    if ((await this.#bucket.head(`${directory}startedat`)) !== undefined) {
      await this.#bucket.put(`${directory}data`, bytes);
      if ((await this.#bucket.head(`${directory}data`)) !== undefined) {
        await this.upload(name, bytes);
        const { objects } = await this.#bucket.list(directory);
        if (objects.length > 0) await this.#bucket.deleteMany(objects.map(({ key }) => key));
        return;
      }
    }
    await this.upload(name, bytes);
  }

  /** An upload whose registry dies before it writes the link. */
  async data(bytes: Uint8Array): Promise<void> {
    await this.#data(digestOf(bytes), bytes);
  }

  /** Of a blob that another repository has: a link and nothing else. @returns whether it is there. */
  async mount(from: string, name: string, digest: Digest): Promise<boolean> {
    if (!(await this.#has(from, digest))) return false;
    await this.#bucket.put(layerKey(name, digest), digest);
    return true;
  }

  /** A push that mounts what it can. */
  async pushMounting(from: string, name: string, manifest: Manifest, tag: string): Promise<void> {
    for (const bytes of manifest.blobs) {
      if (!(await this.mount(from, name, digestOf(bytes)))) await this.upload(name, bytes);
    }
    if (!(await this.putManifest(name, manifest, tag))) await this.push(name, manifest, tag);
  }

  /** @returns whether the registry accepts it: link and data of all that it names must be there. */
  async putManifest(name: string, manifest: Manifest, tag?: string): Promise<boolean> {
    for (const bytes of manifest.blobs) {
      if (!(await this.#has(name, digestOf(bytes)))) return false;
    }
    await this.#data(manifest.digest, manifest.bytes);
    await this.#bucket.put(revisionKey(name, manifest.digest), manifest.digest);
    if (tag !== undefined) await this.tag(name, manifest.digest, tag);
    return true;
  }

  /** The link of a manifest whose blobs are elsewhere: as after a restore of a bucket. */
  async putAnyhow(name: string, manifest: Manifest): Promise<void> {
    await this.#bucket.put(revisionKey(name, manifest.digest), manifest.digest);
  }

  /** The history first, `current/link` last. */
  async tag(name: string, digest: Digest, tag: string): Promise<void> {
    await this.#bucket.put(historyKey(name, tag, digest), digest);
    await this.#bucket.put(tagLinkKey(name, tag), digest);
  }

  /** The link, then every tag that points at it. */
  async deleteManifest(name: string, digest: Digest): Promise<void> {
    await this.#bucket.deleteMany([revisionKey(name, digest)]);
    const { objects } = await this.#bucket.list(`${ROOT}repositories/${name}/_manifests/tags/`);
    for (const { key } of objects) {
      const tag = /\/tags\/([^/]+)\/current\/link$/.exec(key)?.[1];
      if (tag === undefined) continue;
      const link = await this.#bucket.get(key);
      if (new TextDecoder().decode(link?.body) === digest) await this.deleteTag(name, tag);
    }
  }

  async deleteTag(name: string, tag: string): Promise<void> {
    const { objects } = await this.#bucket.list(tagDirectory(name, tag));
    if (objects.length > 0) await this.#bucket.deleteMany(objects.map(({ key }) => key));
  }

  async #has(name: string, digest: Digest): Promise<boolean> {
    if ((await this.#bucket.head(layerKey(name, digest))) === undefined) return false;
    return (await this.#bucket.head(dataKey(digest))) !== undefined;
  }

  async #data(digest: Digest, bytes: Uint8Array): Promise<void> {
    if ((await this.#bucket.head(dataKey(digest))) === undefined)
      await this.#bucket.put(dataKey(digest), bytes);
  }
}
