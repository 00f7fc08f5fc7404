import { algorithmOf, type Digest, digestFrom, hexOf, isDigest, parseDigest } from './digest.ts';
import { isRepositoryName, isTagName } from './names.ts';

/** What a key in the bucket is. `unrecognised` is left alone, always. */
export type RegistryKey =
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'revision'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly name: string; readonly tag: string }
  | { readonly kind: 'tag-history'; readonly name: string; readonly tag: string; readonly digest: Digest }
  | { readonly kind: 'layer'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'upload'; readonly name: string; readonly uuid: string; readonly path: string }
  | { readonly kind: 'unrecognised'; readonly key: string };

/** An upload's directory is a version 4 UUID, and distribution's own purge passes over anything else. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isUploadId = (value: string): boolean => UUID.test(value);

/**
 * distribution's storage layout (`registry/storage/paths.go`), in both directions:
 * `parse(keyOf(k))` equals `k` for every recognised key.
 *
 * Building a key throws when a name, tag, digest or upload id is not one: a prefix built of an empty name would
 * be the prefix of every repository.
 *
 * @example
 * const layout = new RegistryLayout('/registry');
 * layout.tagCurrent('team/app', 'v1');
 * // registry/docker/registry/v2/repositories/team/app/_manifests/tags/v1/current/link
 */
export class RegistryLayout {
  /** Of every key of the registry; ends in `/`, as all prefixes here do. */
  readonly prefix: string;
  readonly blobsPrefix: string;
  readonly repositoriesPrefix: string;

  /**
   * @param rootDirectory - distribution's `storage.s3.rootdirectory`; `''` when that is not set
   * @throws RangeError when distribution could not be using it (see {@link normaliseRoot})
   */
  constructor(rootDirectory: string) {
    this.prefix = `${normaliseRoot(rootDirectory)}docker/registry/v2/`;
    this.blobsPrefix = `${this.prefix}blobs/`;
    this.repositoriesPrefix = `${this.prefix}repositories/`;
  }

  /** The bytes of a manifest, config or layer, stored once for all repositories. */
  blobData(digest: Digest): string {
    const hex = hexOf(checkDigest(digest));
    return `${this.blobsPrefix}${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}/data`;
  }

  /** Present when the repository holds this manifest. */
  revisionLink(name: string, digest: Digest): string {
    return `${this.revisionsPrefix(name)}${link(digest)}`;
  }

  /** Where a tag points now. */
  tagCurrent(name: string, tag: string): string {
    return `${this.tagPrefix(name, tag)}current/link`;
  }

  /** Present when a tag has pointed at this manifest. */
  tagHistory(name: string, tag: string, digest: Digest): string {
    return `${this.tagPrefix(name, tag)}index/${link(digest)}`;
  }

  /** Present when the repository may serve and reuse this blob. */
  layerLink(name: string, digest: Digest): string {
    return `${this.layersPrefix(name)}${link(digest)}`;
  }

  /** Of all that belongs to a repository, and to the repositories nested below it (`a/` holds `a/b` too). */
  repositoryPrefix(name: string): string {
    return `${this.repositoriesPrefix}${check(isRepositoryName, 'repository name', name)}/`;
  }

  /** Of a repository's manifests. */
  revisionsPrefix(name: string): string {
    return `${this.repositoryPrefix(name)}_manifests/revisions/`;
  }

  /** Of a repository's tags. */
  tagsPrefix(name: string): string {
    return `${this.repositoryPrefix(name)}_manifests/tags/`;
  }

  /** Of one tag, its history included: what the registry removes when it removes a tag. */
  tagPrefix(name: string, tag: string): string {
    return `${this.tagsPrefix(name)}${check(isTagName, 'tag', tag)}/`;
  }

  /** Of a repository's links to blobs. */
  layersPrefix(name: string): string {
    return `${this.repositoryPrefix(name)}_layers/`;
  }

  /** Of one upload: its data, its start and the states of its hash. */
  uploadPrefix(name: string, uuid: string): string {
    return `${this.repositoryPrefix(name)}_uploads/${check(isUploadId, 'upload id', uuid)}/`;
  }

  /** The key of what {@link parse} has told apart. */
  keyOf(key: RegistryKey): string {
    switch (key.kind) {
      case 'blob':
        return this.blobData(key.digest);
      case 'revision':
        return this.revisionLink(key.name, key.digest);
      case 'tag':
        return this.tagCurrent(key.name, key.tag);
      case 'tag-history':
        return this.tagHistory(key.name, key.tag, key.digest);
      case 'layer':
        return this.layerLink(key.name, key.digest);
      case 'upload':
        return `${this.uploadPrefix(key.name, key.uuid)}${check((v) => v !== '', 'path', key.path)}`;
      case 'unrecognised':
        return key.key;
    }
  }

  /**
   * What a key is. Never throws: a key outside the root, or with any part that is not exactly what distribution
   * would have written, is `unrecognised`.
   */
  parse(key: string): RegistryKey {
    const unrecognised: RegistryKey = { kind: 'unrecognised', key };
    if (!key.startsWith(this.prefix)) return unrecognised;
    const [area, ...parts] = key.slice(this.prefix.length).split('/');
    if (area === 'blobs') return parseBlob(parts) ?? unrecognised;
    if (area === 'repositories') return parseRepository(parts) ?? unrecognised;
    return unrecognised;
  }
}

function parseBlob(parts: string[]): RegistryKey | undefined {
  const [algorithm = '', directory, hex = '', file, ...rest] = parts;
  const digest = digestFrom(algorithm, hex);
  const wellFormed = file === 'data' && rest.length === 0 && directory === hex.slice(0, 2);
  return digest && wellFormed ? { kind: 'blob', digest } : undefined;
}

function parseRepository(parts: string[]): RegistryKey | undefined {
  // No component of a name can begin with an underscore, so the first that does is the marker that ends it.
  const marker = parts.findIndex((part) => part.startsWith('_'));
  const name = parts.slice(0, Math.max(marker, 0)).join('/');
  if (!isRepositoryName(name)) return undefined;
  const rest = parts.slice(marker + 1);
  switch (parts[marker]) {
    case '_manifests':
      return rest[0] === 'tags' ? parseTag(name, rest.slice(1)) : parseRevision(name, rest);
    case '_layers': {
      const digest = parseLink(rest);
      return digest && { kind: 'layer', name, digest };
    }
    case '_uploads': {
      const [uuid = '', ...below] = rest;
      const path = below.join('/');
      return isUploadId(uuid) && path !== '' ? { kind: 'upload', name, uuid, path } : undefined;
    }
    default:
      return undefined;
  }
}

function parseRevision(name: string, parts: string[]): RegistryKey | undefined {
  const digest = parts[0] === 'revisions' ? parseLink(parts.slice(1)) : undefined;
  return digest && { kind: 'revision', name, digest };
}

function parseTag(name: string, parts: string[]): RegistryKey | undefined {
  const [tag = '', place, ...rest] = parts;
  if (!isTagName(tag)) return undefined;
  if (place === 'current') return rest.join('/') === 'link' ? { kind: 'tag', name, tag } : undefined;
  const digest = place === 'index' ? parseLink(rest) : undefined;
  return digest && { kind: 'tag-history', name, tag, digest };
}

function parseLink(parts: string[]): Digest | undefined {
  const [algorithm = '', hex = '', file] = parts;
  return parts.length === 3 && file === 'link' ? digestFrom(algorithm, hex) : undefined;
}

function link(digest: Digest): string {
  return `${algorithmOf(checkDigest(digest))}/${hexOf(digest)}/link`;
}

function checkDigest(digest: Digest): Digest {
  check(isDigest, 'digest', digest);
  return digest;
}

function check(is: (value: string) => boolean, what: string, value: string): string {
  if (!is(value)) throw new RangeError(`not a ${what}: ${JSON.stringify(value)}`);
  return value;
}

/**
 * The root directory as a prefix, '' or ending in `/`. distribution's S3 driver trims slashes at both ends and
 * leaves the rest as it is (`s3Path`). Its SDK then cleans empty, `.` and `..` components out of the keys it reads
 * and writes but not out of the prefixes it lists, so a registry over such a root does not work: those are refused
 * rather than guessed at, because a wrong root shows an empty registry.
 */
function normaliseRoot(rootDirectory: string): string {
  const trimmed = rootDirectory.replace(/^\/+/, '').replace(/\/+$/, '');
  if (trimmed === '') return '';
  const parts = trimmed.split('/');
  if (trimmed.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new RangeError(
      `not a root directory: ${JSON.stringify(rootDirectory)}; allowed are names separated by single slashes, none of them "." or ".."`,
    );
  return `${trimmed}/`;
}

/** A link's body is exactly a digest; `undefined` when it is anything else (distribution's `readlink`). */
export function linkDigest(body: string | Uint8Array): Digest | undefined {
  return parseDigest(
    typeof body === 'string' ? body : new TextDecoder('utf-8', { ignoreBOM: true }).decode(body),
  );
}
