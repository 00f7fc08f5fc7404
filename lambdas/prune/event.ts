/** The event that tells the world of a run (docs/events.md, and Docker's own `prune` event). */
import { type BusEvent, EVENT_SOURCE } from '../store/event-bus.ts';
import type { RefusalCode, Report } from './report.ts';

export const PRUNE_DETAIL_TYPE = 'Registry Prune';

const MIB = 1024 * 1024;

export interface PruneEventDetail {
  readonly schemaVersion: '1.0';
  readonly type: 'image';
  readonly action: 'prune';
  readonly actor: { readonly id: ''; readonly attributes: { readonly reclaimed: string } };
  readonly runId: string;
  readonly status: Report['status'];
  readonly trigger: Report['trigger'];
  readonly mode: Report['mode'];
  readonly bucket: string;
  readonly reclaimedBytes: number;
  /** EventBridge compares numbers only within ±5·10⁹: rules use this one. Two decimals. */
  readonly reclaimedMiB: number;
  readonly manifestsDeleted: number;
  readonly blobsDeleted: number;
  readonly blobsCondemned: number;
  /** Until when the run can be undone; null where it cannot. */
  readonly recoverableUntil: string | null;
  readonly journal: string;
  /** Codes of the report's refusals, each once. */
  readonly refusals: readonly RefusalCode[];
  /** Why a refused run deleted nothing; null for any other. */
  readonly reason: string | null;
  readonly time: string;
}

/** Until when what a run deleted is kept, where it is. */
interface Undo {
  readonly recoverableUntil?: string;
}

/** The event of a run that took the lock. @param time when the run ended. */
export function pruneEvent(report: Report, bucket: string, time: Date, undo: Undo = {}): BusEvent {
  const detail: PruneEventDetail = {
    schemaVersion: '1.0',
    type: 'image',
    action: 'prune',
    actor: { id: '', attributes: { reclaimed: String(report.spaceReclaimed) } },
    runId: report.runId,
    status: report.status,
    trigger: report.trigger,
    mode: report.mode,
    bucket,
    reclaimedBytes: report.spaceReclaimed,
    reclaimedMiB: Math.round((report.spaceReclaimed / MIB) * 100) / 100,
    manifestsDeleted: report.manifests.deleted,
    blobsDeleted: report.blobs.deleted,
    blobsCondemned: report.blobs.condemned,
    recoverableUntil: report.journal === undefined ? null : (undo.recoverableUntil ?? null),
    journal: report.journal ?? '',
    refusals: [...new Set(report.refusals.map(({ code }) => code))],
    reason: report.status === 'refused' ? (report.refusals[0]?.message ?? '') : null,
    time: time.toISOString(),
  };
  return {
    source: EVENT_SOURCE,
    detailType: PRUNE_DETAIL_TYPE,
    detail,
    time,
    resources: [`arn:aws:s3:::${bucket}`],
  };
}
