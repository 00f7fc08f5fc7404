/** What the log says of a rebuild. */
import type { Logger } from '@aws-lambda-powertools/logger';
import type { Next } from './next.ts';
import type { PartialReport } from './report.ts';
import type { SliceRequest } from './request.ts';

/** One line: which units are left, or that it is done and what it has found. */
export function observeNext(step: Next, logger: Logger): void {
  if (step.finished) logger.info('rebuild finished', { ...step });
  else logger.info('rebuild goes on', { id: step.id, phase: step.phase, units: step.units.length });
}

/** A line for what is not as it should be, and one for the slice. */
export function observeSlice(request: SliceRequest, report: PartialReport, logger: Logger): void {
  const { unreadable, lost, restored, ...counts } = report;
  for (const one of unreadable.first) logger.warn('kept though not understood', { ...one });
  for (const digest of restored.first) logger.warn('blob restored', { digest });
  for (const digest of lost.first) logger.error('blob lost', { digest });
  logger.info('slice done', { ...request, ...counts });
}
