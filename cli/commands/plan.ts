/** `plan`: what would go, to be read, approved and applied. */

import { ulid } from 'ulid';
import type { PlanAnswer } from '../../lambdas/operations/operate.ts';
import { storePlan } from '../../lambdas/operations/plans.ts';
import { type Plan, planText } from '../../lambdas/plan/document.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor, UsageError } from '../exit-codes.ts';
import { type FilterOptions, filterFields, withFilters } from '../filter-options.ts';
import { type OperatorOptions, type Operators, operatorsOf, withFunction } from '../operators.ts';
import { planSummary } from '../plan-output.ts';
import { type Host, painter } from '../terminal.ts';
import { writeWhole } from '../write-file.ts';
import { dueIn, withProgress } from './prune.ts';

interface PlanOptions extends FilterOptions, OperatorOptions {
  readonly output?: string;
  readonly json?: boolean;
}

export function addPlan(program: Command, cli: Cli): void {
  const command = withFunction(
    withFilters(
      program.command('plan').description('write down what a prune would delete, to be approved and applied'),
    )
      .option(
        '-o, --output <file>',
        "where the plan goes: a file, or s3://… below the registry's PLAN_PREFIX",
      )
      .option('--json', 'print the answer as JSON; without -o the plan is in it'),
  ).action(cli.run((host, options: PlanOptions) => planCommand(host, options)));
  withExamples(command, [
    'registry-prune plan -o plan.json',
    'registry-prune plan --all --filter until=720h --repository "team/*" -o plan.json',
    'registry-prune plan -o s3://my-registry/registry-prune/plans/november.json',
    'registry-prune plan --function registry-prune-prune -o plan.json',
  ]);
  withExitCodes(command, {
    [EXIT.refused]: 'no plan was made: a prune would be refused',
    [EXIT.partial]: 'the plan is not of everything: it was out of time, or interrupted',
  });
}

async function planCommand(host: Host, options: PlanOptions): Promise<number> {
  const { output, json } = options;
  const fields = filterFields(options);
  const operators = operatorsOf(host, options);
  if (output?.startsWith('s3:') && operators.shelf === undefined) {
    throw new UsageError(
      `--output is "${output}": a function keeps its plans itself and tells where; allowed is a file`,
    );
  }
  const answer = await withProgress(host, 'plan', dueIn(operators, options.mode), (onPrune) =>
    operators.call('plan', fields, { onPrune }),
  );
  const written = answer.hash === undefined ? undefined : await write(operators, answer, output);
  const { plan, ...rest } = answer;
  const shown = {
    ...rest,
    ...(written?.startsWith('s3:') ? { location: written } : {}),
    ...(plan !== undefined && output === undefined ? { plan } : {}),
  };
  host.stdout.write(json ? `${JSON.stringify(shown)}\n` : planSummary(answer, written, painter(host.stdout)));
  return exitCodeFor(answer.report);
}

/** @returns where the plan is now, as `apply` takes it. */
async function write(
  { shelf }: Operators,
  { plan, location }: PlanAnswer,
  output: string | undefined,
): Promise<string | undefined> {
  if (output === undefined) return location;
  const whole = plan ?? tooLarge(location);
  if (!output.startsWith('s3:')) {
    await writeWhole(output, planText(whole), ulid());
    return output;
  }
  // Refused before, where a function does it.
  return shelf && (await storePlan(shelf, whole, planText(whole), output));
}

function tooLarge(location: string | undefined): Plan {
  throw new UsageError(
    `the plan is too large to be answered with, and was not written: it is at ${location}, and can be applied from there`,
  );
}
