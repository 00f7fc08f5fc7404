/**
 * Which blobs and manifests the generated registry has, as numbers in typed arrays: 46 bytes a blob. Whatever else there
 * is of them follows from their numbers and is made when it is asked for, so that millions of images fit into memory.
 */
import type { Digest } from '../../lambdas/registry/digest.ts';
import { EMPTY, type Layer } from './images.ts';
import { Numbers } from './numbers.ts';
import {
  BASE_IMAGES,
  BASE_LAYERS,
  BUILDS_PER_DEPENDENCIES,
  baseLayers,
  baseOf,
  dependenciesOf,
  IMAGES_PER_REPOSITORY,
  isUntagged,
  OWN_LAYERS,
  type Release,
  type ReleaseOptions,
  release,
} from './releases.ts';

export interface CatalogOptions extends ReleaseOptions {
  /** Images of one platform; as many as the last release leaves, and so a few more. */
  readonly images: number;
  /** The share of releases that nothing holds any more; the last of each repository is held. */
  readonly garbage: number;
}

/** Where a manifest is: number of its release, and its place in there. */
export interface ManifestPlace {
  readonly release: number;
  readonly at: number;
}

const DIGEST_BYTES = 32;
/** Releases kept as they were made last. */
const RECENT = 3_000;

export class Catalog {
  readonly options: CatalogOptions;
  readonly images: number;
  /** The first release of each repository, and the number of all. */
  readonly firstReleases: number[] = [0];
  /** By release: the number of its first manifest, with the number of all at the end. */
  readonly #firstManifests = new Numbers();
  readonly #garbage = new Numbers();
  /** By manifest: the number of the blob that holds its bytes. */
  readonly #bytesOf = new Numbers();
  readonly #releaseOf = new Numbers();
  /** By blob: its size, and the number of the first manifest that names it. */
  readonly #sizes = new Numbers();
  readonly #owners = new Numbers();
  #digests = Buffer.alloc(DIGEST_BYTES << 10);
  /** Numbers of all blobs, by digest. */
  #order = new Uint32Array();
  readonly #bases: Layer[][];
  readonly #recent = new Map<number, Release>();

  constructor(options: CatalogOptions) {
    this.options = options;
    this.#bases = Array.from({ length: BASE_IMAGES }, (_, base) => baseLayers(options.seed, base));
    // What many share comes first, so that its number tells that it is shared.
    for (const { digest, size } of [...this.#bases.flat(), EMPTY]) this.#addBlob(digest, size, 0);
    let images = 0;
    for (let repository = 0; images < options.images; repository++) {
      const share = Math.min(options.images, (repository + 1) * IMAGES_PER_REPOSITORY) - images;
      images += this.#addRepository(repository, share);
    }
    this.images = images;
    this.#firstManifests.push(this.#bytesOf.length);
    this.#order = this.#ordered();
  }

  get repositories(): number {
    return this.firstReleases.length - 1;
  }

  get releases(): number {
    return this.#garbage.length;
  }

  get manifests(): number {
    return this.#bytesOf.length;
  }

  get blobs(): number {
    return this.#sizes.length;
  }

  /** Blobs named by releases of any repository come first: base layers and the empty configuration. */
  get shared(): number {
    return this.#bases.flat().length + 1;
  }

  digest(blob: number): Digest {
    const from = blob * DIGEST_BYTES;
    return `sha256:${this.#digests.toString('hex', from, from + DIGEST_BYTES)}`;
  }

  /** Whether a blob is a manifest or a configuration, whose bytes are known. */
  isDocument(blob: number): boolean {
    if (blob < this.shared) return blob === this.shared - 1;
    const owner = this.#owners.at(blob);
    const { release, at } = this.placeOf(owner);
    const own = this.#bytesOf.at(owner);
    return blob === own || (blob === own + 1 && at < this.imagesIn(release));
  }

  size(blob: number): number {
    return this.#sizes.at(blob);
  }

  /** Numbers of the blobs in the order of their digests, from a digest on. */
  *inOrder(from: Digest = 'sha256:'): Generator<number> {
    for (let at = this.#seek(from); at < this.#order.length; at++) yield this.#order[at] ?? 0;
  }

  /** The number of a blob. */
  find(digest: Digest): number | undefined {
    const blob = this.#order[this.#seek(digest)];
    return blob !== undefined && this.digest(blob) === digest ? blob : undefined;
  }

  /** The number of a manifest by its digest. */
  findManifest(digest: Digest): number | undefined {
    const blob = this.find(digest);
    if (blob === undefined || blob < this.shared) return undefined;
    const owner = this.#owners.at(blob);
    return this.#bytesOf.at(owner) === blob ? owner : undefined;
  }

  manifestDigest(manifest: number): Digest {
    return this.digest(this.#bytesOf.at(manifest));
  }

  /** @param manifest its number. */
  placeOf(manifest: number): ManifestPlace {
    const release = this.#releaseOf.at(manifest);
    return { release, at: manifest - this.firstManifest(release) };
  }

  /** The blobs that a manifest names, by their numbers. */
  blobsNamed(manifest: number): { readonly config: number | undefined; readonly layers: readonly number[] } {
    const { release, at } = this.placeOf(manifest);
    const own = this.#bytesOf.at(manifest);
    // As they were added: the bytes, the configuration, the layers of its own.
    if (manifest === this.sbomOf(release)) return { config: this.shared - 1, layers: [own + 1] };
    if (at >= this.imagesIn(release)) return { config: undefined, layers: [] };
    const { build, repository } = this.place(release);
    const first = this.firstManifest(release - (build % BUILDS_PER_DEPENDENCIES));
    const base = baseOf({ repository, build }) * BASE_LAYERS;
    const layers = [
      ...range(base, BASE_LAYERS),
      this.#bytesOf.at(first) - 1,
      ...range(own + 2, OWN_LAYERS.length),
    ];
    return { config: own + 1, layers };
  }

  manifestSize(manifest: number): number {
    return this.size(this.#bytesOf.at(manifest));
  }

  /** The number of a release's first manifest; the others follow. */
  firstManifest(release: number): number {
    return this.#firstManifests.at(release);
  }

  /**
   * The manifests that name a blob, by their numbers; a manifest's own bytes are named by itself.
   *
   * @param repository to which it is limited. @default all
   */
  *namedBy(blob: number, repository?: number): Generator<number> {
    if (blob >= this.shared) {
      const owner = this.#owners.at(blob);
      if (repository !== undefined && this.repositoryOf(this.#releaseOf.at(owner)) !== repository) return;
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
    return this.#garbage.at(release) === 1;
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
    return { repository, build: release - (this.firstReleases[repository] ?? 0) };
  }

  repositoryOf(release: number): number {
    let [low, high] = [0, this.repositories - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.firstReleases[middle] ?? 0) <= release) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Numbers of a repository's releases. */
  releasesOf(repository: number): number[] {
    const [first = 0, end = 0] = this.firstReleases.slice(repository, repository + 2);
    return Array.from({ length: end - first }, (_, at) => first + at);
  }

  /** The release that `main` of a repository names. */
  mainOf(repository: number): number {
    return (this.firstReleases[repository + 1] ?? 1) - 1;
  }

  /** A release with all its bytes. */
  release(number: number): Release {
    const known = this.#recent.get(number);
    if (known !== undefined) return known;
    const made = release(this.options, this.#bases, this.place(number));
    const oldest = this.#recent.size < RECENT ? undefined : this.#recent.keys().next().value;
    if (oldest !== undefined) this.#recent.delete(oldest);
    this.#recent.set(number, made);
    return made;
  }

  /** The release that a repository would push next, or after that. */
  next(repository: number, ahead: number): Release {
    const build = this.releasesOf(repository).length + ahead;
    return release(this.options, this.#bases, { repository, build });
  }

  /** @returns how many images it has. */
  #addRepository(repository: number, share: number): number {
    let images = 0;
    for (let build = 0; images < share; build++) {
      const made = release(this.options, this.#bases, { repository, build });
      images += made.images;
      const isLast = images >= share;
      const isGarbage = !isLast && isUntagged(this.options.seed, made, this.options.garbage);
      const number = this.#garbage.push(isGarbage ? 1 : 0);
      this.#firstManifests.push(this.#bytesOf.length);
      if (build % BUILDS_PER_DEPENDENCIES === 0) {
        const { digest, size } = dependenciesOf(this.options.seed, made);
        this.#addBlob(digest, size, this.#bytesOf.length);
      }
      for (const [at, manifest] of made.manifests.entries()) {
        const owner = this.#bytesOf.length;
        const own = this.#addBlob(manifest.digest, manifest.size, owner);
        this.#bytesOf.push(own);
        this.#releaseOf.push(number);
        const isImage = at < made.images;
        if (isImage && manifest.config) this.#addBlob(manifest.config.digest, manifest.config.size, owner);
        const layers = isImage ? manifest.layers.slice(BASE_LAYERS + 1) : manifest.layers;
        for (const { digest, size } of layers) this.#addBlob(digest, size, owner);
      }
    }
    this.firstReleases.push(this.#garbage.length);
    return images;
  }

  #addBlob(digest: Digest, size: number, owner: number): number {
    const blob = this.#sizes.push(size);
    this.#owners.push(owner);
    const from = blob * DIGEST_BYTES;
    if (from + DIGEST_BYTES > this.#digests.byteLength) {
      const larger = Buffer.alloc(this.#digests.byteLength * 2);
      this.#digests.copy(larger);
      this.#digests = larger;
    }
    this.#digests.write(digest.slice('sha256:'.length), from, 'hex');
    return blob;
  }

  #ordered(): Uint32Array<ArrayBuffer> {
    const digests = this.#digests;
    const heads = Float64Array.from({ length: this.blobs }, (_, blob) =>
      digests.readUIntBE(blob * DIGEST_BYTES, 6),
    );
    const of = (blob: number) => digests.subarray(blob * DIGEST_BYTES, (blob + 1) * DIGEST_BYTES);
    return Uint32Array.from(heads.keys()).sort(
      (a, b) => (heads[a] ?? 0) - (heads[b] ?? 0) || of(a).compare(of(b)),
    );
  }

  /** Where a digest is in the order, or would be. */
  #seek(digest: Digest): number {
    const hex = digest.slice('sha256:'.length);
    const wanted = Buffer.from(hex.padEnd(2 * DIGEST_BYTES, '0'), 'hex');
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const from = (this.#order[middle] ?? 0) * DIGEST_BYTES;
      if (this.#digests.compare(wanted, 0, DIGEST_BYTES, from, from + DIGEST_BYTES) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The layer of dependencies is the blob right before the bytes of the first manifest that names it. */
  #isDependencies(blob: number, owner: number): boolean {
    return this.#bytesOf.at(owner) === blob + 1;
  }

  *#dependants(owner: number): Generator<number> {
    const first = this.#releaseOf.at(owner);
    const end = this.firstReleases[this.repositoryOf(first) + 1] ?? 0;
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
