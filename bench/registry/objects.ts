/** The generated registry's bucket, as CNCF distribution and a collector have left it, made key by key. */
import type { Digest } from '../../lambdas/registry/digest.ts';
import type { RegistryKey, RegistryLayout } from '../../lambdas/registry/layout.ts';
import { etagOf } from '../../lambdas/store/etag.ts';
import { compareUtf8 } from '../../lambdas/store/order.ts';
import { NULL_VERSION, type StackedVersion, stored } from '../../lambdas/store/version-stack.ts';
import type { StacksBase } from '../../local/memory-stacks.ts';
import type { Catalog } from './catalog.ts';
import { pushedAt, type Release, repositoryName, tagOf } from './releases.ts';
import type { Stage } from './stage.ts';

const utf8 = new TextEncoder();

export interface ObjectsOptions {
  readonly catalog: Catalog;
  readonly layout: RegistryLayout;
  readonly stage: Stage;
  /**
   * The bytes of a layer in the place of those that nobody has, where objects are really sent; their ETags are those
   * of their bytes then. @default layers have a size alone, and all blob data an ETag of its key
   */
  readonly bytesOf?: (size: number) => string;
}

export class RegistryObjects implements StacksBase {
  readonly #catalog: Catalog;
  readonly #layout: RegistryLayout;
  readonly #stage: Stage;
  readonly #bytesOf: ObjectsOptions['bytesOf'];
  /** Numbers of the repositories by name, and the names in the order of their keys. */
  readonly #repositories: ReadonlyMap<string, number>;
  readonly #names: readonly string[];
  #listed: { readonly name: string; readonly keys: readonly string[] } | undefined;

  constructor({ catalog, layout, stage, bytesOf }: ObjectsOptions) {
    this.#catalog = catalog;
    this.#layout = layout;
    this.#stage = stage;
    this.#bytesOf = bytesOf;
    const names = Array.from({ length: catalog.repositories }, (_, number) => repositoryName(number));
    this.#repositories = new Map(names.map((name, number) => [name, number]));
    this.#names = names.sort((a, b) => compareUtf8(`${a}/`, `${b}/`));
  }

  get(key: string): readonly StackedVersion[] {
    const version = this.#version(key);
    return version === undefined ? [] : [version];
  }

  *from(key: string, exclusive: boolean): Generator<string> {
    for (const one of this.#fromAbout(key)) {
      const order = compareUtf8(one, key);
      if (order > 0 || (order === 0 && !exclusive)) yield one;
    }
  }

  /**
   * What a push of the release writes, in that order: data and links of blobs, manifests, tags.
   *
   * @returns keys with their bodies; a number stands for that many bytes.
   */
  push({ name, manifests, top }: Release, tags: readonly string[]): [string, string | number | Uint8Array][] {
    const layout = this.#layout;
    const written = new Map<string, string | number | Uint8Array>();
    for (const { digest, bytes, config, layers } of manifests) {
      for (const layer of layers) {
        written.set(layout.blobData(layer.digest), layer.size);
        written.set(layout.layerLink(name, layer.digest), layer.digest);
      }
      if (config !== undefined) {
        written.set(layout.blobData(config.digest), config.bytes);
        written.set(layout.layerLink(name, config.digest), config.digest);
      }
      written.set(layout.blobData(digest), bytes);
      written.set(layout.revisionLink(name, digest), digest);
    }
    for (const { digest } of manifests.slice(top, top + 1)) {
      for (const tag of tags) {
        written.set(layout.tagHistory(name, tag, digest), digest);
        written.set(layout.tagCurrent(name, tag), digest);
      }
    }
    return [...written];
  }

  #version(key: string): StackedVersion | undefined {
    const parsed = this.#layout.parse(key);
    if (parsed.kind === 'blob') return this.#data(key, parsed.digest);
    const body = this.#linkBody(parsed);
    return body && stored(NULL_VERSION, body.digest, new Date(body.at));
  }

  #data(key: string, digest: Digest): StackedVersion | undefined {
    const catalog = this.#catalog;
    const blob = catalog.find(digest);
    if (blob === undefined || !this.#hasData(blob)) return undefined;
    const [manifest = 0] = catalog.namedBy(blob);
    const { release } = catalog.placeOf(manifest);
    const lastModified = new Date(pushedAt(catalog.options, catalog.place(release)));
    const size = catalog.size(blob);
    const bytes = () => documentOf(catalog.release(release), digest);
    if (this.#bytesOf !== undefined) {
      const body = catalog.isDocument(blob) ? bytes() : this.#bytesOf(size);
      return stored(NULL_VERSION, body, lastModified);
    }
    const etag = etagOf(utf8.encode(`${key} ${size}`));
    const version = { versionId: NULL_VERSION, isDeleteMarker: false, lastModified, size, etag };
    if (!catalog.isDocument(blob)) return version;
    // Made when somebody reads it.
    return Object.defineProperty(version, 'body', { get: bytes, enumerable: true });
  }

  #hasData(blob: number): boolean {
    return this.#stage === 'pruned' ? this.#catalog.isNeeded(blob) : this.#catalog.isNamed(blob);
  }

  /** What a link holds and when it was written. */
  #linkBody(key: RegistryKey): { readonly digest: Digest; readonly at: number } | undefined {
    if (key.kind === 'blob' || key.kind === 'upload' || key.kind === 'unrecognised') return undefined;
    const repository = this.#repositories.get(key.name);
    if (repository === undefined) return undefined;
    if (key.kind === 'tag') return this.#tag(repository, key.tag);
    const release =
      key.kind === 'layer'
        ? this.#linking(repository, key.digest)
        : this.#holding(repository, key.digest, key.kind === 'tag-history' ? key.tag : undefined);
    return release === undefined ? undefined : { digest: key.digest, at: this.#at(release) };
  }

  #tag(repository: number, tag: string) {
    const catalog = this.#catalog;
    const release =
      tag === 'main'
        ? catalog.mainOf(repository)
        : catalog.releasesOf(repository).find((one) => tagOf(catalog.place(one)) === tag);
    if (release === undefined || catalog.isGarbage(release)) return undefined;
    return { digest: catalog.manifestDigest(catalog.topOf(release)), at: this.#at(release) };
  }

  /** The release by which a blob was linked first. */
  #linking(repository: number, digest: Digest): number | undefined {
    const catalog = this.#catalog;
    const blob = catalog.find(digest);
    if (blob === undefined) return undefined;
    for (const manifest of catalog.namedBy(blob, repository)) {
      const { release } = catalog.placeOf(manifest);
      if (this.#isHere(release) && catalog.manifestDigest(manifest) !== digest) return release;
    }
    return undefined;
  }

  /** The release with a manifest, if a tag of that name has named it. */
  #holding(repository: number, digest: Digest, tag: string | undefined): number | undefined {
    const catalog = this.#catalog;
    const manifest = catalog.findManifest(digest);
    if (manifest === undefined) return undefined;
    const { release } = catalog.placeOf(manifest);
    const { repository: of, build } = catalog.place(release);
    if (of !== repository || !this.#isHere(release)) return undefined;
    if (tag === undefined) return release;
    if (manifest !== catalog.topOf(release)) return undefined;
    const isOwn = tag === tagOf({ repository, build }) && !catalog.isGarbage(release);
    return isOwn || tag === 'main' ? release : undefined;
  }

  #isHere(release: number): boolean {
    const isPruned = this.#stage === 'condemned' || this.#stage === 'pruned';
    return !isPruned || !this.#catalog.isGarbage(release);
  }

  #at(release: number): number {
    return pushedAt(this.#catalog.options, this.#catalog.place(release));
  }

  /** From a key on, and perhaps a few before it. */
  *#fromAbout(key: string): Generator<string> {
    const { blobsPrefix, repositoriesPrefix } = this.#layout;
    if (key < repositoriesPrefix) {
      const [, directory = '', hex = ''] = /^sha256\/([0-9a-f]{0,2})\/?([0-9a-f]*)/.exec(
        key.startsWith(blobsPrefix) ? key.slice(blobsPrefix.length) : '',
      ) ?? ['', '', ''];
      const from = `sha256:${hex.startsWith(directory) ? hex : directory}` as const;
      for (const blob of this.#catalog.inOrder(from)) {
        if (!this.#hasData(blob)) continue;
        yield this.#layout.blobData(this.#catalog.digest(blob));
      }
    }
    for (const name of this.#names) {
      // All keys of the repository are before the one asked for.
      if (compareUtf8(`${repositoriesPrefix}${name}0`, key) <= 0) continue;
      yield* this.#keysIn(name);
    }
  }

  #keysIn(name: string): readonly string[] {
    if (this.#listed?.name === name) return this.#listed.keys;
    const catalog = this.#catalog;
    const repository = this.#repositories.get(name) ?? 0;
    const releases = catalog.releasesOf(repository).filter((release) => this.#isHere(release));
    const blobs = new Set<number>();
    for (const manifest of releases.flatMap((release) => catalog.manifestsIn(release))) {
      const { config, layers } = catalog.blobsNamed(manifest);
      for (const blob of config === undefined ? layers : [config, ...layers]) blobs.add(blob);
    }
    const keys = [
      ...[...blobs].map((blob) => this.#layout.layerLink(name, catalog.digest(blob))),
      ...releases.flatMap((release) => this.#manifestKeys(name, release)),
      this.#layout.tagCurrent(name, 'main'),
    ];
    this.#listed = { name, keys: keys.sort(compareUtf8) };
    return this.#listed.keys;
  }

  /** Links of a release's manifests, and of the tags that name or have named it, but for where `main` is now. */
  #manifestKeys(name: string, release: number): string[] {
    const catalog = this.#catalog;
    const layout = this.#layout;
    const top = catalog.manifestDigest(catalog.topOf(release));
    const tag = tagOf(catalog.place(release));
    return [
      ...catalog
        .manifestsIn(release)
        .map((manifest) => layout.revisionLink(name, catalog.manifestDigest(manifest))),
      layout.tagHistory(name, 'main', top),
      ...(catalog.isGarbage(release)
        ? []
        : [layout.tagHistory(name, tag, top), layout.tagCurrent(name, tag)]),
    ];
  }
}

/** The bytes of a manifest or configuration of a release. */
function documentOf({ name, manifests }: Release, digest: Digest): Uint8Array {
  for (const manifest of manifests) {
    if (manifest.digest === digest) return manifest.bytes;
    if (manifest.config?.digest === digest) return manifest.config.bytes;
  }
  throw new Error(`no release of ${name} has the bytes of ${digest}`);
}
