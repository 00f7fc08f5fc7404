/** The objects of an inventory's file, whichever format it has. */
import { Readable } from 'node:stream';
import { createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parse } from 'csv-parse';
import { type Compressors, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { columnOf, InventoryError, type InventoryManifest } from './manifest.ts';

/** An object that is current. */
export interface InventoryObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

/** Of a Parquet file: a row group may have millions. */
const ROWS_AT_ONCE = 200_000;

type Row = Readonly<Record<string, unknown>>;

/** hyparquet itself knows Snappy, which S3 writes; these are in Node. */
const COMPRESSORS: Compressors = {
  GZIP: (bytes) => new Uint8Array(gunzipSync(bytes)),
  ZSTD: (bytes) => new Uint8Array(zstdDecompressSync(bytes)),
};

/**
 * The rows of a file, one by one, in its order: undefined for what is no object now, that is a delete marker or a version
 * that is not the latest.
 *
 * @throws InventoryError when the file is not of its format, or a row is not as the manifest says.
 */
export async function* inventoryRows(
  { format, columns }: Pick<InventoryManifest, 'format' | 'columns'>,
  file: Uint8Array,
): AsyncGenerator<InventoryObject | undefined> {
  const rows = format === 'CSV' ? csvRows(file, columns) : parquetRows(file);
  let number = 0;
  try {
    for await (const row of rows) yield toObject(row, ++number);
  } catch (cause) {
    if (cause instanceof InventoryError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InventoryError(`an inventory's file, after row ${number}: ${reason}: allowed is ${format}`, {
      cause,
    });
  }
}

async function* csvRows(file: Uint8Array, columns: readonly string[]): AsyncGenerator<Row> {
  const source = Readable.from([file]);
  const expanded = createGunzip();
  const parser = parse({ columns: [...columns] });
  // `pipe` hands no error on, and a broken file must not look like a short one.
  source.on('error', (error) => expanded.destroy(error));
  expanded.on('error', (error) => parser.destroy(error));
  source.pipe(expanded).pipe(parser);
  for await (const row of parser as AsyncIterable<Record<string, string>>) {
    // In CSV alone, keys are encoded as in a URL.
    yield { ...row, Key: decoded(row['Key'] ?? '') };
  }
}

/** Some rows of one row group after the others, so that never more of them are there unpacked. */
async function* parquetRows(bytes: Uint8Array): AsyncGenerator<Row> {
  const file = {
    byteLength: bytes.byteLength,
    // Copies what is asked for, one column of a row group at most, and not the file.
    slice: (from: number, to?: number) => new Uint8Array(bytes.subarray(from, to)).buffer,
  };
  const metadata = await parquetMetadataAsync(file);
  const known = new Set(['key', 'is_latest', 'is_delete_marker', 'size', 'last_modified_date']);
  const columns = metadata.schema.map(({ name }) => name).filter((name) => known.has(name));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const end = rowStart + Number(group.num_rows);
    while (rowStart < end) {
      const rowEnd = Math.min(rowStart + ROWS_AT_ONCE, end);
      const range = { rowStart, rowEnd };
      const rows = await parquetReadObjects({ file, metadata, columns, ...range, compressors: COMPRESSORS });
      for (const row of rows) {
        yield Object.fromEntries(Object.entries(row).map(([name, value]) => [columnOf(name), value]));
      }
      rowStart = rowEnd;
    }
  }
}

function toObject(row: Row, number: number): InventoryObject | undefined {
  const { Key: key, Size, LastModifiedDate: date, IsLatest, IsDeleteMarker } = row;
  if (String(IsLatest ?? true) === 'false' || String(IsDeleteMarker ?? false) === 'true') return undefined;
  const size = Size === '' || Size === null || Size === undefined ? Number.NaN : Number(Size);
  const lastModified = date instanceof Date ? date.getTime() : timeOf(date);
  if (typeof key === 'string' && key !== '' && Number.isSafeInteger(size) && Number.isFinite(lastModified))
    return { key, size, lastModified };
  throw new InventoryError(
    `row ${number} of an inventory's file: got key ${JSON.stringify(key)}, size ${String(Size)}, date ${String(date)}; ` +
      'allowed are a key, whole bytes and a time',
  );
}

/** Text as in CSV; a number where Parquet has no type of time. */
const timeOf = (value: unknown): number =>
  typeof value === 'string' ? Date.parse(value) : typeof value === 'bigint' ? Number(value) : Number.NaN;

function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch (error) {
    throw new InventoryError(`"${key}" is no key as an inventory has it: allowed are those of a URL`, {
      cause: error,
    });
  }
}
