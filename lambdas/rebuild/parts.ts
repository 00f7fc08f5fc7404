/**
 * How a rebuild is divided. Each repository is in one of 64 parts, by its name's hash, and each blob in one of 256, by its
 * digest's first two digits. All that an item claims, and all that the listing of a part can show, is of one part, so that
 * each part is compared by itself.
 */
import type { RegistryLayout } from '../registry/layout.ts';
import { fingerprint } from '../store/key-set.ts';
import type { Key } from '../store/table.ts';

export type Part = string;

const REPOSITORY_PARTS = 64n;

const hex = (number: bigint | number): string => number.toString(16).padStart(2, '0');

/** Directories of blob data that no digest is in, and digests that are none. */
export const OTHER_BLOBS: Part = 'blobs-other';

/** @param name as it is written; whether a registry could serve it does not matter. */
export const partOfRepository = (name: string): Part =>
  `repositories-${hex(fingerprint(name) % REPOSITORY_PARTS)}`;

/** @param directory of blob data, below its algorithm: the digest's first two digits. */
export const partOfDirectory = (directory: string): Part =>
  /^[0-9a-f]{2}$/.test(directory) ? `blobs-${directory}` : OTHER_BLOBS;

const NAMED = ['REPO#', 'UPLOAD#', 'HOLDERS#', 'REFERRERS#'] as const;

/** The part to which belongs what an item claims. Each item is of one, whatever it says. */
export function partOfItem({ pk, sk }: Key): Part {
  if (!pk.startsWith('BLOB#')) {
    const kind = NAMED.find((prefix) => pk.startsWith(prefix)) ?? '';
    const rest = pk.slice(kind.length);
    return partOfRepository(kind === 'REPO#' || kind === 'UPLOAD#' ? rest : beforeLast(rest, '@'));
  }
  if (sk.startsWith('LINK#')) return partOfRepository(sk.slice('LINK#'.length));
  if (sk.startsWith('MANIFEST#')) return partOfRepository(beforeLast(sk.slice('MANIFEST#'.length), '@'));
  return partOfDirectory(pk.slice(pk.lastIndexOf(':') + 1).slice(0, 2));
}

/** What the listing of an inventory is needed for: links to blobs, and blobs. */
export interface InventoryPlace {
  readonly part: Part;
  /** Of a link. */
  readonly name?: string;
}

/** @returns undefined for a key that is looked for in the bucket itself. */
export function placeOfKey(layout: RegistryLayout, key: string): InventoryPlace | undefined {
  if (key.startsWith(layout.repositoriesPrefix)) {
    const name = /^(.+?)\/_(?:layers|manifests|uploads)\//s.exec(
      key.slice(layout.repositoriesPrefix.length),
    )?.[1];
    if (name === undefined || !key.startsWith(`${layout.repositoriesPrefix}${name}/_layers/`))
      return undefined;
    return { part: partOfRepository(name), name };
  }
  if (!key.startsWith(layout.blobsPrefix)) return undefined;
  const [, directory, ...below] = key.slice(layout.blobsPrefix.length).split('/');
  return directory === undefined || below.length === 0 ? undefined : { part: partOfDirectory(directory) };
}

function beforeLast(value: string, separator: string): string {
  const at = value.lastIndexOf(separator);
  return at === -1 ? value : value.slice(0, at);
}
