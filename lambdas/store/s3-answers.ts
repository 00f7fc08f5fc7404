import type { FailedDelete, ObjectHead } from './object-store.ts';

/** Reading S3's answers and errors. Pure. */

/** The fields that answers to HEAD, GET and listings have in common. */
interface Described {
  readonly ContentLength?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly VersionId?: string | undefined;
}

/** @throws when S3 left out what every object has: nothing may be decided on a guess. */
export function toHead(key: string, described: Described): ObjectHead {
  const { ContentLength: size, ETag: etag, LastModified: lastModified, VersionId: versionId } = described;
  if (size === undefined || etag === undefined || lastModified === undefined) {
    throw new Error(`S3 described ${key} without its size, ETag or time`);
  }
  return { key, size, etag, lastModified, ...(versionId === undefined ? {} : { versionId }) };
}

/** What undoes the encoding that S3 says it used; emulators ignore that it was asked for. */
export function decoder(encoding: string | undefined): (text: string) => string {
  if (encoding !== 'url') return (text) => text;
  return (text) => decodeURIComponent(text.replaceAll('+', ' '));
}

/** What S3 named neither as deleted nor as failed. */
export function notConfirmed(
  asked: readonly Target[],
  named: readonly { readonly key: string; readonly versionId?: string }[],
): FailedDelete[] {
  const known = new Set(named.map(nameOf));
  return asked
    .filter((target) => !known.has(nameOf(target)))
    .map((target) => ({
      ...target,
      code: 'NotConfirmed',
      message: 'S3 named the key neither as deleted nor as failed',
    }));
}

/** What is to be deleted: a key, or one version of it. */
export interface Target {
  readonly key: string;
  readonly versionId?: string;
}

/** Equal for the same target. */
export function nameOf({ key, versionId }: Target): string {
  return versionId === undefined ? key : `${versionId}\u0000${key}`;
}

export function named(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/** The HTTP status of the answer that an error of the SDK stands for. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

const THROTTLING = ['SlowDown', 'ServiceUnavailable', 'ThrottlingException', 'RequestLimitExceeded'];

/** Whether the whole request was refused for its rate. */
export function isThrottling(error: unknown): boolean {
  const status = statusOf(error);
  return status === 503 || status === 429 || THROTTLING.some((name) => named(error, name));
}
