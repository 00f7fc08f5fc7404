/** What the logs and metrics say of a request. */
import type { Logger } from '@aws-lambda-powertools/logger';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { type Answer, type Receipt, UNAVAILABLE } from './webhook.ts';

/** Of an envelope whose events are all malformed, some are enough. */
const MAX_LOGGED = 10;

interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A line for what is not as it should be, and one set of metrics. A registry calls for each single pull. */
export function observeReceipt({ answer, counts, problems }: Receipt, { logger, metrics }: Telemetry): void {
  if (counts === undefined) {
    logger.warn('notification refused', { status: answer.statusCode, reason: problems[0] ?? '' });
    metrics.addMetric('NotificationsRefused', MetricUnit.Count, 1);
  } else {
    for (const reason of problems.slice(0, MAX_LOGGED)) logger.warn('event not understood', { reason });
    logger.debug('pulls recorded', { ...counts });
    metrics.addMetric('PullsRecorded', MetricUnit.Count, counts.recorded);
    metrics.addMetric('PullsUnchanged', MetricUnit.Count, counts.unchanged);
    metrics.addMetric('PullsUnknown', MetricUnit.Count, counts.unknown);
    metrics.addMetric('EventsIgnored', MetricUnit.Count, counts.ignored);
    metrics.addMetric('EventsMalformed', MetricUnit.Count, problems.length);
  }
  metrics.publishStoredMetrics();
}

/** The table has failed. @returns what the registry is told. */
export function observeFailure(error: Error | null | undefined, { logger, metrics }: Telemetry): Answer {
  logger.error('pulls not recorded', error ?? 'unknown error');
  metrics.addMetric('NotificationsFailed', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  return UNAVAILABLE;
}
