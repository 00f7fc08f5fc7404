/** Multipart uploads in progress, as S3 lists them. */
import { ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { MultipartUpload } from './object-store.ts';
import { decoder, named } from './s3-answers.ts';

type In = { readonly Bucket: string };

export interface MultipartMarker {
  readonly KeyMarker?: string;
  readonly UploadIdMarker?: string;
}

export interface MultipartPage {
  readonly uploads: readonly MultipartUpload[];
  /** Where to go on; undefined at the end. */
  readonly next: MultipartMarker | undefined;
}

export async function multipartPage(
  client: S3Client,
  bucket: In,
  prefix: string,
  from: MultipartMarker,
): Promise<MultipartPage> {
  const output = await client.send(
    new ListMultipartUploadsCommand({ ...bucket, Prefix: prefix, EncodingType: 'url', ...from }),
  );
  const decode = decoder(output.EncodingType);
  const uploads = (output.Uploads ?? []).flatMap(({ Key: key, UploadId: uploadId, Initiated: initiated }) =>
    key && uploadId && initiated ? [{ key: decode(key), uploadId, initiated }] : [],
  );
  const { NextKeyMarker: nextKey, NextUploadIdMarker: nextUpload } = output;
  if (!output.IsTruncated || nextKey === undefined) return { uploads, next: undefined };
  return {
    uploads,
    next: { KeyMarker: decode(nextKey), ...(nextUpload ? { UploadIdMarker: nextUpload } : {}) },
  };
}

/** Bytes of the parts stored so far; 0 when the upload is gone. */
export async function bytesOfParts(
  client: S3Client,
  bucket: In,
  { key, uploadId }: MultipartUpload,
): Promise<number> {
  let bytes = 0;
  let from: { PartNumberMarker?: string } = {};
  try {
    // The SDK's paginator follows the marker, which the last page has as well, and not `IsTruncated`.
    for (;;) {
      const output = await client.send(
        new ListPartsCommand({ ...bucket, Key: key, UploadId: uploadId, ...from }),
      );
      bytes += (output.Parts ?? []).reduce((sum, { Size = 0 }) => sum + Size, 0);
      const { NextPartNumberMarker: next } = output;
      if (!output.IsTruncated || next === undefined) return bytes;
      from = { PartNumberMarker: next };
    }
  } catch (error) {
    if (named(error, 'NoSuchUpload')) return 0;
    throw error;
  }
}
