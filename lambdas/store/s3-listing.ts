/** One page of a listing of objects. */
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { MAX_LIST_KEYS } from './limits.ts';
import type { ListOptions, ListPage } from './object-store.ts';
import { decoder, toHead } from './s3-answers.ts';

export async function listedPage(
  client: S3Client,
  bucket: string,
  prefix: string,
  { delimiter, next, after }: ListOptions,
): Promise<ListPage> {
  const output = await client.send(
    new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      MaxKeys: MAX_LIST_KEYS,
      EncodingType: 'url',
      ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
      ...(next === undefined ? {} : { ContinuationToken: next }),
      ...(after === undefined || next !== undefined ? {} : { StartAfter: after }),
    }),
  );
  const decode = decoder(output.EncodingType);
  return {
    objects: (output.Contents ?? []).map((object) =>
      toHead(decode(object.Key ?? ''), { ...object, ContentLength: object.Size }),
    ),
    prefixes: (output.CommonPrefixes ?? []).map(({ Prefix = '' }) => decode(Prefix)),
    ...(output.NextContinuationToken === undefined ? {} : { next: output.NextContinuationToken }),
  };
}
