/** The registry's bucket in the registry's words: links, tags, manifests, blobs, uploads. */
import type { Digest } from '../registry/digest.ts';
import { linkDigest, type RegistryLayout } from '../registry/layout.ts';
import { type MarkerRemover, MarkersOf } from './markers.ts';
import type { ObjectHead, ObjectStore } from './object-store.ts';
import { listPages } from './pages.ts';
import { type UploadPart, type UploadState, versionedParts, withPart } from './upload-parts.ts';
import type { Versioning } from './version-stack.ts';

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

/** What there is of an upload in flight, abandoned, or finished. */
export interface UploadContents extends UploadState {
  /** On a bucket with versions all versions and markers, else the objects. */
  readonly parts: readonly UploadPart[];
  /** Bytes of all of them. */
  readonly size: number;
}

/** What a deletion of a tag link came to; `changed` when another link was put there in between. */
export type TagRemoved = 'deleted' | 'absent' | 'changed';

export class RegistryBucket {
  readonly objects: ObjectStore;
  readonly layout: RegistryLayout;
  readonly #markers: MarkerRemover;
  #versioning: Promise<Versioning> | undefined;

  /** @param markers removes delete markers. @default by itself, over `objects` */
  constructor(objects: ObjectStore, layout: RegistryLayout, markers: MarkerRemover = new MarkersOf(objects)) {
    this.objects = objects;
    this.layout = layout;
    this.#markers = markers;
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
    await this.#markers.remove([found]);
    return 'changed';
  }

  /**
   * Removes the marker of a deletion by {@link removeTag} that was cut short before it could look at what it had hidden:
   * another link than the journalled one.
   *
   * @returns whether there was such a marker.
   */
  async uncoverTag(
    name: string,
    { tag, versionId }: Pick<TagRemoval, 'tag' | 'versionId'>,
  ): Promise<boolean> {
    const key = this.layout.tagCurrent(name, tag);
    const [top, hidden] = await this.objects.versions(key);
    // Two markers: a client has deleted it as well.
    if (!top?.isDeleteMarker || hidden === undefined || hidden.isDeleteMarker) return false;
    if (hidden.versionId === versionId) return false;
    await this.#markers.remove([top]);
    return true;
  }

  /**
   * Removes every delete marker above the newest version of a blob's data, so that it is visible again.
   *
   * @returns whether the data is visible now; false when there is no version to return to.
   */
  async unhide(digest: Digest): Promise<boolean> {
    const key = this.layout.blobData(digest);
    const versions = await this.objects.versions(key);
    const newest = versions.findIndex(({ isDeleteMarker }) => !isDeleteMarker);
    // Without a version beneath, the markers hide nothing.
    if (newest > 0) await this.#markers.remove(versions.slice(0, newest));
    return (await this.objects.head(key)) !== undefined;
  }

  /** What an upload has left so far; undefined when there is nothing of it, not even a version. */
  async upload(name: string, uuid: string): Promise<UploadContents | undefined> {
    const all: UploadPart[] = [];
    let size = 0;
    let state: UploadState | undefined;
    for await (const parts of this.uploadParts(this.layout.uploadPrefix(name, uuid))) {
      for (const part of parts) {
        all.push(part);
        size += part.size;
        state = withPart(state, part);
      }
    }
    return state && { ...state, parts: all, size };
  }

  /** When the newest object that there is of an upload was written, milliseconds since the epoch. */
  async uploadWrittenAt(name: string, uuid: string): Promise<number | undefined> {
    let writtenAt: number | undefined;
    for await (const objects of this.pages(this.layout.uploadPrefix(name, uuid))) {
      for (const { lastModified } of objects) writtenAt = Math.max(writtenAt ?? 0, lastModified.getTime());
    }
    return writtenAt;
  }

  /** Objects and versions under a prefix of uploads, page by page. One request a page, versions or not. */
  async *uploadParts(prefix: string): AsyncGenerator<readonly UploadPart[]> {
    if (await this.#hasVersions()) yield* versionedParts(this.objects, prefix);
    else
      for await (const page of this.pages(prefix)) yield page.map((part) => ({ ...part, isCurrent: true }));
  }

  /**
   * Asked once, so that uploads cost a bucket without versions nothing. Where versioning is turned on later, what
   * this process then passes over is found by the next rebuild.
   */
  async #hasVersions(): Promise<boolean> {
    this.#versioning ??= this.objects.versioning().catch((error: unknown) => {
      this.#versioning = undefined;
      throw error;
    });
    return (await this.#versioning) !== 'off';
  }

  /** All objects under a prefix, page by page, or those whose keys are behind one of them. */
  async *pages(prefix: string, after?: string) {
    const pages = listPages(this.objects, prefix, after === undefined ? {} : { after });
    for await (const { objects } of pages) yield objects;
  }
}
