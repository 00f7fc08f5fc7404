/** The bucket as a rebuild sees it: repositories, and what each holds, from listings alone. */
import type { Digest } from '../registry/digest.ts';
import type { RegistryKey, RegistryLayout } from '../registry/layout.ts';
import { listPages } from '../store/pages.ts';
import type { RegistryBucket } from '../store/registry-bucket.ts';
import { MAX_NAMES } from './tag-names.ts';

const MARKERS = new Set(['_manifests', '_layers', '_uploads']);

/**
 * Names of all repositories, found by descending directory by directory: a listing of everything below would
 * read every link of the registry on one connection. Names that no registry can serve are among them: what is linked
 * below them is kept.
 */
export async function* repositoryNames(bucket: RegistryBucket): AsyncGenerator<string> {
  const open = [bucket.layout.repositoriesPrefix];
  for (let prefix = open.pop(); prefix !== undefined; prefix = open.pop()) {
    const { name, below } = await descend(bucket, prefix);
    open.push(...below);
    if (name !== undefined) yield name;
  }
}

/** One directory of the descent: the name of the repository that it is, if it is one, and what may hold others. */
export async function descend(
  bucket: RegistryBucket,
  prefix: string,
): Promise<{ readonly name: string | undefined; readonly below: readonly string[] }> {
  const root = bucket.layout.repositoriesPrefix;
  const below: string[] = [];
  let isRepository = false;
  for await (const directory of directories(bucket, prefix)) {
    const last = directory.slice(prefix.length, -1);
    if (prefix !== root && MARKERS.has(last)) isRepository = true;
    else below.push(directory);
  }
  return { name: isRepository ? prefix.slice(root.length, -1) : undefined, below };
}

/** The two-hex-digit directories of blob data, each a listing of its own. */
export async function* blobDirectories(bucket: RegistryBucket): AsyncGenerator<string> {
  for await (const algorithm of directories(bucket, bucket.layout.blobsPrefix)) {
    yield* directories(bucket, algorithm);
  }
}

/** The directories right below a prefix, each ending in a slash, in key order. */
export async function* directories(bucket: RegistryBucket, prefix: string): AsyncGenerator<string> {
  for await (const { prefixes } of listPages(bucket.objects, prefix, { delimiter: '/' })) yield* prefixes;
}

/** A listed object whose key parses. */
export type Listed<K extends RegistryKey['kind']> = Extract<RegistryKey, { kind: K }> & {
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
};

/** An object as a listing or an inventory has it. */
export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
}

export interface ListedPage<K extends RegistryKey['kind']> {
  readonly known: readonly Listed<K>[];
  /** Objects whose key is of no kind that belongs here. */
  readonly other: readonly { readonly key: string; readonly lastModified: Date }[];
}

/** A page of a listing, parsed. @param kinds that belong there. */
export function parsed<K extends RegistryKey['kind']>(
  layout: RegistryLayout,
  objects: readonly ListedObject[],
  kinds: readonly K[],
): ListedPage<K> {
  const known: Listed<K>[] = [];
  const other: { key: string; lastModified: Date }[] = [];
  for (const { key, size, lastModified } of objects) {
    const place = layout.parse(key);
    if (isOneOf(place, kinds)) known.push({ ...place, size, lastModified } as Listed<K>);
    else other.push({ key, lastModified });
  }
  return { known, other };
}

function isOneOf<K extends RegistryKey['kind']>(
  key: RegistryKey,
  kinds: readonly K[],
): key is Extract<RegistryKey, { kind: K }> {
  return (kinds as readonly string[]).includes(key.kind);
}

/** What the tags of a repository tell of a manifest. */
export interface TagHistory {
  /** As many as are remembered. */
  readonly tags: Set<string>;
  /** When a tag that names the manifest in its history was last put anywhere (milliseconds since the epoch). */
  movedAt: number;
}

/**
 * The history of all tags of a repository, by manifest. They come in the order of their keys: of each tag where it stands,
 * then which manifests it has named.
 */
export class TagHistories {
  readonly #only: ReadonlySet<Digest> | undefined;
  readonly #byManifest = new Map<Digest, TagHistory>();
  #standing: { readonly tag: string; readonly movedAt: number } | undefined;

  /** @param only the manifests that are asked for. @default all */
  constructor(only?: ReadonlySet<Digest>) {
    this.#only = only;
  }

  add(entry: Listed<'tag' | 'tag-history'>): void {
    const { tag } = entry;
    if (entry.kind === 'tag') this.#standing = { tag, movedAt: entry.lastModified.getTime() };
    else if (this.#only?.has(entry.digest) ?? true) {
      const history = this.#byManifest.get(entry.digest) ?? { tags: new Set<string>(), movedAt: 0 };
      this.#byManifest.set(entry.digest, history);
      if (history.tags.size < MAX_NAMES) history.tags.add(tag);
      if (this.#standing?.tag === tag) history.movedAt = Math.max(history.movedAt, this.#standing.movedAt);
    }
  }

  /** Those of a page of a repository's tags. */
  addAll(layout: RegistryLayout, objects: readonly ListedObject[]): void {
    for (const entry of parsed(layout, objects, ['tag', 'tag-history']).known) this.add(entry);
  }

  /** What all tags that were added tell of a manifest. */
  of(digest: Digest): TagHistory | undefined {
    return this.#byManifest.get(digest);
  }
}
