/** What a distributed run works with beside what any run does. */

import { ConfigurationError } from '../configuration.ts';
import type { PruneDependencies } from '../prune/settings.ts';
import { SHARDS } from '../store/items.ts';

/** When a scheduled run is distributed; one that is started by hand always is. */
export type When = 'deep' | 'always';

export interface DistributedSettings {
  readonly when: When;
  /** `deep`: from so many due entries on. */
  readonly depth: number;
  /** Lanes, into which the shards are divided, and workers at the same time: 1 to 16. */
  readonly workers: number;
  /** Deletions of a second, of all workers together. @default as many as the services take */
  readonly pace?: number | undefined;
  /** Filters of a request that has none, as JSON. */
  readonly defaultFilters?: string | undefined;
}

export interface Distributed {
  readonly prune: PruneDependencies;
  readonly settings: DistributedSettings;
}

/** Deletions of a second of one worker: below, what it has begun would not come to its end in time. */
export const LEAST_PACE = 10;

/** The shards of each worker. */
export function lanesOf(workers: number): readonly (readonly string[])[] {
  return Array.from({ length: Math.min(workers, SHARDS.length) }, (_, lane) =>
    SHARDS.filter((_, shard) => shard % workers === lane),
  );
}

type Environment = Readonly<Record<string, string | undefined>>;

export const STANDARD = { depth: 200_000, workers: 8 } as const;

const WHEN: readonly When[] = ['deep', 'always'];

/** Reads what the start function is told. @throws ConfigurationError that names the variable, its value and those allowed. */
export function readDistributedSettings(
  environment: Environment,
  { defaultFilters }: Pick<DistributedSettings, 'defaultFilters'>,
): DistributedSettings {
  const given = environment['DISTRIBUTED'] || 'always';
  const when = WHEN.find((one) => one === given);
  if (when === undefined) throw unusable('DISTRIBUTED', given, WHEN.join(', '));
  const workers = wholeNumber(environment, 'WORKERS', STANDARD.workers, { maximum: SHARDS.length });
  return {
    ...{ when, defaultFilters, workers },
    depth: wholeNumber(environment, 'DEPTH', STANDARD.depth),
    pace: wholeNumber(environment, 'PACE', undefined, { minimum: LEAST_PACE * workers }),
  };
}

/** Items worked on side by side in each shard. @returns nothing where it is left to the engine */
export function readConcurrency(environment: Environment): { readonly concurrency?: number } {
  const concurrency = wholeNumber(environment, 'CONCURRENCY', undefined);
  return concurrency === undefined ? {} : { concurrency };
}

function wholeNumber<S extends number | undefined>(
  environment: Environment,
  name: string,
  standard: S,
  { minimum = 1, maximum = Number.MAX_SAFE_INTEGER }: { minimum?: number; maximum?: number } = {},
): number | S {
  const value = environment[name] || undefined;
  if (value === undefined) return standard;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : 0;
  if (number >= minimum && number <= maximum) return number;
  throw unusable(name, value, `whole numbers from ${minimum} to ${maximum}`);
}

const unusable = (name: string, value: string, allowed: string): ConfigurationError =>
  new ConfigurationError(`the environment is not usable: ${name} is "${value}": allowed are ${allowed}`);
