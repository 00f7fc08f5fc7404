/** The environment of the functions and of the command line, validated once at start. */
import { parseGoDuration } from './filters/go-duration.ts';
import { parsePruneFilters } from './filters/prune-filters.ts';
import type { BrakeSettings } from './prune/brake.ts';
import { RegistryLayout } from './registry/layout.ts';

export interface Configuration {
  readonly tableName: string;
  readonly bucketName: string;
  readonly layout: RegistryLayout;
  readonly busName: string;
  /** Prefixes in the bucket, outside the registry's root, ending in a slash. */
  readonly journalPrefix: string;
  readonly heartbeatPrefix: string;
  readonly planPrefix: string;
  readonly reindexPrefix: string;
  /** Milliseconds. */
  readonly grace: number;
  /** Milliseconds. */
  readonly quarantine: number;
  /** Milliseconds. */
  readonly maxIndexLag: number;
  /** Filters of a request that has none, as JSON. */
  readonly defaultFilters: string | undefined;
  readonly allowUnversioned: boolean;
  readonly brake: BrakeSettings;
  /** Milliseconds for which the bucket's lifecycle rule keeps what a run deletes. */
  readonly undoWindow: number;
  /** URL of the indexer's dead-letter queue; without one none is looked at. */
  readonly deadLetterQueue: string | undefined;
  /** Name or ARN of the function that removes delete markers; without one this process does. */
  readonly restoreFunction: string | undefined;
}

/** The environment is not usable. The message names every variable at fault, the value got and those allowed. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export const STANDARD = {
  EVENT_BUS: 'default',
  JOURNAL_PREFIX: 'registry-prune/journal/',
  HEARTBEAT_PREFIX: 'registry-prune/heartbeat/',
  PLAN_PREFIX: 'registry-prune/plans/',
  REINDEX_PREFIX: 'registry-prune/reindex/',
  GRACE: '24h',
  QUARANTINE: '24h',
  MAX_INDEX_LAG: '15m',
  UNDO_WINDOW: '336h',
  MAX_MANIFEST_SHARE: '50%',
  MAX_BYTE_SHARE: '50%',
} as const;

/** Up to so much is let pass, whatever its share: a small repository is soon gone by half. */
export const BRAKE_FLOORS = { manifestFloor: 20, byteFloor: 1024 ** 3 } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigurationError */
export function readConfiguration(environment: Environment, now: Date): Configuration {
  const problems: string[] = [];
  const take = <T>(name: string, standard: string | undefined, read: (value: string) => T): T | undefined => {
    const value = environment[name] || standard;
    if (value === undefined) {
      problems.push(`${name} is not set`);
      return undefined;
    }
    try {
      return read(value);
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const text = (value: string): string => value;
  const tableName = take('METADATA_TABLE', undefined, text);
  const bucketName = take('REGISTRY_BUCKET', undefined, text);
  const layout = take('REGISTRY_ROOT', '/', (root) => new RegistryLayout(root));
  const busName = take('EVENT_BUS', STANDARD.EVENT_BUS, text);
  const journalPrefix = take('JOURNAL_PREFIX', STANDARD.JOURNAL_PREFIX, (value) => prefix(value, layout));
  const heartbeatPrefix = take('HEARTBEAT_PREFIX', STANDARD.HEARTBEAT_PREFIX, (value) =>
    apart(prefix(value, layout), [journalPrefix]),
  );
  const planPrefix = take('PLAN_PREFIX', STANDARD.PLAN_PREFIX, (value) =>
    apart(prefix(value, layout), [journalPrefix, heartbeatPrefix]),
  );
  const reindexPrefix = take('REINDEX_PREFIX', STANDARD.REINDEX_PREFIX, (value) =>
    apart(prefix(value, layout), [journalPrefix, heartbeatPrefix, planPrefix]),
  );
  const grace = take('GRACE', STANDARD.GRACE, duration);
  const quarantine = take('QUARANTINE', STANDARD.QUARANTINE, duration);
  const maxIndexLag = take('MAX_INDEX_LAG', STANDARD.MAX_INDEX_LAG, duration);
  const defaultFilters = take('DEFAULT_FILTERS', '{}', (value) => {
    parsePruneFilters(value, now);
    return value;
  });
  const allowUnversioned = take('ALLOW_UNVERSIONED', 'false', flag);
  const undoWindow = take('UNDO_WINDOW', STANDARD.UNDO_WINDOW, duration);
  const manifestShare = take('MAX_MANIFEST_SHARE', STANDARD.MAX_MANIFEST_SHARE, share);
  const byteShare = take('MAX_BYTE_SHARE', STANDARD.MAX_BYTE_SHARE, share);
  const deadLetterQueue = environment['DEAD_LETTER_QUEUE'] && take('DEAD_LETTER_QUEUE', undefined, queueUrl);
  const restoreFunction = environment['RESTORE_FUNCTION'] || undefined;
  if (
    tableName === undefined ||
    bucketName === undefined ||
    layout === undefined ||
    busName === undefined ||
    journalPrefix === undefined ||
    heartbeatPrefix === undefined ||
    planPrefix === undefined ||
    reindexPrefix === undefined ||
    grace === undefined ||
    quarantine === undefined ||
    maxIndexLag === undefined ||
    allowUnversioned === undefined ||
    undoWindow === undefined ||
    manifestShare === undefined ||
    byteShare === undefined ||
    problems.length > 0
  ) {
    throw new ConfigurationError(`the environment is not usable: ${problems.join('; ')}`);
  }
  return {
    ...{ tableName, bucketName, layout, busName, journalPrefix, heartbeatPrefix },
    ...{ planPrefix, reindexPrefix },
    ...{ grace, quarantine, maxIndexLag, defaultFilters, allowUnversioned, undoWindow },
    brake: { manifestShare, byteShare, ...BRAKE_FLOORS },
    ...{ deadLetterQueue: deadLetterQueue || undefined, restoreFunction },
  };
}

/** The bucket alone, for what needs nothing else. @throws ConfigurationError */
export function readBucket(environment: Environment): Pick<Configuration, 'bucketName' | 'layout'> {
  // What the others are does not matter here; what they have in common is read the same way.
  return readConfiguration({ ...pick(environment), METADATA_TABLE: 'none' }, new Date(0));
}

const pick = ({ REGISTRY_BUCKET, REGISTRY_ROOT }: Environment): Environment => ({
  REGISTRY_BUCKET,
  REGISTRY_ROOT,
});

/** The URL of a queue from one variable. @throws ConfigurationError */
export function readQueueUrl(environment: Environment, name: string): string {
  const value = environment[name];
  if (!value) throw new ConfigurationError(`the environment is not usable: ${name} is not set`);
  try {
    return queueUrl(value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`the environment is not usable: ${name}: ${reason}`);
  }
}

function duration(value: string): number {
  const parsed = parseGoDuration(value);
  if ('problem' in parsed) throw new Error(`${parsed.problem}: allowed are durations such as 24h, 90m, 30s`);
  const milliseconds = Number(parsed.nanoseconds / 1_000_000n);
  if (milliseconds < 0)
    throw new Error(`"${value}" is negative: allowed are durations such as 24h, 90m, 30s`);
  return milliseconds;
}

/** From 0 to 1. */
function share(value: string): number {
  const percent = /^\d{1,3}(\.\d+)?%$/.test(value) ? Number(value.slice(0, -1)) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new Error(`"${value}" is no share: allowed are percentages such as 50%; 100% lets everything pass`);
}

function flag(value: string): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw new Error(`"${value}" is neither true nor false`);
}

/** @throws Error when it is no URL of a queue. */
export function queueUrl(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new Error(
    `"${value}" is no URL of a queue: allowed is one such as https://sqs.<region>.<domain>/<account>/<name>`,
  );
}

/** What the collector writes is never where it deletes, nor where the registry looks. */
function prefix(value: string, layout: RegistryLayout | undefined): string {
  const own = `${value.replace(/^\/+|\/+$/g, '')}/`;
  if (own === '/')
    throw new Error(`"${value}" is empty: allowed is a prefix such as registry-prune/journal/`);
  if (layout !== undefined && (own.startsWith(layout.prefix) || layout.prefix.startsWith(own))) {
    throw new Error(`"${value}" overlaps the registry's own prefix ${layout.prefix}`);
  }
  return own;
}

/** A journal is never deleted as an old heartbeat, and nothing is taken for a plan that is none. */
function apart(own: string, others: readonly (string | undefined)[]): string {
  for (const other of others) {
    if (other !== undefined && (own.startsWith(other) || other.startsWith(own)))
      throw new Error(`"${own}" overlaps another prefix, ${other}`);
  }
  return own;
}
