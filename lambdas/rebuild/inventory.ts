/** The links and blobs that an inventory lists, divided into parts. */
import { createHash } from 'node:crypto';
import type { ListedObject } from '../index/listing.ts';
import {
  InventoryError,
  type InventoryFile,
  type InventoryManifest,
  parseInventoryManifest,
  parseLocation,
  type S3Location,
} from '../inventory/manifest.ts';
import { inventoryRows } from '../inventory/rows.ts';
import { Divider } from './divide.ts';
import type { Job, Work } from './job.ts';
import { type Part, placeOfKey } from './parts.ts';
import type { LinePage, WorkFiles } from './work-files.ts';

/**
 * Bytes of a file, which is read whole, so that its checksum can be compared before anything is believed. While it arrives it
 * takes twice its size; of Parquet, columns and rows come to it: 276 MB with all rows in one group have taken 1.27 GB of
 * the function's two.
 */
const MAX_FILE_BYTES = { CSV: 512 * 1024 * 1024, Parquet: 256 * 1024 * 1024 } as const;
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

export const listingOf = (part: Part): string => `listing/${part}`;

/**
 * Reads the manifest of an inventory.
 *
 * @param registry the bucket that it has to be of.
 * @throws InventoryError when there is none, or it is of something else.
 */
export async function readInventory(
  storeOf: Job['storeOf'],
  location: string,
  registry: string,
): Promise<InventoryManifest> {
  const bytes = await read(storeOf, parseLocation(location), MAX_MANIFEST_BYTES);
  const manifest = parseInventoryManifest(new TextDecoder().decode(bytes));
  if (manifest.sourceBucket === registry) return manifest;
  throw new InventoryError(
    `${location} is an inventory of the bucket ${manifest.sourceBucket}: allowed is one of ${registry}`,
  );
}

/**
 * @param buckets those that inventories may be in. @default any
 * @throws InventoryError when it is in none of them.
 */
export function assertWhereAllowed(location: string, buckets: readonly string[] | undefined): void {
  if (buckets === undefined || buckets.includes(parseLocation(location).bucket)) return;
  const allowed =
    buckets.length > 0
      ? `allowed is one in ${buckets.join(', ')}`
      : 'allowed is none, since the stack was deployed without inventoryBucket';
  throw new InventoryError(`inventory: got ${location}: ${allowed}`);
}

/** One file of the inventory. Its rows are in no order to rely on. */
export const divideInventory: Work = async ({
  context,
  rebuild,
  files,
  storeOf,
  unit,
  slice,
  cursor,
  isOver,
}) => {
  const { location = '' } = rebuild;
  const manifest = await readInventory(storeOf, location, rebuild.bucket);
  const file = manifest.files[Number(unit.slice(unit.lastIndexOf('-') + 1))];
  if (file === undefined) throw new InventoryError(`${location} has no file for ${unit}`);
  const { bucket } = parseLocation(location);
  const bytes = await readFile(storeOf, { bucket, ...file }, MAX_FILE_BYTES[manifest.format]);
  const divider = new Divider(files, slice);
  const from = typeof cursor === 'number' ? cursor : 0;
  let row = 0;
  for await (const object of inventoryRows(manifest, bytes)) {
    if (row++ < from) continue;
    const place = object && placeOfKey(context.bucket.layout, object.key);
    if (object !== undefined && place !== undefined) {
      const { key, size, lastModified } = object;
      await divider.add(listingOf(place.part), JSON.stringify([key, size, lastModified]));
    }
    if (row > from + 1 && isOver()) {
      await divider.flush();
      return row;
    }
  }
  await divider.flush();
  return undefined;
};

async function readFile(
  storeOf: Job['storeOf'],
  { md5, ...place }: S3Location & InventoryFile,
  maxBytes: number,
): Promise<Uint8Array> {
  const bytes = await read(storeOf, place, maxBytes);
  const found = createHash('md5').update(bytes).digest('hex');
  if (found === md5) return bytes;
  throw new InventoryError(
    `the inventory's file ${place.key} has the checksum ${found}: its manifest says ${md5}`,
  );
}

/** With which the next try would end as well: what may not be read, is elsewhere, in an archive, or too large. */
const REFUSED = [
  'AccessDenied',
  'BucketMissingError',
  'InvalidObjectState',
  'ObjectTooLargeError',
  'PermanentRedirect',
];

/** @throws InventoryError when it is not there, or cannot be read. */
async function read(
  storeOf: Job['storeOf'],
  { bucket, key }: S3Location,
  maxBytes: number,
): Promise<Uint8Array> {
  const place = `s3://${bucket}/${key}`;
  try {
    const object = await storeOf(bucket).get(key, maxBytes);
    if (object !== undefined) return object.body;
  } catch (cause) {
    if (!(cause instanceof Error && REFUSED.includes(cause.name))) throw cause;
    throw new InventoryError(
      `${place} cannot be read (${cause.name}: ${cause.message}): allowed is an object of at most ${maxBytes} bytes, in the ` +
        'registry’s region, that the rebuild may read and decrypt',
      { cause },
    );
  }
  throw new InventoryError(
    `there is no ${place}: allowed is the manifest.json of an inventory and its files`,
  );
}

/** What {@link divideInventory} has written of a part, in pages as a listing has them. */
export async function* fromInventory(
  files: WorkFiles,
  directory: string,
  after?: Pick<LinePage, 'file' | 'until'>,
): AsyncGenerator<Omit<LinePage, 'lines'> & { readonly objects: readonly ListedObject[] }> {
  for await (const { file, until, lines } of files.pages(directory, after)) {
    const objects = lines.map((line) => {
      const [key, size, lastModified] = JSON.parse(line) as [string, number, number];
      return { key, size, lastModified: new Date(lastModified) };
    });
    yield { file, until, objects };
  }
}
