/** Does one operation. The function and the command line call it alike, so that both answer the same. */
import { explain } from '../explain/explain.ts';
import type { Explanation } from '../explain/explanation.ts';
import { applyPlan } from '../plan/apply-plan.ts';
import { type Plan, planText, readPlan } from '../plan/document.ts';
import { identityOf, makePlan } from '../plan/make-plan.ts';
import { type PruneDependencies, prune } from '../prune/engine.ts';
import type { Report } from '../prune/report.ts';
import { UnknownRunError } from '../restore/errors.ts';
import type { RestoreReport } from '../restore/report.ts';
import { type RestoreDependencies, restoreRun } from '../restore/run.ts';
import { latestRuns, type RunItem, readRun } from '../store/runs.ts';
import type { Action, Operation } from './payload.ts';
import { fetchPlan, storePlan } from './plans.ts';
import { type Status, statusOf } from './status.ts';

/** What came of making a plan. */
export interface PlanAnswer {
  /** Of the rehearsal; refused or failed, it says why there is no plan. */
  readonly report: Report;
  /** Absent too where it is too large for an answer; it is at `location` then. */
  readonly plan?: Plan;
  readonly hash?: string;
  readonly totals?: Plan['totals'];
  readonly repositories?: Plan['repositories'];
  readonly location?: string;
}

export interface Answers {
  readonly prune: Report;
  readonly plan: PlanAnswer;
  readonly apply: Report;
  readonly restore: RestoreReport;
  readonly runs: readonly RunItem[];
  readonly run: RunItem;
  readonly why: Explanation;
  readonly status: Status;
}

export interface Operator {
  readonly prune: PruneDependencies;
  /** Told of how far an undo is. */
  readonly onRestore?: NonNullable<RestoreDependencies['onProgress']>;
  /** Where plans are, in the registry's bucket, ending in a slash. */
  readonly planPrefix: string;
  /** Keeps each plan there, and answers with it only up to so many bytes. @default it is in the answer alone */
  readonly answerLimit?: number;
  /** Of each slice of a run in turn, milliseconds since the epoch. */
  readonly deadlines: Iterable<number>;
  /** Of what is no run: when to end, milliseconds since the epoch. */
  readonly deadline: number;
}

/** @throws what the operation throws, and InvalidPlanError, UnknownRunError. */
export async function operate<A extends Action>(
  operator: Operator,
  operation: Extract<Operation, { readonly action: A }> | (Operation & { readonly action: A }),
): Promise<Answers[A]> {
  return (await answerTo(operator, operation)) as Answers[A];
}

async function answerTo(operator: Operator, operation: Operation): Promise<Answers[Action]> {
  const { prune: dependencies, deadlines } = operator;
  const { table, now } = dependencies;
  switch (operation.action) {
    case 'prune':
      return await prune(dependencies, operation.request, deadlines);
    case 'plan':
      return await planAnswer(operator, operation);
    case 'apply': {
      const { plan: given, dryRun, trigger } = operation;
      const plan =
        typeof given === 'string'
          ? await fetchPlan({ ...dependencies, planPrefix: operator.planPrefix }, given)
          : readPlan(given, await identityOf(dependencies), now());
      return await applyPlan(dependencies, plan, { dryRun, trigger, deadlines });
    }
    case 'restore': {
      const { onProgress: _, ...stores } = dependencies;
      const { runId, dryRun } = operation;
      const told = operator.onRestore && { onProgress: operator.onRestore };
      return await restoreRun({ ...stores, ...told }, runId, { dryRun, deadlines });
    }
    case 'runs':
      return await latestRuns(table, operation.limit);
    case 'run': {
      const run = await readRun(table, operation.runId);
      if (run === undefined) throw new UnknownRunError(operation.runId);
      return run;
    }
    case 'why':
      return await explain(dependencies, operation.subject, operation.request);
    case 'status':
      return await statusOf(table, now());
  }
}

async function planAnswer(
  { prune: dependencies, planPrefix, answerLimit, deadline }: Operator,
  { request }: Extract<Operation, { readonly action: 'prune' | 'plan' }>,
): Promise<PlanAnswer> {
  const { plan, report } = await makePlan(dependencies, request, deadline);
  if (plan === undefined) return { report };
  const { hash, totals, repositories } = plan;
  if (answerLimit === undefined) return { report, plan, hash, totals, repositories };
  const text = planText(plan);
  const location = await storePlan({ ...dependencies, planPrefix }, plan, text);
  const fits = text.length <= answerLimit;
  return { report, hash, totals, repositories, location, ...(fits ? { plan } : {}) };
}
