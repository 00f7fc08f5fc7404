/** What the command's exit code says. */

import type { Report } from '../lambdas/prune/report.ts';
import type { RestoreStatus } from '../lambdas/restore/report.ts';

export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  alreadyRunning: 3,
  refused: 4,
  partial: 5,
} as const;

const USAGE = new Set([
  ...['UsageError', 'InvalidFilterError', 'InvalidRequestError', 'InvalidSubjectError', 'ConfigurationError'],
  'InventoryError',
]);
const REFUSED = new Set(['RestoreRefusedError', 'InvalidPlanError', 'UnlockRefusedError']);

/** The arguments cannot be understood; nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function exitCodeOf(error: unknown): number {
  // By name: one that a function answers with is of no class here.
  const name = error instanceof Error ? error.name : '';
  if (USAGE.has(name)) return EXIT.usage;
  if (REFUSED.has(name)) return EXIT.refused;
  return name === 'PruneAlreadyRunningError' ? EXIT.alreadyRunning : EXIT.error;
}

export function exitCodeFor({ status }: { readonly status: Report['status'] | RestoreStatus }): number {
  if (status === 'refused') return EXIT.refused;
  return status === 'partial' ? EXIT.partial : EXIT.done;
}
