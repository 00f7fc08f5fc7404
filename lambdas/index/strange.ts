/**
 * Keys below `repositories/` that are links by their form and yet not of the layout as it is known: names that this
 * version cannot parse, links of registries before distribution 2.4. What they mean is not known, so the blob they
 * end in stays linked and nothing of their repository is deleted (protocol section 2, fail closed).
 */
import { type Digest, digestFrom, digestOf } from '../registry/digest.ts';
import type { RegistryLayout } from '../registry/layout.ts';
import { isRepositoryName } from '../registry/names.ts';
import { putLink } from '../store/hold.ts';
import { isInForce, linkKey, obstacleKey, repositoryPk } from '../store/items.ts';
import type { Item } from '../store/table.ts';
import type { IndexContext } from './context.ts';

const MARKERS = new Set(['_layers', '_manifests']);

export interface StrangeLink {
  /** The repository as written, whether or not a registry could serve it. */
  readonly name: string;
  /** Where the key ends in one; a tag's does not. */
  readonly digest: Digest | undefined;
}

/** @returns undefined when the key is no link, and so keeps nothing. */
export function strangeLink(layout: RegistryLayout, key: string): StrangeLink | undefined {
  if (!key.startsWith(layout.repositoriesPrefix)) return undefined;
  const parts = key.slice(layout.repositoriesPrefix.length).split('/');
  // Part by part and not by a pattern: a name may hold any character, and a key from an event be of any length.
  const first = (is: (part: string, at: number) => boolean) =>
    parts.findIndex((part, at) => at > 0 && is(part, at));
  const named = (marker: number) => parts.slice(0, marker).join('/');
  const tags = first((part, at) => part === '_manifests' && parts[at + 1] === 'tags');
  const isCurrent = parts.at(-1) === 'link' && parts.at(-2) === 'current';
  if (tags !== -1 && isCurrent && parts.length - tags > 4) return { name: named(tags), digest: undefined };
  const marker = first((part) => MARKERS.has(part));
  if (marker === -1 || parts.at(-1) !== 'link') return undefined;
  const [algorithm = '', hex = ''] = parts.slice(marker + 1, -1).slice(-2);
  if (!/^[a-z0-9]+$/.test(algorithm) || !/^[0-9a-f]+$/.test(hex)) return undefined;
  return { name: named(marker), digest: digestFrom(algorithm, hex) };
}

/** An S3 key may be as long as a sort key, so its hash stands for it. */
const what = (key: string): string => `KEY#${digestOf(new TextEncoder().encode(key))}`;

/** The key of a strange link's obstacle, read back. */
export function strangeKeyOf(obstacle: Item): string | undefined {
  const { key } = obstacle;
  return obstacle.sk.startsWith('UNREADABLE#KEY#') && typeof key === 'string' ? key : undefined;
}

/** Keeps what a strange link may mean. @param linkedAt milliseconds since the epoch. */
export async function keepStrange(
  context: IndexContext,
  key: string,
  { name, digest }: StrangeLink,
  linkedAt: number,
): Promise<void> {
  const { metadata, now, grace } = context;
  const detail = `${key} is not of the known layout`;
  await metadata.table.put({ ...obstacleKey(name, what(key)), key, detail, since: now() });
  if (digest === undefined) return;
  const edge = await metadata.link(digest, name);
  if (edge?.linkedAt === linkedAt && isInForce(edge)) return;
  await putLink(metadata, name, digest, linkedAt);
  await metadata.touchBlob(digest, { at: linkedAt, grace });
}

/** The strange key is gone: so is what it kept, unless something else of the repository keeps it as well. */
export async function releaseStrange(
  context: IndexContext,
  key: string,
  { name, digest }: StrangeLink,
): Promise<void> {
  const { metadata, now, grace } = context;
  if (digest !== undefined && !(await isKept(context, key, name, digest))) {
    await metadata.table.remove(linkKey(digest, name));
    await metadata.releaseBlob(digest, { at: now(), grace });
  }
  await metadata.table.remove(obstacleKey(name, what(key)));
}

async function isKept(
  { metadata, bucket }: IndexContext,
  key: string,
  name: string,
  digest: Digest,
): Promise<boolean> {
  if (isRepositoryName(name) && (await bucket.layerLink(name, digest)) !== undefined) return true;
  const others = await metadata.all(repositoryPk(name), 'UNREADABLE#KEY#');
  return others
    .map(strangeKeyOf)
    .some(
      (other) => other !== undefined && other !== key && strangeLink(bucket.layout, other)?.digest === digest,
    );
}
