/**
 * Which blobs and manifests the generated registry has, by their numbers. Whatever else there is of them follows from
 * these and is made when it is asked for, so that millions of images fit into memory.
 */
import type { Digest } from '../../lambdas/registry/digest.ts';
import { type CatalogOptions, Numbering } from './numbering.ts';
import {
  BASE_IMAGES,
  BASE_LAYERS,
  BUILDS_PER_DEPENDENCIES,
  baseOf,
  OWN_LAYERS,
  type Release,
  release,
} from './releases.ts';

/** Where a manifest is: number of its release, and its place in there. */
export interface ManifestPlace {
  readonly release: number;
  readonly at: number;
}

/** Releases kept as they were made last. */
const RECENT = 3_000;

export class Catalog {
  readonly options: CatalogOptions;
  readonly #numbers: Numbering;
  readonly #recent = new Map<number, Release>();

  constructor(options: CatalogOptions) {
    this.options = options;
    this.#numbers = new Numbering(options);
  }

  get images(): number {
    return this.#numbers.images;
  }

  get repositories(): number {
    return this.#numbers.firstReleases.length - 1;
  }

  get releases(): number {
    return this.#numbers.garbage.length;
  }

  get manifests(): number {
    return this.#numbers.bytesOf.length;
  }

  get blobs(): number {
    return this.#numbers.sizes.length;
  }

  /** Blobs named by releases of any repository come first: base layers and the empty configuration. */
  get shared(): number {
    return this.#numbers.shared;
  }

  digest(blob: number): Digest {
    return this.#numbers.digests.at(blob);
  }

  /** Whether a blob is a manifest or a configuration, whose bytes are known. */
  isDocument(blob: number): boolean {
    if (blob < this.shared) return blob === this.shared - 1;
    const owner = this.#numbers.owners.at(blob);
    const { release, at } = this.placeOf(owner);
    const own = this.#numbers.bytesOf.at(owner);
    return blob === own || (blob === own + 1 && at < this.imagesIn(release));
  }

  size(blob: number): number {
    return this.#numbers.sizes.at(blob);
  }

  /** Numbers of the blobs in the order of their digests, from a digest on. */
  inOrder(from: Digest = 'sha256:'): Generator<number> {
    return this.#numbers.digests.from(from);
  }

  /** The number of a blob. */
  find(digest: Digest): number | undefined {
    return this.#numbers.digests.find(digest);
  }

  /** The number of a manifest by its digest. */
  findManifest(digest: Digest): number | undefined {
    const blob = this.find(digest);
    if (blob === undefined || blob < this.shared) return undefined;
    const owner = this.#numbers.owners.at(blob);
    return this.#numbers.bytesOf.at(owner) === blob ? owner : undefined;
  }

  manifestDigest(manifest: number): Digest {
    return this.digest(this.#numbers.bytesOf.at(manifest));
  }

  /** @param manifest its number. */
  placeOf(manifest: number): ManifestPlace {
    const release = this.#numbers.releaseOf.at(manifest);
    return { release, at: manifest - this.firstManifest(release) };
  }

  /** The blobs that a manifest names, by their numbers. */
  blobsNamed(manifest: number): { readonly config: number | undefined; readonly layers: readonly number[] } {
    const { release, at } = this.placeOf(manifest);
    const own = this.#numbers.bytesOf.at(manifest);
    // As they were added: the bytes, the configuration, the layers of its own.
    if (manifest === this.sbomOf(release)) return { config: this.shared - 1, layers: [own + 1] };
    if (at >= this.imagesIn(release)) return { config: undefined, layers: [] };
    const { build, repository } = this.place(release);
    const first = this.firstManifest(release - (build % BUILDS_PER_DEPENDENCIES));
    const base = baseOf({ repository, build }) * BASE_LAYERS;
    const layers = [
      ...range(base, BASE_LAYERS),
      this.#numbers.bytesOf.at(first) - 1,
      ...range(own + 2, OWN_LAYERS.length),
    ];
    return { config: own + 1, layers };
  }

  manifestSize(manifest: number): number {
    return this.size(this.#numbers.bytesOf.at(manifest));
  }

  /** The number of a release's first manifest; the others follow. */
  firstManifest(release: number): number {
    return this.#numbers.firstManifests.at(release);
  }

  /**
   * The manifests that name a blob, by their numbers; a manifest's own bytes are named by itself.
   *
   * @param repository to which it is limited. @default all
   */
  *namedBy(blob: number, repository?: number): Generator<number> {
    if (blob >= this.shared) {
      const owner = this.#numbers.owners.at(blob);
      if (repository !== undefined && this.repositoryOf(this.#numbers.releaseOf.at(owner)) !== repository)
        return;
      yield* this.#isDependencies(blob, owner) ? this.#dependants(owner) : [owner];
      return;
    }
    const base = Math.floor(blob / BASE_LAYERS);
    const [first, behind] = repository === undefined ? [0, this.repositories] : [repository, repository + 1];
    for (let one = first; one < behind; one++) {
      for (const [build, release] of this.releasesOf(one).entries()) {
        if (base === BASE_IMAGES) yield* this.#sbomOf(release);
        else if (baseOf({ repository: one, build }) === base) yield* this.#imagesOf(release);
      }
    }
  }

  isGarbage(release: number): boolean {
    return this.#numbers.garbage.at(release) === 1;
  }

  /** Whether any manifest names the blob: of a small registry's base images some are not used. */
  isNamed(blob: number): boolean {
    return blob >= this.shared || !this.namedBy(blob).next().done;
  }

  /** Whether some manifest that is held names the blob. */
  isNeeded(blob: number): boolean {
    for (const manifest of this.namedBy(blob))
      if (!this.isGarbage(this.placeOf(manifest).release)) return true;
    return false;
  }

  /** Numbers of a release's manifests. */
  manifestsIn(release: number): number[] {
    const first = this.firstManifest(release);
    return range(first, this.firstManifest(release + 1) - first);
  }

  /** Numbers of a repository's manifests. */
  manifestsOf(repository: number): number[] {
    return this.releasesOf(repository).flatMap((release) => this.manifestsIn(release));
  }

  /** The manifest that a tag names. */
  topOf(release: number): number {
    const images = this.imagesIn(release);
    return this.firstManifest(release) + (images === 1 ? 0 : images);
  }

  /** The referrer of what a tag names, if there is one. */
  sbomOf(release: number): number | undefined {
    const last = this.firstManifest(release + 1) - 1;
    return last === this.topOf(release) ? undefined : last;
  }

  /** Images of one platform: one, or three before their index. */
  imagesIn(release: number): number {
    return this.firstManifest(release + 1) - this.firstManifest(release) <= 2 ? 1 : 3;
  }

  /** Of a release's number. */
  place(release: number): { readonly repository: number; readonly build: number } {
    const repository = this.repositoryOf(release);
    return { repository, build: release - (this.#numbers.firstReleases[repository] ?? 0) };
  }

  repositoryOf(release: number): number {
    let [low, high] = [0, this.repositories - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#numbers.firstReleases[middle] ?? 0) <= release) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Numbers of a repository's releases. */
  releasesOf(repository: number): number[] {
    const [first = 0, end = 0] = this.#numbers.firstReleases.slice(repository, repository + 2);
    return Array.from({ length: end - first }, (_, at) => first + at);
  }

  /** The release that `main` of a repository names. */
  mainOf(repository: number): number {
    return (this.#numbers.firstReleases[repository + 1] ?? 1) - 1;
  }

  /** A release with all its bytes. */
  release(number: number): Release {
    const known = this.#recent.get(number);
    if (known !== undefined) return known;
    const made = release(this.options, this.#numbers.bases, this.place(number));
    const oldest = this.#recent.size < RECENT ? undefined : this.#recent.keys().next().value;
    if (oldest !== undefined) this.#recent.delete(oldest);
    this.#recent.set(number, made);
    return made;
  }

  /** The release that a repository would push next, or after that. */
  next(repository: number, ahead: number): Release {
    const build = this.releasesOf(repository).length + ahead;
    return release(this.options, this.#numbers.bases, { repository, build });
  }

  /** The layer of dependencies is the blob right before the bytes of the first manifest that names it. */
  #isDependencies(blob: number, owner: number): boolean {
    return this.#numbers.bytesOf.at(owner) === blob + 1;
  }

  *#dependants(owner: number): Generator<number> {
    const first = this.#numbers.releaseOf.at(owner);
    const end = this.#numbers.firstReleases[this.repositoryOf(first) + 1] ?? 0;
    for (let release = first; release < Math.min(end, first + BUILDS_PER_DEPENDENCIES); release++) {
      yield* this.#imagesOf(release);
    }
  }

  *#imagesOf(release: number): Generator<number> {
    const first = this.firstManifest(release);
    for (let at = 0; at < this.imagesIn(release); at++) yield first + at;
  }

  *#sbomOf(release: number): Generator<number> {
    const sbom = this.sbomOf(release);
    if (sbom !== undefined) yield sbom;
  }
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);
