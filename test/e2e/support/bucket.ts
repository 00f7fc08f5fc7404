import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import pMap from 'p-map';

export interface StoredObject {
  readonly size: number;
  readonly etag: string;
  readonly lastModified: number;
  /** What a link says; only keys that end in `/link` have one. */
  readonly link?: string;
}

export type Snapshot = ReadonlyMap<string, StoredObject>;

export interface Difference {
  readonly removed: ReadonlyMap<string, number>;
  readonly added: ReadonlyMap<string, number>;
  readonly changed: ReadonlyMap<string, number>;
}

export interface StoredVersion {
  readonly key: string;
  readonly versionId: string;
  readonly size: number;
  readonly isLatest: boolean;
  readonly isMarker: boolean;
}

export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' } as const;
const READS = 16;

const clients = new Map<string, S3Client>();

/** One client an endpoint, so that thousands of reads share their connections. */
export function s3(endpoint: string): S3Client {
  const known = clients.get(endpoint);
  if (known !== undefined) return known;
  const client = new S3Client({ endpoint, region: REGION, credentials: CREDENTIALS, forcePathStyle: true });
  clients.set(endpoint, client);
  return client;
}

export async function createBucket(
  endpoint: string,
  bucket: string,
  options: { versioned: boolean },
): Promise<void> {
  const client = s3(endpoint);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  if (options.versioned) {
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
  }
}

/** Every key the bucket shows now, with what each link says. Versions underneath are `listVersions`. */
export async function snapshotBucket(endpoint: string, bucket: string, prefix = ''): Promise<Snapshot> {
  const client = s3(endpoint);
  const found: [string, StoredObject][] = [];
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
      if (Key === undefined) continue;
      found.push([Key, { size: Size ?? 0, etag: ETag ?? '', lastModified: LastModified?.getTime() ?? 0 }]);
    }
    token = page.NextContinuationToken;
  }
  const withLinks = await pMap(
    found,
    async ([key, object]): Promise<[string, StoredObject]> =>
      key.endsWith('/link')
        ? [key, { ...object, link: new TextDecoder().decode(await readObject(endpoint, bucket, key)).trim() }]
        : [key, object],
    { concurrency: READS },
  );
  return new Map(withLinks);
}

export async function readObject(endpoint: string, bucket: string, key: string): Promise<Uint8Array> {
  const { Body } = await s3(endpoint).send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  if (Body === undefined) throw new Error(`s3://${bucket}/${key}: no body`);
  return Body.transformToByteArray();
}

export async function deleteObject(endpoint: string, bucket: string, key: string): Promise<void> {
  await s3(endpoint).send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}

/** Every version and delete marker, what the registry itself leaves behind included. */
export async function listVersions(endpoint: string, bucket: string, prefix = ''): Promise<StoredVersion[]> {
  const client = s3(endpoint);
  const found: StoredVersion[] = [];
  let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (let more = true; more; ) {
    const page = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...marker }),
    );
    for (const { Key, VersionId, Size, IsLatest } of page.Versions ?? []) {
      found.push({ ...named(Key, VersionId, IsLatest), size: Size ?? 0, isMarker: false });
    }
    for (const { Key, VersionId, IsLatest } of page.DeleteMarkers ?? []) {
      found.push({ ...named(Key, VersionId, IsLatest), size: 0, isMarker: true });
    }
    more = page.IsTruncated === true && page.NextKeyMarker !== undefined;
    marker = {
      ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
      ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
  return found;
}

/** Both maps hold sizes: of the object before for `removed`, of the object after for the others. */
export function diff(before: Snapshot, after: Snapshot): Difference {
  const removed = new Map<string, number>();
  const added = new Map<string, number>();
  const changed = new Map<string, number>();
  for (const [key, object] of before) if (!after.has(key)) removed.set(key, object.size);
  for (const [key, object] of after) {
    const old = before.get(key);
    if (old === undefined) added.set(key, object.size);
    else if (old.etag !== object.etag || old.lastModified !== object.lastModified)
      changed.set(key, object.size);
  }
  return { removed, added, changed };
}

function named(key = '', versionId = 'null', isLatest = false) {
  return { key, versionId, isLatest };
}
