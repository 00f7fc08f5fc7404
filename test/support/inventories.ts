/** Inventories of a bucket in memory, as S3 writes them. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { InventoryFormat } from '../../lambdas/inventory/manifest.ts';
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import type { MemoryBucket } from '../../local/memory-bucket.ts';

export interface InventoryRow {
  readonly key: string;
  readonly size: number;
  readonly lastModified: Date;
  readonly isLatest?: boolean;
  readonly isDeleteMarker?: boolean;
}

export interface InventoryOptions {
  readonly format: InventoryFormat;
  /** When it is begun. */
  readonly createdAt: Date;
  readonly sourceBucket?: string;
  /** How many files the rows are dealt out to. @default 3 */
  readonly files?: number;
  /** Where it is. @default 'registry/daily', as in `PLACE` */
  readonly prefix?: string;
}

export const PLACE = 's3://inventories/registry/daily/2026-03-01T00-00Z/manifest.json';

/** All versions and delete markers, in no order. */
export async function rowsOf(bucket: MemoryBucket, prefix = ''): Promise<InventoryRow[]> {
  const rows: InventoryRow[] = [];
  for await (const versions of bucket.versionsUnder(prefix)) rows.push(...versions);
  return rows.sort((a, b) => hash(a.key).localeCompare(hash(b.key)));
}

const hash = (key: string): string => createHash('md5').update(key).digest('hex');

/** Writes the files, then the manifest. */
export async function writeInventory(
  to: Pick<ObjectStore, 'put'>,
  rows: readonly InventoryRow[],
  { format, createdAt, sourceBucket = 'registry', files = 3, prefix = 'registry/daily' }: InventoryOptions,
): Promise<void> {
  const written: object[] = [];
  for (let at = 0; at < files; at++) {
    const part = rows.filter((_, row) => row % files === at);
    const body = format === 'CSV' ? csv(sourceBucket, part) : parquet(sourceBucket, part);
    const key = `${prefix}/data/${hash(String(at))}.${format === 'CSV' ? 'csv.gz' : 'parquet'}`;
    await to.put(key, body);
    const MD5checksum = createHash('md5').update(body).digest('hex');
    written.push({ key, size: body.byteLength, MD5checksum });
  }
  const manifest = {
    sourceBucket,
    destinationBucket: 'arn:aws:s3:::inventories',
    version: '2016-11-30',
    creationTimestamp: String(createdAt.getTime()),
    fileFormat: format,
    fileSchema: SCHEMAS[format],
    files: written,
  };
  await to.put(`${prefix}/2026-03-01T00-00Z/manifest.json`, JSON.stringify(manifest));
}

/** As in the user guide of S3. */
export const SCHEMAS: Readonly<Record<InventoryFormat, string>> = {
  CSV: 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag',
  Parquet:
    'message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional binary version_id (UTF8); ' +
    'optional boolean is_latest; optional boolean is_delete_marker; optional int64 size; ' +
    'optional int64 last_modified_date (TIMESTAMP_MILLIS); optional binary e_tag (UTF8); }',
};

/** Every field in quotes, keys as in a URL, nothing for the size of a delete marker. */
export function csv(bucket: string, rows: readonly InventoryRow[]): Buffer {
  const lines = rows.map(({ key, size, lastModified, isLatest = true, isDeleteMarker = false }) => [
    ...[bucket, encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'), 'v1'],
    ...[String(isLatest), String(isDeleteMarker), isDeleteMarker ? '' : String(size)],
    ...[lastModified.toISOString(), '0123456789abcdef0123456789abcdef'],
  ]);
  return gzipSync(stringify(lines, { quoted: true, quoted_empty: true }));
}

/** Two row groups and more. */
export function parquet(bucket: string, rows: readonly InventoryRow[]): Buffer {
  const column = <T>(name: string, type: string, nullable: boolean, of: (row: InventoryRow) => T) => ({
    ...{ name, type: type as 'STRING', nullable, data: rows.map(of) },
  });
  const buffer = parquetWriteBuffer({
    columnData: [
      column('bucket', 'STRING', false, () => bucket),
      column('key', 'STRING', false, ({ key }) => key),
      column('version_id', 'STRING', true, () => 'v1'),
      column('is_latest', 'BOOLEAN', true, ({ isLatest = true }) => isLatest),
      column('is_delete_marker', 'BOOLEAN', true, ({ isDeleteMarker = false }) => isDeleteMarker),
      column('size', 'INT64', true, ({ size, isDeleteMarker }) => (isDeleteMarker ? null : BigInt(size))),
      column('last_modified_date', 'TIMESTAMP', true, ({ lastModified }) => lastModified),
      column('e_tag', 'STRING', true, () => '0123456789abcdef0123456789abcdef'),
    ],
    rowGroupSize: 50,
  });
  return Buffer.from(buffer);
}
