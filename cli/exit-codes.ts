/** What the command's exit code says. */

import { ConfigurationError } from '../lambdas/configuration.ts';
import { InvalidFilterError } from '../lambdas/filters/prune-filters.ts';
import type { Report } from '../lambdas/prune/report.ts';
import { InvalidRequestError } from '../lambdas/prune/request.ts';
import { RestoreRefusedError } from '../lambdas/restore/errors.ts';
import type { RestoreStatus } from '../lambdas/restore/report.ts';
import { PruneAlreadyRunningError } from '../lambdas/store/lock.ts';

export { describe } from './errors.ts';

export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  alreadyRunning: 3,
  refused: 4,
  partial: 5,
} as const;

/** The arguments cannot be understood; nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function exitCodeOf(error: unknown): number {
  const usage = [UsageError, InvalidFilterError, InvalidRequestError, ConfigurationError];
  if (usage.some((kind) => error instanceof kind)) return EXIT.usage;
  if (error instanceof RestoreRefusedError) return EXIT.refused;
  return error instanceof PruneAlreadyRunningError ? EXIT.alreadyRunning : EXIT.error;
}

export function exitCodeFor({ status }: { readonly status: Report['status'] | RestoreStatus }): number {
  if (status === 'refused') return EXIT.refused;
  return status === 'partial' ? EXIT.partial : EXIT.done;
}
