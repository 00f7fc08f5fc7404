/** When what a run deletes was last pulled, as the report and the journal show it. Nothing is decided by it. */
import { tagKey } from '../store/items.ts';
import type { Doomed } from './plan-manifest.ts';
import type { Run } from './run.ts';

export interface PullTime {
  /** ISO 8601. Absent while no pull of it is known. */
  readonly lastPulledAt?: string;
}

/** By tag, of one repository. */
export type PullTimes = ReadonlyMap<string, PullTime>;

/** @param at milliseconds since the epoch; anything else is not known. */
export function pullTime(at: unknown): PullTime {
  const date = new Date(typeof at === 'number' ? at : Number.NaN);
  return Number.isNaN(date.getTime()) ? {} : { lastPulledAt: date.toISOString() };
}

/** Of the tags that go with a group of manifests: read when they go, since few ever do. */
export async function tagPullTimes({ metadata }: Run, group: readonly Doomed[]): Promise<PullTimes> {
  const keys = group.flatMap(({ item, tags }) => tags.map(({ tag }) => tagKey(item.name, tag)));
  const items = await metadata.table.getMany(keys);
  // Not decoded: an item that is not understood has no time to show, and must not stop what is under way.
  return new Map(items.map(({ sk, lastPulledAt }) => [sk.slice('TAG#'.length), pullTime(lastPulledAt)]));
}
