/** The bucket and the table compared, slice by slice: what was shown is kept for the verification. */
import type { Comparison } from '../index/comparison.ts';
import type { Value } from '../store/table.ts';
import type { Job } from './job.ts';
import { PrintList } from './prints.ts';

export const shownOf = (part: string): string => `shown/${part}`;

/**
 * Keeps what a slice has shown. A slice that is ended before does not count and is done again; should it be kept twice, or
 * not at all, the verification looks at more than it need, and comes to the same.
 *
 * @param claimed what the table claims of the part.
 */
export async function compare(
  job: Job,
  claimed: Comparison['claimed'],
  show: (comparison: Comparison) => Promise<Value | undefined>,
): Promise<Value | undefined> {
  const shown = new PrintList();
  const { context, reporter } = job;
  const next = await show({ context, reporter, claimed, shown });
  if (!shown.isEmpty) await job.files.putPrints(`${shownOf(job.unit)}/${job.slice}`, shown.take());
  return next;
}
