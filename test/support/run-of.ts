/** A run that decides and carries nothing out, to ask the planner one thing at a time. */
import { startRun } from '../../lambdas/prune/engine.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import type { Policy, Run } from '../../lambdas/prune/run.ts';
import type { Body, World } from './world.ts';

/** @param policy what of the run's policy is to differ. */
export async function runOf(world: World, body: Body = {}, policy: Partial<Policy> = {}): Promise<Run> {
  const request = { ...parsePruneRequest(body, world.clock.date()), dryRun: true };
  const { run } = await startRun(world.dependencies, request, Number.MAX_SAFE_INTEGER, { asks: true });
  return { ...run, policy: { ...run.policy, ...policy } };
}
