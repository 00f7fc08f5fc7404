/** What there is of uploads: objects, and on a bucket with versions what they were before. */
import type { ObjectStore } from './object-store.ts';

export interface UploadPart {
  readonly key: string;
  /** On a bucket with versions. */
  readonly versionId?: string;
  /** Bytes; 0 for a delete marker. */
  readonly size: number;
  readonly lastModified: Date;
  /** A reader finds it. */
  readonly isCurrent: boolean;
}

export interface UploadState {
  /**
   * Something of it is current: it is in flight or abandoned. The registry writes `startedat` first and removes it
   * last, so of an upload in flight something always is. Where nothing is, it is over for good: each upload gets an id
   * of its own, and without `startedat` the registry knows no upload to go on with.
   */
  readonly isOpen: boolean;
  /** When the newest of what is current was written, else of what is left (milliseconds since the epoch). */
  readonly writtenAt: number;
}

/** The state of an upload with one more part of it seen. */
export function withPart(state: UploadState | undefined, part: UploadPart): UploadState {
  const isOpen = part.isCurrent;
  const writtenAt = part.lastModified.getTime();
  if (state === undefined || (isOpen && !state.isOpen)) return { isOpen, writtenAt };
  if (state.isOpen && !isOpen) return state;
  return { isOpen, writtenAt: Math.max(state.writtenAt, writtenAt) };
}

/** All parts under a prefix, page by page, each once. */
export async function* versionedParts(
  objects: ObjectStore,
  prefix: string,
): AsyncGenerator<readonly UploadPart[]> {
  for await (const versions of objects.versionsUnder(prefix)) {
    yield versions.map(({ key, versionId, size, lastModified, isLatest, isDeleteMarker }) => ({
      ...{ key, versionId, size, lastModified },
      isCurrent: isLatest && !isDeleteMarker,
    }));
  }
}
