/**
 * What an item of the table claims about the bucket, as one string, so that the claims of the whole table can be
 * compared with what a listing shows. Tombstones, removed edges, runs and locks claim nothing.
 */
import type { Digest } from '../registry/digest.ts';
import { edgeKeys, type Named } from '../store/edges.ts';
import { blobKey, holderKey, linkKey, manifestKey, tagKey, uploadKey } from '../store/items.ts';
import type { Item, Key } from '../store/table.ts';

const claim = (key: Key, value?: string | number): string =>
  value === undefined ? `${key.pk}\n${key.sk}` : `${key.pk}\n${key.sk}\n${value}`;

/** Links are written anew by every push, which counts for ages. A listing and a HEAD agree only to the second. */
const dated = (key: Key, time: unknown, value = ''): string =>
  claim(key, `${value}@${Math.floor(Number(time) / 1000)}`);

/** @param linkedAt milliseconds since the epoch, as all times here. */
export const linkClaim = (name: string, digest: Digest, linkedAt: number) =>
  dated(linkKey(digest, name), linkedAt);
export const dataClaim = (digest: Digest, size: number) => claim(blobKey(digest), size);
/** By the time it is due, which tells one in flight from one finished at the same moment. */
export const uploadClaim = (name: string, uuid: string, dueAt: number) => claim(uploadKey(name, uuid), dueAt);

export const tagClaims = (name: string, tag: string, digest: Digest, taggedAt: number): string[] => [
  dated(tagKey(name, tag), taggedAt, digest),
  claim(holderKey(name, digest, { kind: 'tag', tag })),
];

export const manifestClaims = (manifest: Named, pushedAt: number): string[] => [
  dated(manifestKey(manifest.name, manifest.digest), pushedAt),
  ...edgeKeys(manifest).map((key) => claim(key)),
];

const partitions = ['REPO#', 'HOLDERS#', 'REFERRERS#', 'BLOB#', 'UPLOAD#'];

/** @returns undefined when the item claims nothing that a listing could show. */
export function claimOf(item: Item): string | undefined {
  if (!partitions.some((partition) => item.pk.startsWith(partition))) return undefined;
  if (item['removedAt'] !== undefined || item['state'] === 'deleted') return undefined;
  if (item.sk.startsWith('UNREADABLE#')) return undefined;
  if (item.sk === 'BLOB') {
    const { size, state } = item;
    return state !== 'deleting' && typeof size === 'number' ? claim(item, size) : undefined;
  }
  if (item.pk.startsWith('UPLOAD#')) return claim(item, String(item['dueAt']));
  if (item.pk.startsWith('BLOB#') && item.sk.startsWith('LINK#')) return dated(item, item['linkedAt']);
  if (!item.pk.startsWith('REPO#')) return claim(item);
  return item.sk.startsWith('TAG#')
    ? dated(item, item['taggedAt'], String(item['digest']))
    : dated(item, item['pushedAt']);
}
