/** Writes a bucket as CNCF distribution writes it: the same keys, the same bodies, in the same order. */
import { randomUUID } from 'node:crypto';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Artifact, type Digest, digestOf } from './demo-images.ts';

/** Of every key, where distribution's `rootdirectory` is not set. */
export const ROOT = 'docker/registry/v2/';

const path = (digest: Digest): string => digest.replace(':', '/');
const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);

export const dataKey = (digest: Digest): string =>
  `${ROOT}blobs/sha256/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}/data`;
export const repositoryKey = (name: string): string => `${ROOT}repositories/${name}`;
export const layerKey = (name: string, digest: Digest): string =>
  `${repositoryKey(name)}/_layers/${path(digest)}/link`;
export const revisionKey = (name: string, digest: Digest): string =>
  `${repositoryKey(name)}/_manifests/revisions/${path(digest)}/link`;
const tagsKey = (name: string): string => `${repositoryKey(name)}/_manifests/tags/`;
const tagKey = (name: string, tag: string): string => `${tagsKey(name)}${tag}/`;

export class DemoRegistry {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** A whole push, in the order every client keeps: blobs, children, the manifest, its tags. */
  async push(name: string, artifact: Artifact, ...tags: string[]): Promise<void> {
    for (const bytes of artifact.blobs) await this.upload(name, bytes);
    for (const child of artifact.children) await this.push(name, child);
    await this.#data(artifact.digest, artifact.bytes);
    await this.#link(revisionKey(name, artifact.digest), artifact.digest);
    for (const tag of tags) {
      await this.#link(`${tagKey(name, tag)}index/${path(artifact.digest)}/link`, artifact.digest);
      await this.#link(`${tagKey(name, tag)}current/link`, artifact.digest);
    }
  }

  /** The data is moved to its place unless it is there; the repository's link is written always. */
  async upload(name: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    const directory = await this.startUpload(name, bytes);
    if (!(await this.#exists(dataKey(digest)))) {
      const source = `${this.#bucket}/${directory}data`;
      await this.#client.send(
        new CopyObjectCommand({ Bucket: this.#bucket, Key: dataKey(digest), CopySource: source }),
      );
    }
    await this.#deleteAll(directory);
    await this.mount(name, digest);
    return digest;
  }

  /** A mount from another repository: a link and nothing else. */
  async mount(name: string, digest: Digest): Promise<void> {
    await this.#link(layerKey(name, digest), digest);
  }

  /** An upload that is not finished. @returns its directory. */
  async startUpload(name: string, bytes: Uint8Array): Promise<string> {
    const directory = `${repositoryKey(name)}/_uploads/${randomUUID()}/`;
    await this.#put(`${directory}startedat`, new Date().toISOString());
    await this.#put(`${directory}data`, bytes);
    return directory;
  }

  /** DELETE of a manifest: its revision, and every tag that points at it with its history. */
  async deleteManifest(name: string, digest: Digest): Promise<void> {
    await this.#deleteAll(revisionKey(name, digest));
    for (const key of await this.#list(tagsKey(name))) {
      if (!key.endsWith('/current/link') || (await this.#read(key)) !== digest) continue;
      await this.#deleteAll(key.slice(0, -'current/link'.length));
    }
  }

  /** Not what a registry does: the second half of the data is lost. */
  async damage({ digest, bytes }: Artifact): Promise<void> {
    await this.#put(dataKey(digest), bytes.subarray(0, bytes.byteLength / 2));
  }

  async #data(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (!(await this.#exists(dataKey(digest)))) await this.#put(dataKey(digest), bytes);
  }

  async #link(key: string, digest: Digest): Promise<void> {
    await this.#put(key, digest);
  }

  async #put(key: string, body: Uint8Array | string): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body }));
  }

  async #exists(key: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return true;
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFound') return false;
      throw error;
    }
  }

  async #read(key: string): Promise<string | undefined> {
    const { Body: body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    return await body?.transformToString();
  }

  async #list(prefix: string): Promise<string[]> {
    const { Contents: found = [] } = await this.#client.send(
      new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix }),
    );
    return found.flatMap(({ Key }) => Key ?? []);
  }

  async #deleteAll(prefix: string): Promise<void> {
    const keys = await this.#list(prefix);
    const objects = keys.map((Key) => ({ Key }));
    await this.#client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects: objects } }));
  }
}
