/**
 * Builds the table from the bucket, or repairs it, beside a running registry and beside a prune:
 *
 *   1. scan the table                 → what it claims
 *   2. list repositories, then blobs  → what is there; whatever the table does not claim is applied
 *   3. scan the table again           → whatever it claims and no listing has shown is looked at and applied
 *
 * Repositories come before blobs, so that a blob's holders are known before the blob is. Everything is applied by
 * the same code as a live event, so a change that happens meanwhile is settled as between two events.
 */
import pMap from 'p-map';
import type { RestoredBlob } from '../store/hold.ts';
import { KeySet } from '../store/key-set.ts';
import type { Item, Key } from '../store/table.ts';
import type { Healed } from './blob-events.ts';
import { claimOf } from './claims.ts';
import type { Comparison } from './comparison.ts';
import type { IndexContext } from './context.ts';
import { recordReindex } from './heartbeat.ts';
import { blobDirectories, repositoryNames } from './listing.ts';
import { reindexRepository, showBlobs } from './reindex-listing.ts';
import { type ReindexReport, ReindexReporter } from './reindex-report.ts';
import { relook } from './relook.ts';

export interface ReindexOptions {
  /** Repositories and blob directories listed at the same time. */
  readonly concurrency?: number;
  /** Told at the end of what was needed after it had been deleted; the rebuild counts once this returns. */
  readonly onHealed?: (healed: Healed) => Promise<void>;
  readonly onProgress?: (progress: { readonly phase: ReindexPhase; readonly done: number }) => void;
}

export type ReindexPhase = 'table' | 'repositories' | 'blobs' | 'verification';

const SCAN_SEGMENTS = 8;

/**
 * Rebuilds or repairs the whole table and counts as the index's heartbeat.
 *
 * @throws what S3 and DynamoDB throw; nothing is half done that a second run does not finish.
 */
export async function reindex(context: IndexContext, options: ReindexOptions = {}): Promise<ReindexReport> {
  const { concurrency = 16, onProgress } = options;
  const startedAt = context.now();
  const reporter = new ReindexReporter();
  const healing = { ...context, onRestored: (blob: RestoredBlob) => reporter.restored.push(blob) };
  const claimed = new KeySet();
  const shown = new KeySet();
  const comparison: Comparison = { context: healing, reporter, claimed, shown };

  let done = 0;
  const step = (phase: ReindexPhase, count = 1): void => {
    done += count;
    onProgress?.({ phase, done });
  };
  await scan(context, async (items) => {
    for (const item of items) {
      const claim = claimOf(item);
      if (claim !== undefined) claimed.add(claim);
    }
    step('table', items.length);
  });
  done = 0;
  await pMap(
    repositoryNames(context.bucket),
    async (name) => {
      await reindexRepository(comparison, name);
      step('repositories');
    },
    { concurrency },
  );
  done = 0;
  await pMap(
    blobDirectories(context.bucket),
    async (directory) => {
      for await (const objects of context.bucket.pages(directory)) await showBlobs(comparison, objects);
      step('blobs');
    },
    { concurrency },
  );
  done = 0;
  await scan(context, async (items) => {
    const unseen = items.filter((item) => {
      const claim = claimOf(item);
      return (claim !== undefined && !shown.has(claim)) || item.sk.startsWith('UNREADABLE#');
    });
    await pMap(unseen, (item) => relook(comparison, item), { concurrency });
    step('verification', items.length);
  });
  const lost = [...reporter.lost];
  await options.onHealed?.({ restored: reporter.restored, lost });
  await recordReindex(context, startedAt);
  return reporter.report(context.now() - startedAt);
}

async function scan(context: IndexContext, visit: (items: readonly Item[]) => Promise<void>): Promise<void> {
  const { table } = context.metadata;
  const segments = Array.from({ length: SCAN_SEGMENTS }, (_, segment) => segment);
  await pMap(segments, async (segment) => {
    let after: Key | undefined;
    do {
      const page = await table.scan({
        segment,
        segments: SCAN_SEGMENTS,
        ...(after === undefined ? {} : { after }),
      });
      await visit(page.items);
      after = page.next;
    } while (after !== undefined);
  });
}
