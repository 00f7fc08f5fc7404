import type { Report } from '../../lambdas/prune/report.ts';

/** What a dry run and the run after it must agree on: all but the run itself. */
export function comparable(report: Report) {
  const { runId, dryRun, durationMs, startedAt, journal, imagesDeleted, refusals, ...rest } = report;
  const sorted = (entries: readonly object[]) => entries.map((entry) => JSON.stringify(entry)).sort();
  return { ...rest, imagesDeleted: sorted(imagesDeleted), refusals: sorted(refusals) };
}
