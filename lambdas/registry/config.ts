import { ConfigError, shown } from './errors.ts';
import { decodeText, hasLookalikeKey, isObject, type JsonDocument, readDocument } from './json.ts';

/**
 * What a manifest may be; a larger configuration is not read, and so matches no label filter. Of lists in lists, or of
 * empty objects, JSON takes some 70 times its size of memory, and the index function has to live through that.
 */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** What filters ask of an image's configuration. */
export interface ImageConfig {
  /** `null` when the configuration has none. Has no prototype, so that looking up any key is safe. */
  readonly labels: Readonly<Record<string, string>> | null;
  /** When the image was built, as the builder says. */
  readonly createdAt?: Date;
}

const NAMES: ReadonlySet<string> = new Set(['config', 'Labels', 'created']);
/** Only the outermost fields and those of `config` are read; the rest may use any names. */
const OPAQUE: ReadonlySet<string> = new Set(['container_config', 'history', 'rootfs', 'Labels']);
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Reads the labels and the time of creation of an image configuration, Docker's or OCI's.
 *
 * A key written twice, or in another case, is an error and not a guess: Go merges the labels of both, so a label that
 * spares the image could be one that is not seen here.
 *
 * @throws ConfigError when it is not a JSON object, too large, ambiguous, or its labels are not strings by name
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  return reading(() => configOf(readDocument(decodeText(bytes, MAX_CONFIG_BYTES))));
}

/**
 * The same for a configuration that a schema 1 manifest carries as a string.
 *
 * @throws ConfigError as {@link parseImageConfig}
 */
export function parseEmbeddedConfig(text: string): ImageConfig {
  return reading(() => configOf(readDocument(text)));
}

function reading(read: () => ImageConfig): ImageConfig {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`unreadable image configuration: ${String(cause)}`, { cause });
  }
}

function configOf({ value, duplicateKeys }: JsonDocument): ImageConfig {
  if (duplicateKeys) throw new ConfigError('a key of the image configuration is there twice');
  if (hasLookalikeKey(value, NAMES, OPAQUE))
    throw new ConfigError('a key of the image configuration is in another case');
  const config = value['config'] ?? null;
  if (config !== null && !isObject(config)) throw new ConfigError('config is not an object');
  const createdAt = readTime(value['created']);
  return { labels: readLabels(config?.['Labels'] ?? null), ...(createdAt && { createdAt }) };
}

function readLabels(value: unknown): Record<string, string> | null {
  if (value === null) return null;
  if (!isObject(value)) throw new ConfigError('config.Labels is not an object');
  const labels: Record<string, string> = Object.create(null);
  for (const [key, label] of Object.entries(value)) {
    if (typeof label !== 'string')
      throw new ConfigError(`the label ${shown(key)} is ${shown(label)}, not a string`);
    labels[key] = label;
  }
  return labels;
}

/** A time that cannot be read is no reason to lose the labels: nothing is decided by it. */
function readTime(value: unknown): Date | undefined {
  if (typeof value !== 'string' || !RFC_3339.test(value)) return undefined;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
