/** Whether a run may delete anything at all (protocol section 5). */
import type { Stores } from '../store/hold.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { findArrival } from './arrivals.ts';
import type { Refusal } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { PruneSettings } from './settings.ts';

export interface Verdict {
  /** The run deletes nothing; it only resolves what an earlier one left. */
  readonly refused: boolean;
  /** When the index was last in line with the bucket, milliseconds since the epoch; 0 if never. */
  readonly indexedAt: number;
  /** A deletion can be taken back. */
  readonly recoverable: boolean;
  /** Data and tags may go. */
  readonly mayDelete: boolean;
  readonly refusals: readonly Refusal[];
}

/** Reads the heartbeat and the bucket's versioning; offline, looks for pushes as well. */
export async function gate(about: {
  readonly stores: Stores;
  readonly versioning: Awaited<ReturnType<ObjectStore['versioning']>>;
  readonly request: PruneRequest;
  readonly settings: PruneSettings;
  readonly now: () => number;
}): Promise<Verdict> {
  const { stores, versioning, request, settings } = about;
  const seenAt = (await stores.metadata.heartbeat())?.seenAt;
  const indexedAt = seenAt ?? 0;
  const recoverable = versioning === 'enabled';
  const refusal =
    staleness(seenAt, settings.maxIndexLag, about.now()) ??
    (request.mode === 'offline' ? await findArrival(stores, indexedAt) : undefined);
  const verdict = { indexedAt, recoverable };
  if (refusal !== undefined) return { ...verdict, refused: true, mayDelete: false, refusals: [refusal] };
  if (request.mode === 'offline' || recoverable || settings.allowUnversioned) {
    return { ...verdict, refused: false, mayDelete: true, refusals: [] };
  }
  const message =
    'the bucket is not versioned, so what an online run deletes could not be brought back: it stops at condemning ' +
    'blobs and leaves tags; turn versioning on, or set ALLOW_UNVERSIONED=true to accept that';
  return {
    ...verdict,
    refused: false,
    mayDelete: false,
    refusals: [{ code: 'unversioned-bucket', message }],
  };
}

/** A broken event rule must never look like "no new pushes". */
function staleness(seenAt: number | undefined, maxIndexLag: number, now: number): Refusal | undefined {
  const allowed = `allowed are ${maxIndexLag / 1000} s (MAX_INDEX_LAG)`;
  if (seenAt === undefined) {
    return {
      code: 'stale-index',
      message: 'the metadata has never been built: run `registry-prune reindex`',
    };
  }
  const lag = now - seenAt;
  if (lag <= maxIndexLag) return undefined;
  const message = `the metadata was last in line with the bucket ${Math.round(lag / 1000)} s ago; ${allowed}`;
  return { code: 'stale-index', message };
}
