/** What `usage` answers: the figures of the whole registry, and of what would free the most. */

import { at } from './graph/compressed.ts';
import { type Amount, type Figures, type Measured, UNUSED } from './graph/retained.ts';
import type { BlobState, Inventory, Manifest, Tag, Unreadable } from './inventory.ts';

export const GROUPINGS = ['repository', 'tag', 'image'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** A repository; a tag with the digest that it names; or a manifest in a repository, with its tags. */
export interface UsageRow {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly tags?: readonly string[];
  /** Of all blobs that it uses, each counted once. */
  readonly physicalBytes: number;
  /** Of those that would be freed if it alone were deleted, with all that nothing would hold then. */
  readonly uniqueBytes: number;
  /** The rest. */
  readonly sharedBytes: number;
}

export interface UsageTotals extends Amount {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  readonly states: Readonly<Record<BlobState, Amount>>;
  /** Blobs that no repository links and no manifest names. */
  readonly unused: Amount;
  /** Manifests that no tag leads to, and the blobs that would be freed if all of them went. */
  readonly unheld: Amount & { readonly manifests: number };
}

/** As `schemas/usage.schema.json` says. */
export interface UsageReport {
  readonly by: Grouping;
  readonly bucket: string;
  readonly generatedAt: string;
  /** The whole registry, each blob counted once. */
  readonly total: UsageTotals;
  /** What would free the most first. */
  readonly rows: readonly UsageRow[];
  /** How many there are besides. */
  readonly omitted: number;
  /** Rows of the table in a shape that this version does not know; they are in no figure. */
  readonly unreadable: Unreadable;
}

export interface ReportOptions {
  readonly by: Grouping;
  /** Rows at most. */
  readonly top: number;
  readonly bucket: string;
  readonly generatedAt: Date;
}

export function reportOf(inventory: Inventory, measured: Measured, options: ReportOptions): UsageReport {
  const { by, top, bucket, generatedAt } = options;
  const numbers = ranked(inventory, measured, by);
  return {
    by,
    bucket,
    generatedAt: generatedAt.toISOString(),
    total: totalsOf(inventory, measured),
    rows: rowsOf(inventory, measured, by, numbers.slice(0, top)),
    omitted: Math.max(0, numbers.length - top),
    unreadable: inventory.unreadable,
  };
}

/** The number of each thing: by unique bytes, then by physical bytes, both from the most on; then by name. */
export function ranked(inventory: Inventory, measured: Measured, by: Grouping): number[] {
  const { physical, unique } = figuresBy(measured, by);
  const name = namesBy(inventory, by);
  return [...physical.keys()].sort(
    (a, b) => at(unique, b) - at(unique, a) || at(physical, b) - at(physical, a) || compare(name(a), name(b)),
  );
}

function figuresBy({ repositories, tags, images }: Measured, by: Grouping): Figures {
  return { repository: repositories, tag: tags, image: images }[by];
}

/** `\0` is in no name, and comes before all that is. */
function namesBy(
  { repositories, tags, manifests, digests }: Inventory,
  by: Grouping,
): (number: number) => string {
  switch (by) {
    case 'repository':
      return (number) => repositories.text(number);
    case 'tag':
      return (number) => {
        const { repository, name } = tags[number] as Tag;
        return `${repositories.text(repository)}\0${name}`;
      };
    case 'image':
      return (number) => {
        const { repository, digest } = manifests[number] as Manifest;
        return `${repositories.text(repository)}\0${digests.text(digest)}`;
      };
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function rowsOf(
  inventory: Inventory,
  measured: Measured,
  by: Grouping,
  numbers: readonly number[],
): UsageRow[] {
  const { physical, unique } = figuresBy(measured, by);
  const describe = descriptionsBy(inventory, by);
  return numbers.map((number) => ({
    ...describe(number),
    physicalBytes: at(physical, number),
    uniqueBytes: at(unique, number),
    sharedBytes: at(physical, number) - at(unique, number),
  }));
}

type Description = Pick<UsageRow, 'repository' | 'tag' | 'digest' | 'tags'>;

function descriptionsBy(inventory: Inventory, by: Grouping): (number: number) => Description {
  const { repositories, digests } = inventory;
  if (by === 'repository') return (number) => ({ repository: repositories.text(number) });
  if (by === 'tag') {
    return (number) => {
      const { repository, name, digest } = inventory.tags[number] as Tag;
      return { repository: repositories.text(repository), tag: name, digest: digests.text(digest) };
    };
  }
  const tags = tagsByManifest(inventory);
  return (number) => {
    const { repository, digest } = inventory.manifests[number] as Manifest;
    return {
      repository: repositories.text(repository),
      digest: digests.text(digest),
      tags: tags.get(number) ?? [],
    };
  };
}

/** In the order of their names. */
export function tagsByManifest(inventory: Inventory): Map<number, string[]> {
  const tags = new Map<number, string[]>();
  for (const { repository, name, digest } of inventory.tags) {
    const manifest = inventory.manifestOf(repository, digest);
    if (manifest === undefined) continue;
    const names = tags.get(manifest);
    if (names === undefined) tags.set(manifest, [name]);
    else names.push(name);
  }
  for (const names of tags.values()) names.sort(compare);
  return tags;
}

export function totalsOf(inventory: Inventory, { users, unheld, freedWithUnheld }: Measured): UsageTotals {
  const none = (): { blobs: number; bytes: number } => ({ blobs: 0, bytes: 0 });
  const [all, unused] = [none(), none()];
  const states = { live: none(), condemned: none(), deleting: none() };
  for (const [number, blob] of inventory.blobs.entries()) {
    if (blob === undefined) continue;
    for (const sum of [all, states[blob.state], ...(users[number] === UNUSED ? [unused] : [])]) {
      sum.blobs++;
      sum.bytes += blob.bytes;
    }
  }
  return {
    ...all,
    repositories: inventory.repositories.size,
    manifests: inventory.manifests.length,
    tags: inventory.tags.length,
    states,
    unused,
    unheld: { manifests: unheld.reduce((count, mark) => count + mark, 0), ...freedWithUnheld },
  };
}
