import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { MAX_LIST_KEYS } from './limits.ts';
import type { ObjectVersion } from './object-store.ts';
import { decoder } from './s3-answers.ts';

/** All versions and delete markers of exactly this key, newest first. */
export async function readVersions(client: S3Client, bucket: string, key: string): Promise<ObjectVersion[]> {
  const { versions, sure } = await read(client, bucket, key, MAX_LIST_KEYS);
  // One entry a page cannot be taken apart.
  return sure ? versions : (await read(client, bucket, key, 1)).versions;
}

async function read(client: S3Client, bucket: string, key: string, pageSize: number) {
  const versions: ObjectVersion[] = [];
  let sure = true;
  let from: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const output = await client.send(
      new ListObjectVersionsCommand({
        Bucket: bucket,
        Prefix: key,
        MaxKeys: pageSize,
        EncodingType: 'url',
        ...from,
      }),
    );
    const decode = decoder(output.EncodingType);
    const own = (entry: { Key?: string | undefined }) => decode(entry.Key ?? '') === key;
    const page = merge(
      (output.Versions ?? []).filter(own).map((entry) => toVersion(key, entry, false)),
      (output.DeleteMarkers ?? []).filter(own).map((entry) => toVersion(key, entry, true)),
    );
    versions.push(...page.merged);
    sure &&= page.sure;
    const { NextKeyMarker: nextKey, NextVersionIdMarker: nextVersion } = output;
    // The key itself is the first of all that begin with it: once the listing is past it, there is no more.
    if (!output.IsTruncated || nextKey === undefined || decode(nextKey) !== key) return { versions, sure };
    from = { KeyMarker: key, ...(nextVersion === undefined ? {} : { VersionIdMarker: nextVersion }) };
  }
}

interface Listed {
  readonly VersionId?: string | undefined;
  readonly IsLatest?: boolean | undefined;
  readonly LastModified?: Date | undefined;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
}

function toVersion(key: string, listed: Listed, isDeleteMarker: boolean): ObjectVersion {
  const { VersionId: versionId, LastModified: lastModified, ETag: etag, Size: size = 0, IsLatest } = listed;
  if (versionId === undefined || lastModified === undefined) {
    throw new Error(`S3 listed a version of ${key} without its id or time`);
  }
  return {
    key,
    versionId,
    isLatest: IsLatest === true,
    isDeleteMarker,
    lastModified,
    size,
    ...(etag === undefined ? {} : { etag }),
  };
}

/**
 * S3 lists versions and markers in one order, the SDK hands them over apart. Their times, whole seconds, and which
 * is the latest put them together again; where a version and a marker of one second are left, it is not `sure`.
 */
export function merge(versions: readonly ObjectVersion[], markers: readonly ObjectVersion[]) {
  const merged: ObjectVersion[] = [];
  let sure = true;
  let v = 0;
  let m = 0;
  for (;;) {
    const version = versions[v];
    const marker = markers[m];
    if (version === undefined || marker === undefined) {
      return { merged: [...merged, ...versions.slice(v), ...markers.slice(m)], sure };
    }
    const age = version.lastModified.getTime() - marker.lastModified.getTime();
    const known = age !== 0 || version.isLatest || marker.isLatest;
    if (!known) sure = false;
    const versionFirst = version.isLatest || (!marker.isLatest && age >= 0);
    if (versionFirst) {
      merged.push(version);
      v++;
    } else {
      merged.push(marker);
      m++;
    }
  }
}
