/** What the logs and metrics say of a batch. */
import type { Logger } from '@aws-lambda-powertools/logger';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BatchResult } from './batch.ts';
import type { Gauges } from './gauges.ts';

/** A line for whatever is not as it should be, one for the batch, and one set of metrics. */
export function observeBatch(
  result: BatchResult,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
): void {
  const { applied, ignored, heartbeats, failed, postponed, restored, lost, problems } = result;
  for (const { id, error } of failed) {
    logger.error('message failed', { messageId: id, error: error instanceof Error ? error : String(error) });
  }
  for (const { key, reason } of postponed) logger.info('key postponed', { key, reason });
  for (const { digest, runId } of restored) logger.warn('blob restored', { digest, deletedBy: runId });
  for (const digest of lost) logger.error('blob lost', { digest });
  for (const problem of problems) logger.warn('kept though not understood', { ...problem });
  const counts = {
    KeysApplied: applied,
    KeysIgnored: ignored,
    KeysPostponed: postponed.length,
    MessagesFailed: failed.length,
    BlobsRestored: restored.length,
    BlobsLost: lost.length,
    HeartbeatsSeen: heartbeats,
  };
  logger.info('batch indexed', counts);
  for (const [name, count] of Object.entries(counts)) metrics.addMetric(name, MetricUnit.Count, count);
  metrics.publishStoredMetrics();
}

/** A gauge that is not known is not published, so that its alarm sees that it is missing. */
export function observeGauges({ indexLag, timeSinceSuccess }: Gauges, metrics: Metrics): void {
  if (indexLag !== undefined) metrics.addMetric('IndexLag', MetricUnit.Seconds, indexLag);
  if (timeSinceSuccess !== undefined)
    metrics.addMetric('TimeSinceSuccess', MetricUnit.Seconds, timeSinceSuccess);
  if (indexLag !== undefined || timeSinceSuccess !== undefined) metrics.publishStoredMetrics();
}
