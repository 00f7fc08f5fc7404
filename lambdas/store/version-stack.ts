import { bytesOf, etagOf } from './etag.ts';
import type { ObjectHead, ObjectVersion } from './object-store.ts';

/** What S3 does with the versions of one key, for the bucket in memory and for the preview. */

export type Versioning = 'enabled' | 'suspended' | 'off';

/** The version S3 gives to what is put while versioning is not enabled. */
export const NULL_VERSION = 'null';

export interface StackedVersion extends Omit<ObjectVersion, 'key' | 'isLatest'> {
  /** Absent for a marker, and for what was stored without its bytes. */
  readonly body?: Uint8Array;
}

/** The versions of one key, oldest first. */
export type VersionStack = readonly StackedVersion[];

/** A version with these bytes. */
export function stored(versionId: string, body: Uint8Array | string, lastModified: Date): StackedVersion {
  const bytes = bytesOf(body);
  return {
    versionId,
    isDeleteMarker: false,
    lastModified,
    size: bytes.byteLength,
    etag: etagOf(bytes),
    body: bytes,
  };
}

/** The stack with a version on top; without versioning it takes the place of the version `null`. */
export function pushed(stack: VersionStack, version: StackedVersion): VersionStack {
  if (version.versionId !== NULL_VERSION) return [...stack, version];
  return [...without(stack, NULL_VERSION), version];
}

/** The stack after a deletion that names no version. */
export function buried(stack: VersionStack, mode: Versioning, versionId: string, now: Date): VersionStack {
  if (mode === 'off') return [];
  return pushed(stack, { versionId, isDeleteMarker: true, lastModified: now, size: 0 });
}

export function without(stack: VersionStack, versionId: string): VersionStack {
  return stack.filter((version) => version.versionId !== versionId);
}

/** The object a reader finds; undefined when there is none or a marker hides it. */
export function visible(key: string, stack: VersionStack, mode: Versioning): ObjectHead | undefined {
  const top = stack.at(-1);
  if (top === undefined || top.isDeleteMarker) return undefined;
  const { size, etag = '', lastModified, versionId } = top;
  return { key, size, etag, lastModified, ...(mode === 'off' ? {} : { versionId }) };
}

/** As a listing of versions shows them, newest first. */
export function listedVersions(key: string, stack: VersionStack): ObjectVersion[] {
  return stack
    .toReversed()
    .map(({ body: _, ...version }, index) => ({ key, ...version, isLatest: index === 0 }));
}

/** The stack that a listing of versions shows. */
export function stackOf(versions: readonly ObjectVersion[]): VersionStack {
  return versions.toReversed().map(({ key: _, isLatest: __, ...version }) => version);
}
