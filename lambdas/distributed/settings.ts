/** What a distributed run works with beside what any run does. */

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

/** The shards of each worker. */
export function lanesOf(workers: number): readonly (readonly string[])[] {
  return Array.from({ length: Math.min(workers, SHARDS.length) }, (_, lane) =>
    SHARDS.filter((_, shard) => shard % workers === lane),
  );
}
