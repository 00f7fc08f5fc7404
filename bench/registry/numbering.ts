/** Gives every release, manifest and blob of the generated registry its number, in the order in which they are pushed. */
import { Digests } from './digests.ts';
import { EMPTY, type Layer, type Manifest } from './images.ts';
import { Numbers } from './numbers.ts';
import {
  BASE_IMAGES,
  BASE_LAYERS,
  BUILDS_PER_DEPENDENCIES,
  baseLayers,
  dependenciesOf,
  IMAGES_PER_REPOSITORY,
  isUntagged,
  type ReleaseOptions,
  release,
} from './releases.ts';

export interface CatalogOptions extends ReleaseOptions {
  /** Images of one platform; as many as the last release leaves, and so a few more. */
  readonly images: number;
  /** The share of releases that nothing holds any more; the last of each repository is held. */
  readonly garbage: number;
}

/** 46 bytes a blob, with its share of the manifests. */
export class Numbering {
  readonly images: number;
  readonly bases: readonly Layer[][];
  /** How many blobs are named by releases of any repository. */
  readonly shared: number;
  /** The first release of each repository, and the number of all. */
  readonly firstReleases: number[] = [0];
  /** By release: the number of its first manifest, with the number of all at the end. */
  readonly firstManifests = new Numbers();
  readonly garbage = new Numbers();
  /** By manifest: the number of the blob that holds its bytes. */
  readonly bytesOf = new Numbers();
  readonly releaseOf = new Numbers();
  /** By blob: its size, and the number of the first manifest that names it. */
  readonly sizes = new Numbers();
  readonly owners = new Numbers();
  readonly digests = new Digests();
  readonly #options: CatalogOptions;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.bases = Array.from({ length: BASE_IMAGES }, (_, base) => baseLayers(options.seed, base));
    // What many share comes first, so that its number tells that it is shared.
    for (const shared of [...this.bases.flat(), EMPTY]) this.#addBlob(shared, 0);
    this.shared = this.digests.length;
    let images = 0;
    for (let repository = 0; images < options.images; repository++) {
      const share = Math.min(options.images, (repository + 1) * IMAGES_PER_REPOSITORY) - images;
      images += this.#addRepository(repository, share);
    }
    this.images = images;
    this.firstManifests.push(this.bytesOf.length);
    this.digests.sort();
  }

  /** @returns how many images it has. */
  #addRepository(repository: number, share: number): number {
    const { seed, garbage } = this.#options;
    let images = 0;
    for (let build = 0; images < share; build++) {
      const made = release(this.#options, this.bases, { repository, build });
      images += made.images;
      const isLast = images >= share;
      const number = this.garbage.push(!isLast && isUntagged(seed, made, garbage) ? 1 : 0);
      this.firstManifests.push(this.bytesOf.length);
      if (build % BUILDS_PER_DEPENDENCIES === 0) {
        this.#addBlob(dependenciesOf(seed, made), this.bytesOf.length);
      }
      for (const [at, manifest] of made.manifests.entries()) {
        this.#addManifest(manifest, number, at < made.images);
      }
    }
    this.firstReleases.push(this.garbage.length);
    return images;
  }

  /** Its bytes, its configuration, and the layers of its own, in this order. */
  #addManifest(manifest: Manifest, release: number, isImage: boolean): void {
    const owner = this.bytesOf.length;
    this.bytesOf.push(this.#addBlob(manifest, owner));
    this.releaseOf.push(release);
    if (isImage && manifest.config) this.#addBlob(manifest.config, owner);
    const own = isImage ? manifest.layers.slice(BASE_LAYERS + 1) : manifest.layers;
    for (const layer of own) this.#addBlob(layer, owner);
  }

  #addBlob({ digest, size }: Layer, owner: number): number {
    this.sizes.push(size);
    this.owners.push(owner);
    return this.digests.push(digest);
  }
}
