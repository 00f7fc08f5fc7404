/** The event that tells the world of a run (docs/events.md, and Docker's own `prune` event). */
import type { BusEvent } from '../store/event-bus.ts';
import type { Report } from './report.ts';

export const EVENT_SOURCE = 'registry-prune';
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
  readonly time: string;
}

/** The event of a run that took the lock. @param time when the run ended. */
export function pruneEvent(report: Report, bucket: string, time: Date): BusEvent {
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
    recoverableUntil: null,
    journal: report.journal ?? '',
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
