/** The table, read once from end to end, into what the figures are computed from. */
import { type Digest, isDigest } from '../../lambdas/registry/digest.ts';
import { sideBySide } from '../../lambdas/store/side-by-side.ts';
import type { Item, Key, Table } from '../../lambdas/store/table.ts';
import { type BlobState, Inventory } from './inventory.ts';

/** Parts of the table that are read side by side. */
const SEGMENTS = 16;

/** Rows that say nothing of who uses which bytes; manifests say themselves what they hold and name. */
const OTHER_ROWS = /^(?:REPOSITORIES|RUNS|LOCK|INDEX|REINDEX|LAST|(?:HOLDERS|REFERRERS|UPLOAD)#.*)$/s;

/**
 * Reads the whole table. The read is eventually consistent and takes its time, so what is pushed or deleted meanwhile
 * may be in the figures or not; on a registry at rest they are exact.
 *
 * Each row is decoded by hand and no further than needed: there is one for every edge, and a schema for each takes
 * longer than all the rest. One in a shape that is not known is counted in `unreadable`.
 *
 * @param onRows told how many rows were read so far.
 */
export async function readInventory(
  table: Table,
  onRows: (rows: number) => void = () => {},
): Promise<Inventory> {
  const inventory = new Inventory();
  let rows = 0;
  const readSegment = async (segment: number): Promise<void> => {
    let after: Key | undefined;
    do {
      const page = await table.scan({ segment, segments: SEGMENTS, ...(after ? { after } : {}) });
      for (const item of page.items) if (!take(inventory, item)) inventory.addUnreadable(item);
      rows += page.items.length;
      onRows(rows);
      after = page.next;
    } while (after !== undefined);
  };
  await sideBySide([...Array(SEGMENTS).keys()], readSegment, SEGMENTS);
  return inventory;
}

/** @returns false for a row in an unknown shape. */
function take(inventory: Inventory, item: Item): boolean {
  const { pk, sk } = item;
  if (pk.startsWith('BLOB#')) return takeOfBlob(inventory, pk.slice('BLOB#'.length), item);
  if (!pk.startsWith('REPO#')) return OTHER_ROWS.test(pk);
  const name = pk.slice('REPO#'.length);
  if (sk.startsWith('MANIFEST#')) return takeManifest(inventory, name, item);
  if (sk.startsWith('TAG#')) return takeTag(inventory, name, item);
  return sk.startsWith('UNREADABLE#');
}

function takeOfBlob(inventory: Inventory, digest: string, item: Item): boolean {
  if (item.sk.startsWith('MANIFEST#')) return true;
  const blob = numberOf(inventory, digest);
  if (blob === undefined) return false;
  if (item.sk === 'BLOB') return takeBlob(inventory, blob, item);
  if (!item.sk.startsWith('LINK#')) return false;
  if (item['removedAt'] !== undefined) return typeof item['removedAt'] === 'number';
  inventory.links.repositories.push(inventory.repositories.number(item.sk.slice('LINK#'.length)));
  inventory.links.blobs.push(blob);
  return true;
}

function takeBlob(inventory: Inventory, blob: number, { state, size = 0 }: Item): boolean {
  if (state === 'deleted') return true;
  if (!isBlobState(state) || !Number.isSafeInteger(size) || Number(size) < 0) return false;
  inventory.blobs[blob] = { state, bytes: Number(size) };
  return true;
}

function takeManifest(inventory: Inventory, name: string, item: Item): boolean {
  const digest = item.sk.slice('MANIFEST#'.length);
  if (!isDigest(digest)) return false;
  if (item['state'] === 'deleted') {
    inventory.addDeleted(name, digest);
    return true;
  }
  if (item['state'] !== 'live' && item['state'] !== 'deleting') return false;
  const config = optional(inventory, item['config']);
  const subject = optional(inventory, item['subject']);
  const layers = numbersOf(inventory, item['layers']);
  const children = numbersOf(inventory, item['children']);
  if (config === null || subject === null || layers === undefined || children === undefined) return false;
  const own = inventory.digests.number(digest);
  inventory.addManifest({
    repository: inventory.repositories.number(name),
    digest: own,
    blobs: config === undefined ? [own, ...layers] : [own, config, ...layers],
    children,
    subject,
  });
  return true;
}

function takeTag(inventory: Inventory, name: string, item: Item): boolean {
  const digest = numberOf(inventory, item['digest']);
  if (digest === undefined) return false;
  const repository = inventory.repositories.number(name);
  inventory.tags.push({ repository, name: item.sk.slice('TAG#'.length), digest });
  return true;
}

const isBlobState = (value: unknown): value is BlobState =>
  value === 'live' || value === 'condemned' || value === 'deleting';

/** The number of a digest; undefined for anything else. What is numbered already was looked at before. */
function numberOf({ digests }: Inventory, value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  return digests.find(value) ?? (isDigest(value) ? digests.number(value satisfies Digest) : undefined);
}

/** Undefined for what is absent, null for what is no digest. */
function optional(inventory: Inventory, value: unknown): number | undefined | null {
  return value === undefined ? undefined : (numberOf(inventory, value) ?? null);
}

function numbersOf(inventory: Inventory, values: unknown): number[] | undefined {
  if (!Array.isArray(values)) return undefined;
  const numbers: number[] = [];
  for (const value of values) {
    const number = numberOf(inventory, value);
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return numbers;
}
