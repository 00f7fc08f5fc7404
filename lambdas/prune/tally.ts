/** What a run counts as it goes; in a distributed one each worker its share, which is merged at the end. */
import * as v from 'valibot';
import { type Digest, isDigest } from '../registry/digest.ts';
import type { RestoredBlob } from '../store/hold.ts';
import { KeySet } from '../store/key-set.ts';
import type { FailedDelete } from '../store/object-store.ts';
import { type ImageDeleted, MAX_LISTED, REFUSAL_CODES, type Refusal } from './report.ts';

const count = v.pipe(v.number(), v.integer());
const digest = v.custom<Digest>(isDigest, 'not a digest');
const pulled = { lastPulledAt: v.exactOptional(v.string()) };

/** What one worker has counted, as it is stored. Counts may be below 0: what one condemned another may have swept. */
const totalsSchema = v.object({
  manifests: v.object({ examined: count, deleted: count, skipped: count }),
  blobs: v.object({
    ...{ examined: count, condemned: count, condemnedBytes: count },
    ...{ deleted: count, rescued: count, failed: count },
  }),
  links: v.object({ deleted: count }),
  uploads: v.object({ deleted: count, bytes: count }),
  ...{ spaceReclaimed: count, incomplete: count },
  restored: v.array(
    v.object({
      digest,
      size: v.exactOptional(v.number()),
      runId: v.exactOptional(v.string()),
      deleteMarker: v.exactOptional(v.string()),
    }),
  ),
  lost: v.array(digest),
  deletedIn: v.array(v.tuple([v.string(), count])),
  /** Sets of fingerprints, as `KeySet` writes them. */
  ...{ examined: v.string(), skipped: v.string(), examinedBlobs: v.string() },
  images: v.array(
    v.union([v.object({ untagged: v.string(), ...pulled }), v.object({ deleted: digest, ...pulled })]),
  ),
  refusals: v.array(
    v.object({
      code: v.picklist(REFUSAL_CODES),
      message: v.string(),
      repository: v.exactOptional(v.string()),
      digest: v.exactOptional(digest),
    }),
  ),
});

export type PartialTotals = v.InferOutput<typeof totalsSchema>;

/** Reads what {@link Tally.toJSON} wrote. @returns undefined when it is something else. */
export function parseTotals(text: string): PartialTotals | undefined {
  try {
    const result = v.safeParse(totalsSchema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Counts as the run goes. */
export class Tally {
  readonly manifests = { examined: 0, deleted: 0, skipped: 0 };
  readonly blobs = { examined: 0, condemned: 0, condemnedBytes: 0, deleted: 0, rescued: 0, failed: 0 };
  readonly links = { deleted: 0 };
  readonly uploads = { deleted: 0, bytes: 0 };
  spaceReclaimed = 0;
  /** Blobs that something needed after they had been deleted: those that came back, and those that cannot. */
  readonly restored: RestoredBlob[] = [];
  readonly lost: Digest[] = [];
  /** Deletions that failed or were put off, so that the run has not done all it was asked for. */
  incomplete = 0;
  /** Manifests deleted, by repository. */
  readonly deletedIn = new Map<string, number>();
  /** By `<repository>@<digest>`, and blobs by digest. */
  readonly #examined = new KeySet();
  readonly #skipped = new KeySet();
  readonly #examinedBlobs = new KeySet();
  readonly #deleted = new KeySet();
  readonly #images: ImageDeleted[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #refused = new Set<string>();

  /** However often it is looked at. @param id `<repository>@<digest>` */
  examineManifest(id: string): void {
    if (this.#examined.add(id)) this.manifests.examined++;
  }

  /** Examined, and kept because something is not understood. */
  skipManifest(id: string): void {
    this.examineManifest(id);
    if (this.#skipped.add(id)) this.manifests.skipped++;
  }

  deleteManifest(repository: string, count = 1): void {
    this.manifests.deleted += count;
    this.deletedIn.set(repository, (this.deletedIn.get(repository) ?? 0) + count);
  }

  examineBlob(digest: Digest): void {
    if (this.#examinedBlobs.add(digest)) this.blobs.examined++;
  }

  /** A manifest's digest is listed once, whether the manifest, its bytes, or both are gone; a tag whoever tells of it. */
  image(entry: ImageDeleted): void {
    if (!this.#deleted.add('deleted' in entry ? entry.deleted : entry.untagged)) return;
    if (this.#images.length < MAX_LISTED) this.#images.push(entry);
  }

  /** Each refusal is listed once, however often it is met. */
  refuse(refusal: Refusal): void {
    const { code, repository, digest, message } = refusal;
    const id =
      digest === undefined && code === 'failed' ? message : `${code} ${repository ?? ''} ${digest ?? ''}`;
    if (this.#refused.has(id) || this.#refusals.length >= MAX_LISTED) return;
    this.#refused.add(id);
    this.#refusals.push(refusal);
  }

  /** Why the run ended itself: before all others, as what its event and metric tell. */
  lead(refusal: Refusal): void {
    this.#refusals.unshift(refusal);
  }

  /** Keys that S3 did not confirm: each is refused by itself, and the run has not done all it was asked for. */
  fail(failed: readonly FailedDelete[], about: Pick<Refusal, 'repository' | 'digest'> = {}): void {
    for (const { key, code, message } of failed) {
      this.incomplete++;
      this.refuse({ code: 'failed', message: `${key}: ${code}: ${message}`, ...about });
    }
  }

  get images(): readonly ImageDeleted[] {
    return this.#images;
  }

  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  /** All of it, for the process that finishes the run. */
  toJSON(): PartialTotals {
    const { manifests, blobs, links, uploads, spaceReclaimed, restored, lost, incomplete, deletedIn } = this;
    return {
      ...{ manifests, blobs, links, uploads, spaceReclaimed, restored, lost, incomplete },
      deletedIn: [...deletedIn],
      examined: this.#examined.toBase64(),
      skipped: this.#skipped.toBase64(),
      examinedBlobs: this.#examinedBlobs.toBase64(),
      images: this.#images,
      refusals: this.#refusals,
    };
  }

  /** Adds what another worker of the same run has counted. What both have looked at counts once. */
  merge(part: PartialTotals): void {
    for (const [repository, count] of part.deletedIn) this.deleteManifest(repository, count);
    this.manifests.examined += added(this.#examined, part.examined, part.manifests.examined);
    this.manifests.skipped += added(this.#skipped, part.skipped, part.manifests.skipped);
    const { examined: _, ...blobs } = part.blobs;
    for (const name of namesOf(blobs)) this.blobs[name] += blobs[name];
    this.blobs.examined += added(this.#examinedBlobs, part.examinedBlobs, part.blobs.examined);
    this.links.deleted += part.links.deleted;
    this.uploads.deleted += part.uploads.deleted;
    this.uploads.bytes += part.uploads.bytes;
    this.spaceReclaimed += part.spaceReclaimed;
    this.restored.push(...part.restored);
    this.lost.push(...part.lost);
    this.incomplete += part.incomplete;
    for (const image of part.images) this.image(image);
    for (const refusal of part.refusals) this.refuse(refusal);
  }
}

/** How many a part adds to a set. Of a worker that died more may be known than which they were. */
function added(all: KeySet, part: string, count: number): number {
  const known = KeySet.sizeOf(part);
  return all.union(part) + Math.max(0, count - known);
}

const namesOf = <T extends object>(counts: T): readonly (keyof T)[] => Object.keys(counts) as (keyof T)[];
