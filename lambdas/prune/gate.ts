/** Whether a run may delete anything at all (protocol section 5). */
import type { Stores } from '../store/hold.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { findArrival } from './arrivals.ts';
import type { Refusal } from './report.ts';
import { type PruneRequest, repositoryScope } from './request.ts';
import type { Policy } from './run.ts';
import type { PruneSettings } from './settings.ts';

export interface Verdict {
  /** The run deletes nothing; it only resolves what an earlier one left. */
  readonly refused: boolean;
  /** When the last rebuild began, milliseconds since the epoch; 0 if there was none. */
  readonly reindexedAt: number;
  /** A deletion can be taken back. */
  readonly recoverable: boolean;
  /** Data and tags may go. */
  readonly mayDelete: boolean;
  readonly refusals: readonly Refusal[];
}

export interface GateInput {
  readonly stores: Stores;
  readonly versioning: Awaited<ReturnType<ObjectStore['versioning']>>;
  readonly request: PruneRequest;
  readonly settings: PruneSettings;
  readonly now: () => number;
  /** Messages that the indexer could not apply; absent where no queue feeds it. */
  readonly deadLetters?: (() => Promise<number>) | undefined;
  /** Nothing is to be done: the bucket is not looked through for pushes. */
  readonly asks: boolean;
}

/** Reads heartbeat, dead letters and the bucket's versioning; offline, looks for pushes as well. */
export async function gate(input: GateInput): Promise<Verdict> {
  const { stores, versioning, request, settings } = input;
  const reindexedAt = (await stores.metadata.lastReindex())?.startedAt ?? 0;
  const recoverable = versioning === 'enabled';
  const verdict = { reindexedAt, recoverable };
  const refusal =
    (await staleness(input, reindexedAt)) ??
    (await poison(input)) ??
    (request.mode === 'offline' && !input.asks ? await findArrival(stores, reindexedAt) : undefined);
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

/**
 * A broken event rule must never look like "no new pushes". Events tell only of changes: what was there before the
 * rule is known from a rebuild, so there must have been one.
 */
async function staleness(
  { stores, settings: { maxIndexLag }, now }: GateInput,
  reindexedAt: number,
): Promise<Refusal | undefined> {
  const beat = await stores.metadata.heartbeat();
  if (beat === undefined || reindexedAt === 0) {
    return {
      code: 'stale-index',
      message: 'the metadata has never been built: run `registry-prune reindex`',
    };
  }
  const lag = now() - beat.writtenAt;
  if (lag <= maxIndexLag) return undefined;
  const message =
    `the metadata was last in line with the bucket ${Math.round(lag / 1000)} s ago; ` +
    `allowed are ${maxIndexLag / 1000} s (MAX_INDEX_LAG)`;
  return { code: 'stale-index', message };
}

/** What the indexer could not apply may be the push that needs what this run would delete. */
async function poison({ deadLetters }: GateInput): Promise<Refusal | undefined> {
  if (deadLetters === undefined) return undefined;
  const refuse = (message: string): Refusal => ({ code: 'dead-letters', message });
  try {
    const count = await deadLetters();
    if (count === 0) return undefined;
    return refuse(
      `${count} ${count === 1 ? 'event' : 'events'} could not be indexed and wait in the dead-letter queue: ` +
        'see why, send them again, or run `registry-prune reindex` and purge the queue',
    );
  } catch (error) {
    return refuse(`the dead-letter queue cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** What the run may do, by its request and the gate. */
export function policyOf(
  request: PruneRequest,
  settings: PruneSettings,
  verdict: Pick<Verdict, 'refused' | 'mayDelete' | 'recoverable'>,
  foresees: boolean,
): Policy {
  const offline = request.mode === 'offline';
  return {
    filters: request.filters,
    inScope: repositoryScope(request.repositories),
    grace: offline ? 0 : settings.grace,
    quarantine: offline || foresees ? 0 : settings.quarantine,
    mayDelete: verdict.mayDelete,
    recoverable: verdict.recoverable,
    resolveOnly: verdict.refused,
    foresees: foresees && !offline,
  };
}
