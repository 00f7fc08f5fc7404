/** Where the workers of a run meet: in items of its partition. */
import type { Share } from '../prune/assemble.ts';
import { KnownObstacles } from '../prune/obstacles.ts';
import type { PruneDependencies } from '../prune/settings.ts';
import { Metadata } from '../store/metadata.ts';
import {
  type Course,
  changePart,
  readRunObstacles,
  readWorker,
  relinkedKey,
  runObstacleKey,
} from '../store/run-parts.ts';
import { sharedCounts } from '../store/shared-counts.ts';
import type { Table } from '../store/table.ts';
import { died } from './next-step.ts';

/** What one worker shares, and how it learns what the others have found. */
export interface Shared extends Share {
  /** Tells the others of what stands in the way of deleting in a repository, and learns it from them. */
  readonly exchangeObstacles: () => Promise<void>;
}

/** An end is for good, and remembered. One that failed is no end: something of it may be under way. */
function endings(table: Table, runId: string): (slice: string) => Promise<boolean> {
  const ended = new Set<string>();
  return async (slice) => {
    if (ended.has(slice)) return true;
    const worker = await readWorker(table, runId, slice);
    if (worker === undefined || died(worker)) return false;
    ended.add(slice);
    return true;
  };
}

/** @param slice id of the worker. */
export function shareOf(
  { table, now, newId }: Pick<PruneDependencies, 'table' | 'now' | 'newId'>,
  { runId, expireAt, pace, lanes }: Course,
  slice: string,
): Shared {
  const known = new KnownObstacles(new Metadata(table, newId), now);
  const untold = new Map<string, string>();
  return {
    slice,
    hasEnded: endings(table, runId),
    counters: { shared: true, add: sharedCounts(table, runId, expireAt) },
    pace: pace === undefined ? undefined : pace / lanes.length,
    relinked: {
      get: async (id) => {
        const item = await table.get(relinkedKey(runId, id));
        return item && Number(item['writtenAt']);
      },
      set: (id, writtenAt) => changePart(table, relinkedKey(runId, id), { writtenAt, expireAt }),
    },
    obstacles: {
      of: (repository) => known.of(repository),
      add: (repository, why) => {
        known.add(repository, why);
        untold.set(repository, why);
      },
    },
    exchangeObstacles: async () => {
      for (const [repository, why] of [...untold]) {
        await changePart(table, runObstacleKey(runId, repository), { why, expireAt });
        untold.delete(repository);
      }
      for (const [repository, why] of await readRunObstacles(table, runId)) known.add(repository, why);
    },
  };
}
