import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it, test } from 'vitest';
import { InventoryError, parseInventoryManifest, parseLocation } from '../../lambdas/inventory/manifest.ts';
import { type InventoryObject, inventoryRows } from '../../lambdas/inventory/rows.ts';
import { csv, type InventoryRow, parquet, SCHEMAS } from '../support/inventories.ts';
import { runs } from '../support/runs.ts';

type Format = 'CSV' | 'Parquet';

const manifest = (format: Format, changes: object = {}) =>
  JSON.stringify({
    ...{ sourceBucket: 'registry', version: '2016-11-30', creationTimestamp: '1514944800000' },
    ...{ fileFormat: format, fileSchema: SCHEMAS[format] },
    files: [{ key: 'a/b.csv.gz', size: 3, MD5checksum: 'f11166069f1990abeb9c97ace9cdfabc' }],
    ...changes,
  });

async function read(format: Format, bytes: Uint8Array): Promise<(InventoryObject | undefined)[]> {
  const rows: (InventoryObject | undefined)[] = [];
  for await (const row of inventoryRows(parseInventoryManifest(manifest(format)), bytes)) rows.push(row);
  return rows;
}

describe('a manifest', () => {
  it.each(['CSV', 'Parquet'] as const)('of %s tells the columns by the same names', (format) => {
    expect(parseInventoryManifest(manifest(format))).toEqual({
      sourceBucket: 'registry',
      format,
      columns: SCHEMAS.CSV.split(', '),
      createdAt: 1514944800000,
      files: [{ key: 'a/b.csv.gz', md5: 'f11166069f1990abeb9c97ace9cdfabc' }],
    });
  });

  it.each([
    ['{', 'it is no JSON'],
    ['{}', 'sourceBucket'],
    [manifest('CSV', { fileFormat: 'ORC' }), 'fileFormat'],
    [manifest('CSV', { creationTimestamp: 'today' }), 'creationTimestamp'],
    [manifest('CSV', { files: [{ key: 'x', MD5checksum: 'y' }] }), 'MD5checksum'],
    [manifest('CSV', { fileSchema: 'Bucket, Key' }), 'has no Size, no LastModifiedDate'],
  ])('that is none is refused: %j', (text, message) => {
    expect(() => parseInventoryManifest(text)).toThrow(message);
  });

  it.each(['inventories/x', 's3://x', 's3://Bad_Bucket/x', 'https://x/y'])('is nowhere at %j', (url) => {
    expect(() => parseLocation(url)).toThrow(url);
  });
});

describe.each(['CSV', 'Parquet'] as const)('rows of %s', (format) => {
  const write = (rows: readonly InventoryRow[]) => (format === 'CSV' ? csv : parquet)('registry', rows);

  it('are the objects that are current, with their keys as they are', async () => {
    const lastModified = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
    const row = fc.record({
      key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      size: fc.nat(),
      ...{ lastModified, isLatest: fc.boolean(), isDeleteMarker: fc.boolean() },
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 120 }), async (rows) => {
        const want = rows.map(({ key, size, lastModified, isLatest, isDeleteMarker }) =>
          isLatest && !isDeleteMarker ? { key, size, lastModified: lastModified.getTime() } : undefined,
        );
        expect(await read(format, write(rows))).toEqual(want);
      }),
      runs(30),
    );
  });

  it('end with an error where the file does', async () => {
    const whole = write([{ key: 'a', size: 1, lastModified: new Date(0) }]);
    await expect(read(format, whole.subarray(0, whole.length - 12))).rejects.toThrow(InventoryError);
  });

  it('that say nothing are an error', async () => {
    const bad = write([{ key: '', size: 1, lastModified: new Date(0) }]);
    await expect(read(format, bad)).rejects.toThrow(/row 1.*got key ""/);
  });
});

test('rows of Parquet are read some at a time, however many a row group has', async () => {
  const count = 450_001;
  const rows = Array.from({ length: count }, (_, at) => at);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'key', data: rows.map((at) => `key ${at}`), type: 'STRING', nullable: false },
      { name: 'size', data: rows.map(BigInt), type: 'INT64' },
      { name: 'last_modified_date', data: rows.map((at) => new Date(at)), type: 'TIMESTAMP' },
    ],
    rowGroupSize: count,
  });
  const found = await read('Parquet', new Uint8Array(buffer));
  expect(found).toHaveLength(count);
  expect(
    found.every((row, at) => row?.key === `key ${at}` && row.size === at && row.lastModified === at),
  ).toBe(true);
});

describe('compression', () => {
  it.each([
    ['GZIP', gzipSync],
    ['ZSTD', zstdCompressSync],
    ['UNCOMPRESSED', undefined],
  ] as const)('of Parquet by %s is understood', async (codec, compress) => {
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'key', data: ['a', 'b'], type: 'STRING', nullable: false },
        { name: 'size', data: [1n, 2n], type: 'INT64' },
        { name: 'last_modified_date', data: [new Date(5000), new Date(6000)], type: 'TIMESTAMP' },
      ],
      codec,
      ...(compress === undefined ? {} : { compressors: { [codec]: (bytes: Uint8Array) => compress(bytes) } }),
    });
    expect(await read('Parquet', new Uint8Array(buffer))).toEqual([
      { key: 'a', size: 1, lastModified: 5000 },
      { key: 'b', size: 2, lastModified: 6000 },
    ]);
  });
});
