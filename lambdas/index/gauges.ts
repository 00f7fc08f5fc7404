/** How far behind everything is, as alarms look at it. */
import type { Metadata } from '../store/metadata.ts';

/** Seconds. */
export interface Gauges {
  /** Since the newest heartbeat that the indexer has seen was written; undefined when the table was never built. */
  readonly indexLag: number | undefined;
  /** Since the last prune that was not refused ended, or, before the first one, since the index was first built. */
  readonly timeSinceSuccess: number | undefined;
}

/** @param now milliseconds since the epoch. */
export async function readGauges(metadata: Metadata, now: number): Promise<Gauges> {
  const [beat, reindex, success] = await Promise.all([
    metadata.heartbeat(),
    metadata.lastReindex(),
    metadata.lastSuccess(),
  ]);
  const since = (moment: number | undefined): number | undefined =>
    moment === undefined ? undefined : Math.max(0, Math.round((now - moment) / 1000));
  return {
    // Without a rebuild every run is refused, whatever heartbeats say.
    indexLag: reindex === undefined ? undefined : since(beat?.writtenAt),
    timeSinceSuccess: since(success?.finishedAt ?? reindex?.finishedAt),
  };
}
