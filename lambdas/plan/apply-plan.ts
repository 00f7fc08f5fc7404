/** Applies a plan: a prune that takes at most what the plan names. */
import { type PruneDependencies, prune } from '../prune/engine.ts';
import type { Report } from '../prune/report.ts';
import { parsePruneRequest, type Trigger } from '../prune/request.ts';
import type { Plan } from './document.ts';
import { PlanLimit } from './plan-limit.ts';

export interface ApplyOptions {
  readonly trigger: Trigger;
  /** Reports what the same run would do now and changes nothing anywhere. @default false */
  readonly dryRun?: boolean;
  /** Of each slice in turn, milliseconds since the epoch. */
  readonly deadlines: Iterable<number>;
}

/**
 * Deletes what the plan names as far as it is still garbage and nothing has wanted it since. What has to rest first is
 * pending in the report: the same plan is applied again for it.
 *
 * @throws PruneAlreadyRunningError, and what S3 and DynamoDB throw.
 * @example await applyPlan(dependencies, readPlan(text, await identityOf(dependencies), now), { trigger: 'cli', deadlines });
 */
export async function applyPlan(
  dependencies: PruneDependencies,
  plan: Plan,
  { trigger, dryRun = false, deadlines }: ApplyOptions,
): Promise<Report> {
  const { filters, repositories, mode } = plan.request;
  const body = { filters, mode, dryRun, ...(repositories.length === 0 ? {} : { repositories }) };
  const request = parsePruneRequest(body, new Date(dependencies.now()), { trigger });
  return await prune(dependencies, request, deadlines, { limit: new PlanLimit(plan) });
}
