import {
  type DeleteOutcome,
  type DeleteResult,
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
} from './object-store.ts';
import { compareUtf8 } from './order.ts';
import { mergedPage, type OwnKeys } from './preview-listing.ts';
import { SortedList } from './sorted-list.ts';
import {
  buried,
  listedVersions,
  NULL_VERSION,
  pushed,
  stackOf,
  stored,
  type Versioning,
  type VersionStack,
  visible,
  without,
} from './version-stack.ts';

/** What the preview holds for one key. */
interface Shade {
  readonly key: string;
  /** Put or marked through the preview, oldest first. */
  readonly added: VersionStack;
  /** What is left of the base's versions; `all` while they need not be known. */
  readonly beneath: VersionStack | 'all';
}

/**
 * A bucket that is thrown away: reads go through to the base, writes and deletions stay in memory and hide what
 * the base has. No method that writes is ever called on the base.
 * @example const rehearsal = new PreviewBucket(bucket, { now: () => clock.now });
 */
export class PreviewBucket implements ObjectStore {
  readonly #base: ObjectStore;
  readonly #now: () => Date;
  readonly #guard: () => void;
  readonly #shades = new SortedList<Shade, string>((shade) => shade.key, compareUtf8);
  readonly #aborted = new Set<string>();
  #mode: Promise<Versioning> | undefined;
  #serial = 0;

  constructor(base: ObjectStore, options: { readonly now?: () => Date; readonly guard?: () => void } = {}) {
    this.#base = base;
    this.#now = options.now ?? (() => new Date());
    this.#guard = options.guard ?? (() => {});
  }

  versioning(): Promise<Versioning> {
    this.#mode ??= this.#base.versioning();
    return this.#mode;
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const mode = await this.versioning();
    const shade = this.#shades.get(key);
    return shade ? head(shade, mode) : this.#base.head(key);
  }

  async get(key: string, maxBytes = Number.POSITIVE_INFINITY): Promise<StoredObject | undefined> {
    const mode = await this.versioning();
    const shade = this.#shades.get(key);
    if (shade === undefined) return this.#base.get(key, maxBytes);
    const found = head(shade, mode);
    if (found === undefined) return undefined;
    if (found.size > maxBytes)
      throw new ObjectTooLargeError(`${key} has ${found.size} bytes, more than ${maxBytes}`);
    const body = shade.added.at(-1)?.body;
    if (body) return { ...found, body: Uint8Array.from(body) };
    const beneath = await this.#base.get(key, maxBytes);
    if (beneath?.versionId === found.versionId) return beneath;
    throw new Error(`The preview cannot read the older version ${found.versionId} of ${key}`);
  }

  async put(key: string, body: Uint8Array | string, { ifAbsent = false }: PutOptions = {}): Promise<boolean> {
    const mode = await this.versioning();
    const under = ifAbsent && !this.#shades.has(key) ? await this.#base.head(key) : undefined;
    const beneath = await this.#uncovered(key, mode);
    // What others did to the preview meanwhile counts; from here on nothing is waited for.
    const known = this.#shades.get(key);
    if (ifAbsent && (known ? head(known, mode) : under)) return false;
    const shade = this.#covered(key, mode, beneath);
    this.#shades.set({
      ...shade,
      added: pushed(shade.added, stored(this.#versionId(mode), body, this.#now())),
    });
    return true;
  }

  async delete(key: string, ifMatch: string): Promise<DeleteOutcome> {
    const mode = await this.versioning();
    const under = this.#shades.has(key) ? undefined : await this.#base.head(key);
    const beneath = await this.#uncovered(key, mode);
    // What others did to the preview meanwhile counts; from here on nothing is waited for.
    const shade = this.#shades.get(key);
    const found = shade ? head(shade, mode) : under;
    if (found === undefined) return { deleted: false, reason: 'absent' };
    if (found.etag !== ifMatch) return { deleted: false, reason: 'changed' };
    this.#guard();
    return { deleted: true, ...this.#bury(key, mode, beneath) };
  }

  async deleteMany(keys: readonly string[]): Promise<DeleteResult> {
    const mode = await this.versioning();
    const deleted: { key: string; marker?: string }[] = [];
    for (const key of new Set(keys)) {
      const beneath = await this.#uncovered(key, mode);
      this.#guard();
      deleted.push({ key, ...this.#bury(key, mode, beneath) });
    }
    return { deleted, failed: [] };
  }

  async versions(key: string): Promise<ObjectVersion[]> {
    const shade = this.#shades.get(key);
    const beneath =
      shade && shade.beneath !== 'all' ? shade.beneath : stackOf(await this.#base.versions(key));
    return listedVersions(key, [...beneath, ...(shade?.added ?? [])]);
  }

  async *versionsUnder(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    const shades = new Map<string, { readonly shade: Shade; readonly base: ObjectVersion[] }>();
    for (const shade of this.#shades.from(prefix)) {
      if (!shade.key.startsWith(prefix)) break;
      shades.set(shade.key, { shade, base: [] });
    }
    for await (const page of this.#base.versionsUnder(prefix)) {
      for (const version of page) shades.get(version.key)?.base.push(version);
      yield page.filter(({ key }) => !shades.has(key));
    }
    for (const [key, { shade, base }] of shades) {
      const { added, beneath } = shade;
      const own = listedVersions(key, beneath === 'all' ? added : [...beneath, ...added]);
      // The preview holds the key, so something of its own is above all that the base has.
      const covered = beneath === 'all' ? base.map((version) => ({ ...version, isLatest: false })) : [];
      yield [...own, ...covered];
    }
  }

  async deleteVersion(key: string, versionId: string): Promise<void> {
    await this.#forget(key, [versionId]);
  }

  async deleteVersions(versions: readonly VersionName[]): Promise<DeleteResult> {
    for (const [key, named] of Map.groupBy(versions, (version) => version.key)) {
      await this.#forget(
        key,
        named.map(({ versionId }) => versionId),
      );
    }
    return { deleted: versions.map(({ key, versionId }) => ({ key, versionId })), failed: [] };
  }

  async #forget(key: string, versionIds: readonly string[]): Promise<void> {
    const known = this.#shades.get(key)?.added ?? [];
    const inBase = versionIds.some((id) => !known.some(({ versionId }) => versionId === id));
    const beneath = inBase ? stackOf(await this.#base.versions(key)) : [];
    this.#guard();
    const left = (stack: VersionStack) => versionIds.reduce(without, stack);
    const shade = this.#shades.get(key) ?? { key, added: [], beneath: 'all' };
    const rest: Shade = {
      key,
      added: left(shade.added),
      beneath: inBase ? left(shade.beneath === 'all' ? beneath : shade.beneath) : shade.beneath,
    };
    // With nothing of its own above what the base has, the preview need not hold the key.
    if (rest.added.length === 0 && rest.beneath === 'all') this.#shades.delete(key);
    else this.#shades.set(rest);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListPage> {
    const mode = await this.versioning();
    return mergedPage(this.#base, this.#own(mode), { prefix, ...options });
  }

  async *multipartUploads(prefix: string): AsyncGenerator<MultipartUpload> {
    for await (const upload of this.#base.multipartUploads(prefix)) {
      if (!this.#aborted.has(uploadName(upload))) yield upload;
    }
  }

  async multipartBytes(upload: MultipartUpload): Promise<number> {
    return this.#aborted.has(uploadName(upload)) ? 0 : this.#base.multipartBytes(upload);
  }

  async abortUpload(upload: MultipartUpload): Promise<void> {
    this.#guard();
    this.#aborted.add(uploadName(upload));
  }

  /** What the preview holds, for a listing. */
  #own(mode: Versioning): OwnKeys {
    const shades = this.#shades;
    return {
      *from(key, exclusive) {
        for (const shade of shades.from(key, exclusive)) yield shade.key;
      },
      has: (key) => shades.has(key),
      head: (key) => {
        const shade = shades.get(key);
        return shade && head(shade, mode);
      },
    };
  }

  /** What is below a first write to the key. */
  async #uncovered(key: string, mode: Versioning): Promise<VersionStack | 'all'> {
    if (mode === 'enabled' || this.#shades.has(key)) return 'all';
    return mode === 'off' ? [] : stackOf(await this.#base.versions(key));
  }

  /** The key as it is right before a version is laid over it: one named `null` takes the place of another. */
  #covered(key: string, mode: Versioning, beneath: VersionStack | 'all'): Shade {
    const shade = this.#shades.get(key) ?? { key, added: [], beneath };
    if (mode === 'enabled' || shade.beneath === 'all') return shade;
    return { ...shade, beneath: without(shade.beneath, NULL_VERSION) };
  }

  #bury(key: string, mode: Versioning, beneath: VersionStack | 'all'): { marker?: string } {
    const marker = this.#versionId(mode);
    const shade = this.#covered(key, mode, beneath);
    this.#shades.set({ ...shade, added: buried(shade.added, mode, marker, this.#now()) });
    return mode === 'off' ? {} : { marker };
  }

  #versionId(mode: Versioning): string {
    return mode === 'enabled' ? `preview-${String(++this.#serial).padStart(8, '0')}` : NULL_VERSION;
  }
}

function head({ key, added, beneath }: Shade, mode: Versioning): ObjectHead | undefined {
  return visible(key, added.length > 0 || beneath === 'all' ? added : beneath, mode);
}

function uploadName({ key, uploadId }: MultipartUpload): string {
  return `${uploadId}\u0000${key}`;
}
