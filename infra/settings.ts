import { Duration } from 'aws-cdk-lib';
import { readConfiguration, STANDARD } from '../lambdas/configuration.ts';
import type { RegistryLayout } from '../lambdas/registry/layout.ts';

/** What the functions are told of the registry and of how careful to be. */
export interface RegistrySettings {
  /**
   * The registry's `storage.s3.rootdirectory`.
   *
   * @default - none: the registry is at the bucket's root
   */
  readonly rootDirectory?: string;

  /**
   * How long a thing must have rested before it can become garbage. At least the longest push plus the index's delay.
   *
   * @default Duration.hours(24)
   */
  readonly grace?: Duration;

  /**
   * How long a blob stays condemned before its bytes go. At least the same.
   *
   * @default Duration.hours(24)
   */
  readonly quarantine?: Duration;

  /**
   * How far the index may be behind for a run to delete anything.
   *
   * @default Duration.minutes(15)
   */
  readonly maxIndexLag?: Duration;

  /**
   * For how long a run can be undone: as long as the bucket's lifecycle rule keeps noncurrent versions.
   *
   * @default Duration.days(14)
   */
  readonly undoWindow?: Duration;

  /**
   * Filters of a prune that brings none, as in `docker image prune --filter`.
   *
   * @default - none: what no tag holds
   * @example { until: ['168h'], 'label!': ['keep'] }
   */
  readonly defaultFilters?: Readonly<Record<string, readonly string[]>>;

  /**
   * Delete online though the bucket keeps no versions, so that nothing can be brought back.
   *
   * @default false
   */
  readonly allowUnversioned?: boolean;

  /**
   * Where the journals go, in the registry's bucket.
   *
   * @default 'registry-prune/journal/'
   */
  readonly journalPrefix?: string;

  /**
   * Where the heartbeats go, in the registry's bucket.
   *
   * @default 'registry-prune/heartbeat/'
   */
  readonly heartbeatPrefix?: string;

  /**
   * Where the prune function keeps the plans that it makes, in the registry's bucket.
   *
   * @default 'registry-prune/plans/'
   */
  readonly planPrefix?: string;

  /**
   * Where the units of a rebuild leave what others need, in the registry's bucket, until it is done.
   *
   * @default 'registry-prune/reindex/'
   */
  readonly reindexPrefix?: string;

  /**
   * Percent of a repository's manifests that a run may delete unless more is confirmed; 100 lets everything pass.
   *
   * @default 50
   */
  readonly maxManifestShare?: number;

  /**
   * Percent of the bytes of all blobs that a run may delete unless more is confirmed; 100 lets everything pass.
   *
   * @default 50
   */
  readonly maxByteShare?: number;
}

/** The settings with their defaults, checked. */
export interface CheckedSettings {
  readonly layout: RegistryLayout;
  readonly journalPrefix: string;
  readonly heartbeatPrefix: string;
  readonly planPrefix: string;
  readonly reindexPrefix: string;
  readonly maxIndexLag: Duration;
  readonly undoWindow: Duration;
  /** Those of the functions' variables that say where the registry is in its bucket. */
  readonly place: Readonly<Record<string, string>>;
  /** All variables that the settings decide. */
  readonly environment: Readonly<Record<string, string>>;
  /** What is allowed and yet unlikely to be meant. */
  readonly warnings: readonly string[];
}

/** Names of the settings' variables, as their properties here are called. */
const PROPERTIES: Readonly<Record<string, string>> = {
  REGISTRY_ROOT: 'rootDirectory',
  GRACE: 'grace',
  QUARANTINE: 'quarantine',
  MAX_INDEX_LAG: 'maxIndexLag',
  UNDO_WINDOW: 'undoWindow',
  DEFAULT_FILTERS: 'defaultFilters',
  JOURNAL_PREFIX: 'journalPrefix',
  HEARTBEAT_PREFIX: 'heartbeatPrefix',
  PLAN_PREFIX: 'planPrefix',
  REINDEX_PREFIX: 'reindexPrefix',
  MAX_MANIFEST_SHARE: 'maxManifestShare',
  MAX_BYTE_SHARE: 'maxByteShare',
};

/**
 * Checks the settings with the very code by which the functions do at their start, so that no function is deployed
 * that could not start.
 *
 * @throws Error that names every setting at fault, the value got and those allowed.
 */
export function checkSettings(settings: RegistrySettings): CheckedSettings {
  const environment = toEnvironment(settings);
  const configuration = orWithProperties(() =>
    readConfiguration({ METADATA_TABLE: 'x', REGISTRY_BUCKET: 'x', ...environment }, new Date()),
  );
  const { layout, journalPrefix, heartbeatPrefix, planPrefix, reindexPrefix, ...times } = configuration;
  const { maxIndexLag, undoWindow } = times;
  const warnings = (['grace', 'quarantine'] as const)
    .filter((name) => times[name] < maxIndexLag)
    .map(
      (name) =>
        `${name} is ${times[name] / 1000} s, less than maxIndexLag (${maxIndexLag / 1000} s): ` +
        'a push whose event is late may lose what it needs until it is healed',
    );
  const root = environment['REGISTRY_ROOT'];
  return {
    ...{ layout, journalPrefix, heartbeatPrefix, planPrefix, reindexPrefix, environment, warnings },
    maxIndexLag: Duration.millis(maxIndexLag),
    undoWindow: Duration.millis(undoWindow),
    place: root === undefined ? {} : { REGISTRY_ROOT: root },
  };
}

function toEnvironment(settings: RegistrySettings): Record<string, string> {
  const { rootDirectory, defaultFilters, allowUnversioned = false } = settings;
  return {
    ...(rootDirectory === undefined ? {} : { REGISTRY_ROOT: rootDirectory }),
    JOURNAL_PREFIX: settings.journalPrefix ?? STANDARD.JOURNAL_PREFIX,
    HEARTBEAT_PREFIX: settings.heartbeatPrefix ?? STANDARD.HEARTBEAT_PREFIX,
    PLAN_PREFIX: settings.planPrefix ?? STANDARD.PLAN_PREFIX,
    REINDEX_PREFIX: settings.reindexPrefix ?? STANDARD.REINDEX_PREFIX,
    GRACE: goDuration('grace', settings.grace) ?? STANDARD.GRACE,
    QUARANTINE: goDuration('quarantine', settings.quarantine) ?? STANDARD.QUARANTINE,
    MAX_INDEX_LAG: goDuration('maxIndexLag', settings.maxIndexLag) ?? STANDARD.MAX_INDEX_LAG,
    UNDO_WINDOW: goDuration('undoWindow', settings.undoWindow) ?? STANDARD.UNDO_WINDOW,
    DEFAULT_FILTERS: JSON.stringify(defaultFilters ?? {}),
    ALLOW_UNVERSIONED: String(allowUnversioned),
    MAX_MANIFEST_SHARE: percent(settings.maxManifestShare) ?? STANDARD.MAX_MANIFEST_SHARE,
    MAX_BYTE_SHARE: percent(settings.maxByteShare) ?? STANDARD.MAX_BYTE_SHARE,
  };
}

const percent = (share: number | undefined): string | undefined =>
  share === undefined ? undefined : `${share}%`;

/** @returns the duration as Go and the functions write it. */
function goDuration(name: string, duration: Duration | undefined): string | undefined {
  if (duration === undefined) return undefined;
  if (duration.isUnresolved()) {
    throw new Error(
      `${name} is not known before the deployment: allowed are lengths of time such as Duration.hours(24)`,
    );
  }
  const seconds = duration.toSeconds();
  if (seconds % 3600 === 0 && seconds > 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 && seconds > 0 ? `${seconds / 60}m` : `${seconds}s`;
}

/** The functions' errors name variables; here they are properties. */
function orWithProperties<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const named = Object.entries(PROPERTIES).reduce(
      (message, [variable, property]) => message.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), property),
      text,
    );
    throw new Error(named.replace('the environment is not usable', 'the settings are not usable'), {
      cause: error,
    });
  }
}
