/** The registry's bucket in the registry's words: links, tags, manifests, blobs, uploads. */
import type { Digest } from '../registry/digest.ts';
import { linkDigest, type RegistryLayout } from '../registry/layout.ts';
import type { ObjectHead, ObjectStore } from './object-store.ts';

/** Links hold a digest; anything longer is no link. */
const MAX_LINK_BYTES = 1024;

/** Where a tag points now. */
export interface TagLink {
  readonly digest: Digest;
  readonly etag: string;
  readonly lastModified: Date;
  readonly versionId?: string;
}

/** A tag link that goes: what is journalled of it before. */
export interface TagRemoval {
  readonly tag: string;
  readonly etag: string;
  /** `null` for a link older than the bucket's versioning. Absent where a deletion cannot be taken back. */
  readonly versionId?: string;
}

/** The objects of an upload in flight or abandoned. */
export interface UploadContents {
  readonly keys: readonly string[];
  /** Bytes of all of them. */
  readonly size: number;
  /** When the latest was written, milliseconds since the epoch. */
  readonly writtenAt: number;
}

/** What a deletion of a tag link came to; `changed` when another link was put there in between. */
export type TagRemoved = 'deleted' | 'absent' | 'changed';

export class RegistryBucket {
  readonly objects: ObjectStore;
  readonly layout: RegistryLayout;

  constructor(objects: ObjectStore, layout: RegistryLayout) {
    this.objects = objects;
    this.layout = layout;
  }

  /** @returns undefined when the tag does not exist, `unreadable` when its link holds no digest. */
  async tagLink(name: string, tag: string): Promise<TagLink | 'unreadable' | undefined> {
    const object = await this.objects.get(this.layout.tagCurrent(name, tag), MAX_LINK_BYTES);
    if (object === undefined) return undefined;
    const digest = linkDigest(object.body);
    if (digest === undefined) return 'unreadable';
    const { etag, lastModified, versionId } = object;
    return { digest, etag, lastModified, ...(versionId === undefined ? {} : { versionId }) };
  }

  async revisionLink(name: string, digest: Digest): Promise<ObjectHead | undefined> {
    return await this.objects.head(this.layout.revisionLink(name, digest));
  }

  async layerLink(name: string, digest: Digest): Promise<ObjectHead | undefined> {
    return await this.objects.head(this.layout.layerLink(name, digest));
  }

  /** The digest a `_layers` link leads to, `unreadable` when it holds none, undefined when it is absent. */
  async layerTarget(name: string, digest: Digest): Promise<Digest | 'unreadable' | undefined> {
    const object = await this.objects.get(this.layout.layerLink(name, digest), MAX_LINK_BYTES);
    return object && (linkDigest(object.body) ?? 'unreadable');
  }

  /** Writes a link back if it is absent. @returns whether it was. */
  async writeRevisionLink(name: string, digest: Digest): Promise<boolean> {
    return await this.#writeLink(this.layout.revisionLink(name, digest), digest);
  }

  /** Likewise the link by which the repository may serve and reuse the blob. */
  async writeLayerLink(name: string, digest: Digest): Promise<boolean> {
    return await this.#writeLink(this.layout.layerLink(name, digest), digest);
  }

  async #writeLink(key: string, digest: Digest): Promise<boolean> {
    if ((await this.objects.head(key)) !== undefined) return false;
    await this.objects.put(key, digest);
    return true;
  }

  async blob(digest: Digest): Promise<ObjectHead | undefined> {
    return await this.objects.head(this.layout.blobData(digest));
  }

  async blobBytes(digest: Digest, maxBytes: number): Promise<Uint8Array | undefined> {
    return (await this.objects.get(this.layout.blobData(digest), maxBytes))?.body;
  }

  /**
   * Deletes a tag's `current/link` if it is still the journalled one. Equal bytes have equal ETags, so a tag that
   * was moved away and back in between passes `If-Match`; on a versioned bucket the version under the new marker
   * tells, and the marker is removed again (protocol, manifest step 6).
   */
  async removeTag(name: string, removal: TagRemoval): Promise<TagRemoved> {
    const key = this.layout.tagCurrent(name, removal.tag);
    const outcome = await this.objects.delete(key, removal.etag);
    if (removal.versionId === undefined) return outcome.deleted ? 'deleted' : outcome.reason;
    if (!outcome.deleted && outcome.reason === 'absent') return 'absent';
    const versions = await this.objects.versions(key);
    // Without an answer of its own, the newest version may be this call's marker all the same.
    const marker = outcome.deleted
      ? versions.findIndex((version) => version.versionId === outcome.marker)
      : versions.findIndex((version) => version.isLatest && version.isDeleteMarker);
    const found = versions[marker];
    if (found === undefined) return 'changed';
    if (versions[marker + 1]?.versionId === removal.versionId) return 'deleted';
    await this.objects.deleteVersion(key, found.versionId);
    return 'changed';
  }

  /**
   * Removes every delete marker above the newest version of a blob's data, so that it is visible again.
   *
   * @returns whether the data is visible now; false when there is no version to return to.
   */
  async unhide(digest: Digest): Promise<boolean> {
    const key = this.layout.blobData(digest);
    for (const version of await this.objects.versions(key)) {
      if (!version.isDeleteMarker) break;
      await this.objects.deleteVersion(key, version.versionId);
    }
    return (await this.objects.head(key)) !== undefined;
  }

  /** What an upload has left so far; undefined when there is nothing of it. */
  async upload(name: string, uuid: string): Promise<UploadContents | undefined> {
    const keys: string[] = [];
    let size = 0;
    let writtenAt = 0;
    for await (const objects of this.pages(this.layout.uploadPrefix(name, uuid))) {
      for (const object of objects) {
        keys.push(object.key);
        size += object.size;
        writtenAt = Math.max(writtenAt, object.lastModified.getTime());
      }
    }
    return keys.length === 0 ? undefined : { keys, size, writtenAt };
  }

  /** All objects under a prefix, page by page. */
  async *pages(prefix: string) {
    let next: string | undefined;
    do {
      const page = await this.objects.list(prefix, next === undefined ? {} : { next });
      yield page.objects;
      next = page.next;
    } while (next !== undefined);
  }
}
