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
  let from: VersionMarker = {};
  for (;;) {
    const page = await listed(client, bucket, key, from, pageSize);
    const own = (version: ObjectVersion) => version.key === key;
    const together = merge(page.versions.filter(own), page.markers.filter(own));
    versions.push(...together.merged);
    sure &&= together.sure;
    // The key itself is the first of all that begin with it: once the listing is past it, there is no more.
    if (page.next?.KeyMarker !== key) return { versions, sure };
    from = page.next;
  }
}

export interface VersionMarker {
  readonly KeyMarker?: string;
  readonly VersionIdMarker?: string;
}

export interface VersionPage {
  readonly versions: readonly ObjectVersion[];
  /** Where to go on; undefined at the end. */
  readonly next: VersionMarker | undefined;
}

/** A page of all versions and delete markers under a prefix, the markers last. */
export async function versionPage(
  client: S3Client,
  bucket: string,
  prefix: string,
  from: VersionMarker,
): Promise<VersionPage> {
  const { versions, markers, next } = await listed(client, bucket, prefix, from, MAX_LIST_KEYS);
  return { versions: [...versions, ...markers], next };
}

async function listed(
  client: S3Client,
  bucket: string,
  prefix: string,
  from: VersionMarker,
  pageSize: number,
) {
  const output = await client.send(
    new ListObjectVersionsCommand({
      Bucket: bucket,
      Prefix: prefix,
      MaxKeys: pageSize,
      EncodingType: 'url',
      ...from,
    }),
  );
  const decode = decoder(output.EncodingType);
  const { NextKeyMarker: nextKey, NextVersionIdMarker: nextVersion } = output;
  const next: VersionMarker | undefined =
    !output.IsTruncated || nextKey === undefined
      ? undefined
      : {
          KeyMarker: decode(nextKey),
          ...(nextVersion === undefined ? {} : { VersionIdMarker: nextVersion }),
        };
  return {
    versions: (output.Versions ?? []).map((entry) => toVersion(decode(entry.Key ?? ''), entry, false)),
    markers: (output.DeleteMarkers ?? []).map((entry) => toVersion(decode(entry.Key ?? ''), entry, true)),
    next,
  };
}

interface Listed {
  readonly Key?: string | undefined;
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
