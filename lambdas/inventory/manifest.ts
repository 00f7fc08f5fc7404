/** The manifest of an S3 Inventory: which bucket it is of, when it was made, and the files that it consists of. */
import * as v from 'valibot';

/** Of the columns, those that are needed, and those that tell versions apart. */
const NEEDED = ['Key', 'Size', 'LastModifiedDate'] as const;

export const FORMATS = ['CSV', 'Parquet'] as const;
export type InventoryFormat = (typeof FORMATS)[number];

export interface InventoryFile {
  readonly key: string;
  /** Of the file's bytes, in hex. */
  readonly md5: string;
}

export interface InventoryManifest {
  readonly sourceBucket: string;
  readonly format: InventoryFormat;
  /** Names of the columns, in their order. */
  readonly columns: readonly string[];
  /** When the inventory was begun, milliseconds since the epoch. */
  readonly createdAt: number;
  readonly files: readonly InventoryFile[];
}

/** The inventory cannot be used. The message says what was found, and what is allowed. */
export class InventoryError extends Error {
  override readonly name = 'InventoryError';
}

/** Where an object is. */
export interface S3Location {
  readonly bucket: string;
  readonly key: string;
}

/** @throws InventoryError when it is not the URL of an object. */
export function parseLocation(url: string): S3Location {
  const [, bucket = '', key = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+)$/.exec(url) ?? [];
  if (key !== '') return { bucket, key };
  throw new InventoryError(
    `"${url}" is no place of an inventory: allowed is one such as s3://bucket/prefix/2026-08-01T01-00Z/manifest.json`,
  );
}

const schema = v.object({
  sourceBucket: v.string(),
  fileFormat: v.picklist(FORMATS),
  fileSchema: v.string(),
  creationTimestamp: v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number)),
  files: v.array(v.object({ key: v.string(), MD5checksum: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)) })),
});

/**
 * Reads a `manifest.json` as S3 writes it.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
 * @throws InventoryError
 */
export function parseInventoryManifest(text: string): InventoryManifest {
  const result = v.safeParse(schema, parseJson(text));
  if (!result.success) {
    const [issue] = result.issues;
    throw new InventoryError(
      `not the manifest of an inventory: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`,
    );
  }
  const { sourceBucket, fileFormat: format, fileSchema, creationTimestamp, files } = result.output;
  const columns = format === 'CSV' ? fileSchema.split(',').map((name) => name.trim()) : columnsOf(fileSchema);
  const missing = NEEDED.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new InventoryError(
      `the inventory has no ${missing.join(', no ')}: its columns are ${columns.join(', ')}, needed are ${NEEDED.join(', ')}`,
    );
  }
  return {
    ...{ sourceBucket, format, columns, createdAt: creationTimestamp },
    files: files.map(({ key, MD5checksum }) => ({ key, md5: MD5checksum })),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InventoryError('not the manifest of an inventory: it is no JSON', { cause: error });
  }
}

/** `message s3.inventory { required binary last_modified_date (…); }`, under the names that CSV has. */
const columnsOf = (fileSchema: string): string[] =>
  [...fileSchema.matchAll(/\b(?:required|optional)\s+\w+\s+(\w+)/g)].map(([, name = '']) => columnOf(name));

/** `is_latest` → `IsLatest`, `e_tag` → `ETag`. */
export const columnOf = (field: string): string =>
  field
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
