import { type Digest, isDigest } from './digest.ts';
import { ManifestError, shown } from './errors.ts';
import { isObject, type JsonObject } from './json.ts';

/** What a manifest says of something it refers to (OCI image spec, descriptor). */
export interface Descriptor {
  readonly digest: Digest;
  readonly mediaType?: string;
  readonly size?: number;
  readonly artifactType?: string;
  /** Has no prototype, so that looking up any key is safe. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly urls?: readonly string[];
}

/** What an index says of the machine a child is for. */
export interface Platform {
  readonly architecture?: string;
  readonly os?: string;
  readonly variant?: string;
}

/**
 * One descriptor.
 *
 * @param where - its place in the manifest, for messages
 * @throws ManifestError when it is no object, its digest is missing or malformed, or a field this project reads has
 *   the wrong type, on all of which Go's decoder fails as well
 */
export function readDescriptor(value: unknown, where: string): Descriptor {
  const fields = objectAt(value, where);
  if (!isDigest(fields['digest']))
    throw new ManifestError(`${where}.digest is no digest: ${shown(fields['digest'])}`);
  return {
    digest: fields['digest'],
    ...optional('mediaType', readString(fields['mediaType'], `${where}.mediaType`)),
    ...optional('size', readSize(fields['size'], `${where}.size`)),
    ...optional('artifactType', readString(fields['artifactType'], `${where}.artifactType`)),
    ...optional('annotations', readStringMap(fields['annotations'], `${where}.annotations`)),
    ...optional('platform', readPlatform(fields['platform'], `${where}.platform`)),
    ...optional('urls', readUrls(fields['urls'], `${where}.urls`)),
  };
}

/** A list of descriptors; a missing or null list is an empty one, which is how Go writes and reads an empty slice. */
export function readDescriptors(value: unknown, where: string): Descriptor[] {
  return arrayAt(value, where).map((item, i) => readDescriptor(item, `${where}[${i}]`));
}

/**
 * Whether a child of an index is BuildKit's attestation of another child, and so no image: it carries the
 * annotation `vnd.docker.reference.type: attestation-manifest` and is for the platform `unknown/unknown`. Both are
 * required: a child wrongly taken for an attestation would have its labels passed over.
 */
export function isAttestation(child: Descriptor): boolean {
  return (
    child.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' &&
    child.platform?.os === 'unknown' &&
    child.platform.architecture === 'unknown'
  );
}

export function objectAt(value: unknown, where: string): JsonObject {
  if (!isObject(value)) throw new ManifestError(`${where} is not an object`);
  return value;
}

export function arrayAt(value: unknown, where: string): readonly unknown[] {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) throw new ManifestError(`${where} is not a list`);
  return value;
}

export function readString(value: unknown, where: string): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') throw new ManifestError(`${where} is not a string`);
  return value;
}

/** Go reads null as if the field were not there. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** `{ [key]: value }`, or nothing at all for a value that is not there. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

function readSize(value: unknown, where: string): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new ManifestError(`${where} is not a size: ${shown(value)}`);
  return value;
}

function readStringMap(value: unknown, where: string): Record<string, string> | undefined {
  if (isAbsent(value)) return undefined;
  const map: Record<string, string> = Object.create(null);
  for (const [key, item] of Object.entries(objectAt(value, where)))
    map[key] = readString(item, `a value of ${where}`) ?? '';
  return map;
}

function readPlatform(value: unknown, where: string): Platform | undefined {
  if (isAbsent(value)) return undefined;
  const fields = objectAt(value, where);
  return {
    ...optional('architecture', readString(fields['architecture'], `${where}.architecture`)),
    ...optional('os', readString(fields['os'], `${where}.os`)),
    ...optional('variant', readString(fields['variant'], `${where}.variant`)),
  };
}

function readUrls(value: unknown, where: string): string[] | undefined {
  if (isAbsent(value)) return undefined;
  return arrayAt(value, where).map((url, i) => readString(url, `${where}[${i}]`) ?? '');
}
