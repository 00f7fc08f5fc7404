/** What the logs and metrics say of a run. */
import type { Logger } from '@aws-lambda-powertools/logger';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Report } from './report.ts';

interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One log line and one set of metrics for each run; what only looks has a line alone. */
export function observe(action: string, answer: object, telemetry: Telemetry): void {
  if (action === 'prune' || action === 'apply') observeRun(answer as Report, telemetry);
  else telemetry.logger.info(`${action} answered`);
}

/** A dry run has no metrics. */
function observeRun(report: Report, { logger, metrics }: Telemetry): void {
  const { imagesDeleted, refusals, plan, ...totals } = report;
  const applied = plan === undefined ? {} : { plan: plan.hash };
  logger.info('prune finished', { ...totals, ...applied, imagesListed: imagesDeleted.length });
  // `message` is the log line's own: a refusal's would be dropped.
  for (const { message: reason, ...refusal } of refusals) {
    logger.warn('not deleted', { runId: report.runId, ...refusal, reason });
  }
  if (report.dryRun) return;
  const refused = report.status === 'refused';
  metrics.addMetric('RunsSucceeded', MetricUnit.Count, refused ? 0 : 1);
  metrics.addMetric('RunsRefused', MetricUnit.Count, refused ? 1 : 0);
  metrics.addMetric('ManifestsExamined', MetricUnit.Count, report.manifests.examined);
  metrics.addMetric('ManifestsDeleted', MetricUnit.Count, report.manifests.deleted);
  metrics.addMetric('BlobsDeleted', MetricUnit.Count, report.blobs.deleted);
  metrics.addMetric('BlobsCondemned', MetricUnit.Count, report.blobs.condemned);
  metrics.addMetric('BytesReclaimed', MetricUnit.Bytes, report.spaceReclaimed);
  metrics.addMetric('BytesCondemned', MetricUnit.Bytes, report.blobs.condemnedBytes);
  metrics.addMetric('RunDuration', MetricUnit.Milliseconds, report.durationMs);
  metrics.addMetric('Refusals', MetricUnit.Count, refusals.length);
  metrics.publishStoredMetrics();
  if (!refused) return;
  // Once more by reason, and by itself, since a dimension counts for all that are published with it.
  const reason = refusals[0]?.code ?? 'unknown';
  metrics.singleMetric().addDimension('Reason', reason).addMetric('RunsRefused', MetricUnit.Count, 1);
}

/** Whoever asked for one of these is told, and no run has failed. */
const NO_RUNS: readonly unknown[] = ['plan', 'restore', 'runs', 'run', 'why', 'status'];

/** A run that ended with an error, or never began, which nobody may have waited for. */
export function observeFailure(payload: unknown, metrics: Metrics): void {
  if (NO_RUNS.includes(Object(payload).action)) return;
  metrics.addMetric('RunErrors', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
}
