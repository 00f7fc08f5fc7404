/** Writes a bucket as CNCF distribution writes it: the same keys, the same bodies, in the same order. */
import type { MemoryBucket } from '../../local/memory-bucket.ts';
import { type Digest, digestOf, type Manifest } from './images.ts';

export const ROOT = 'docker/registry/v2/';

const path = (digest: string): string => digest.replace(':', '/');
const repository = (name: string): string => `${ROOT}repositories/${name}`;

export const dataKey = (digest: Digest): string =>
  `${ROOT}blobs/sha256/${digest.slice('sha256:'.length, 'sha256:'.length + 2)}/${digest.slice('sha256:'.length)}/data`;
export const layerKey = (name: string, digest: Digest): string =>
  `${repository(name)}/_layers/${path(digest)}/link`;
export const revisionKey = (name: string, digest: Digest): string =>
  `${repository(name)}/_manifests/revisions/${path(digest)}/link`;
export const tagDirectory = (name: string, tag: string): string =>
  `${repository(name)}/_manifests/tags/${tag}/`;
export const tagLinkKey = (name: string, tag: string): string => `${tagDirectory(name, tag)}current/link`;
export const historyKey = (name: string, tag: string, digest: string): string =>
  `${tagDirectory(name, tag)}index/${path(digest)}/link`;
export const uploadDirectory = (name: string, uuid: string): string =>
  `${repository(name)}/_uploads/${uuid}/`;

/** Every write has the `LastModified` of the clock, so that a history can be written in no time. */
export class RegistryWriter {
  readonly #bucket: MemoryBucket;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch. */
  constructor(bucket: MemoryBucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  /** Upload of a blob: the data unless it is there, then the repository's link, always. */
  async upload(name: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    await this.#data(digest, bytes);
    this.mount(name, digest);
    return digest;
  }

  /** Cross-repository mount: a link and nothing else. */
  mount(name: string, digest: Digest): void {
    this.#put(layerKey(name, digest), digest);
  }

  /** PUT of a manifest whose blobs are there, by digest or by tag. */
  async putManifest(name: string, manifest: Manifest, tag?: string): Promise<Digest> {
    await this.#data(manifest.digest, manifest.bytes);
    this.#put(revisionKey(name, manifest.digest), manifest.digest);
    if (tag !== undefined) this.tag(name, manifest.digest, tag);
    return manifest.digest;
  }

  /** A whole push: blobs, then the manifest. */
  async push(name: string, manifest: Manifest, tag?: string): Promise<Digest> {
    for (const bytes of manifest.blobs) await this.upload(name, bytes);
    return await this.putManifest(name, manifest, tag);
  }

  /** The tag's history first, `current/link` last. */
  tag(name: string, digest: Digest, tag: string): void {
    this.#put(historyKey(name, tag, digest), digest);
    this.#put(tagLinkKey(name, tag), digest);
  }

  /** DELETE of a manifest: its `revisions` link, then every tag that points at it, with its history. */
  async deleteManifest(name: string, digest: Digest): Promise<void> {
    await this.#bucket.deleteMany([revisionKey(name, digest)]);
    for (const key of await this.#keys(`${repository(name)}/_manifests/tags/`)) {
      const tag = /\/tags\/([^/]+)\/current\/link$/.exec(key)?.[1];
      if (tag === undefined) continue;
      const link = await this.#bucket.get(key);
      if (new TextDecoder().decode(link?.body) === digest) await this.deleteTag(name, tag);
    }
  }

  /** DELETE of a tag: its directory. */
  async deleteTag(name: string, tag: string): Promise<void> {
    await this.#bucket.deleteMany(await this.#keys(tagDirectory(name, tag)));
  }

  /** An upload that was begun and has not been finished. */
  startUpload(name: string, uuid: string, bytes: Uint8Array): void {
    this.#put(`${uploadDirectory(name, uuid)}startedat`, new Date(this.#now()).toISOString());
    this.#put(`${uploadDirectory(name, uuid)}hashstates/sha256/0`, 'state');
    this.#put(`${uploadDirectory(name, uuid)}data`, bytes);
  }

  /** An upload goes on: the state of its hash is written anew, at another offset. */
  async continueUpload(name: string, uuid: string, offset: number): Promise<void> {
    const states = `${uploadDirectory(name, uuid)}hashstates/sha256/`;
    await this.#bucket.deleteMany(await this.#keys(states));
    this.#put(`${states}${offset}`, `state ${offset}`);
  }

  /** An upload ends, finished or cancelled: its objects are deleted, once the data of a finished one is copied away. */
  async endUpload(name: string, uuid: string): Promise<void> {
    await this.#bucket.deleteMany(await this.#keys(uploadDirectory(name, uuid)));
  }

  async #data(digest: Digest, bytes: Uint8Array): Promise<void> {
    if ((await this.#bucket.head(dataKey(digest))) === undefined) this.#put(dataKey(digest), bytes);
  }

  #put(key: string, body: Uint8Array | string): void {
    this.#bucket.seed(key, body, new Date(this.#now()));
  }

  async #keys(prefix: string): Promise<string[]> {
    const page = await this.#bucket.list(prefix);
    return page.objects.map(({ key }) => key);
  }
}
