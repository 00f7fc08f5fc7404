/** Whether a run may delete anything at all (protocol section 5). */
import type { Metadata } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Refusal } from './report.ts';
import type { PruneRequest } from './request.ts';
import type { PruneSettings } from './settings.ts';

export interface Verdict {
  /** The run deletes nothing; it only resolves what an earlier one left. */
  readonly refused: boolean;
  /** Data and tags may go. */
  readonly mayDelete: boolean;
  readonly refusals: readonly Refusal[];
}

export async function gate(about: {
  readonly metadata: Metadata;
  readonly versioning: Awaited<ReturnType<ObjectStore['versioning']>>;
  readonly request: PruneRequest;
  readonly settings: PruneSettings;
  readonly now: () => number;
}): Promise<Verdict> {
  const { metadata, versioning, request, settings } = about;
  const stale = staleness((await metadata.heartbeat())?.seenAt, settings.maxIndexLag, about.now());
  if (stale !== undefined) return { refused: true, mayDelete: false, refusals: [stale] };
  if (request.mode === 'offline' || versioning === 'enabled' || settings.allowUnversioned) {
    return { refused: false, mayDelete: true, refusals: [] };
  }
  const message =
    'the bucket is not versioned, so what an online run deletes could not be brought back: it stops at condemning ' +
    'blobs and leaves tags; turn versioning on, or set ALLOW_UNVERSIONED=true to accept that';
  return { refused: false, mayDelete: false, refusals: [{ code: 'unversioned-bucket', message }] };
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
