/** `apply`: deletes at most what a plan names. */
import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fetchPlan } from '../../lambdas/operations/plans.ts';
import { InvalidPlanError, MAX_PLAN_BYTES } from '../../lambdas/plan/document.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor, UsageError } from '../exit-codes.ts';
import { type OperatorOptions, type Operators, operatorsOf, withFunction } from '../operators.ts';
import { bytes, counted, reportText } from '../output.ts';
import { progressText } from '../plan-output.ts';
import { confirm, type Host, painter } from '../terminal.ts';
import { type Estimate, withProgress } from './prune.ts';

interface ApplyOptions extends OperatorOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addApply(program: Command, cli: Cli): void {
  const command = withFunction(
    program
      .command('apply')
      .description('delete what a plan names, as far as nothing has wanted it since, and nothing else')
      .argument('<plan>', 'a file, - for standard input, or s3://… below PLAN_PREFIX')
      .option('--dry-run', 'report what would go now and change nothing')
      .option('--json', 'print the report as JSON')
      .option('-y, --yes', 'do not ask'),
  ).action(cli.run((host, plan: string, options: ApplyOptions) => applyCommand(host, plan, options)));
  withExamples(command, [
    'registry-prune apply plan.json --dry-run',
    'registry-prune apply plan.json',
    'registry-prune apply s3://my-registry/registry-prune/plans/november.json --function registry-prune-prune --yes',
  ]);
  withExitCodes(command, {
    [EXIT.alreadyRunning]: 'a prune or an undo is already running',
    [EXIT.refused]:
      "refused: the plan was edited, is another registry's or is none, or a prune would be refused",
    [EXIT.partial]: 'partial: out of time, interrupted, or some deletions or the event failed',
  });
}

async function applyCommand(host: Host, source: string, options: ApplyOptions): Promise<number> {
  const { dryRun = false, json, yes } = options;
  if (source === '-' && host.stdin.isTTY && !yes && !dryRun) {
    throw new UsageError('a plan from standard input is applied without a question: give --yes, or a file');
  }
  const operators = operatorsOf(host, options);
  const plan = await planFrom(host, source, operators);
  if (host.stdin.isTTY && !yes && !dryRun && !(await confirm(host, question(plan, operators.place)))) {
    host.stderr.write('Nothing was deleted.\n');
    return EXIT.done;
  }
  const report = await withProgress(host, 'apply', totalOf(plan), (onPrune) =>
    operators.call('apply', { plan, dryRun }, { onPrune }),
  );
  const paint = painter(host.stdout);
  host.stdout.write(
    json ? `${JSON.stringify(report)}\n` : `${reportText(report, paint)}${progressText(report, source)}`,
  );
  return exitCodeFor(report);
}

/** A function fetches a plan that is in the bucket itself; here it is wanted for the question. */
async function planFrom(host: Host, source: string, { shelf }: Operators): Promise<object | string> {
  if (!source.startsWith('s3:')) return await readPlanFile(host, source);
  return shelf === undefined ? source : await fetchPlan(shelf, source);
}

/** What the plan names; the links go with their blobs. */
const totalOf =
  (plan: object | string): Estimate =>
  async () => {
    const { manifests, blobs } = Object(Reflect.get(Object(plan), 'totals') ?? {});
    return Number.isInteger(manifests) && Number.isInteger(blobs) ? manifests + blobs : undefined;
  };

/** What it is, is seen by whoever applies it. */
async function readPlanFile(host: Host, source: string): Promise<object> {
  if (source !== '-' && (await stat(source)).size > MAX_PLAN_BYTES) {
    throw new InvalidPlanError(`${source} is larger than ${bytes(MAX_PLAN_BYTES)}, more than a plan may be`);
  }
  const content = source === '-' ? await text(host.stdin) : await readFile(source, 'utf8');
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new InvalidPlanError(
    `${source} is no plan: it is no JSON object, as \`registry-prune plan\` writes it`,
  );
}

function question(plan: object | string, place: string): string {
  if (typeof plan === 'string')
    return `This will delete what the plan ${plan} names from ${place}. Continue?`;
  const { manifests = 0, tags = 0, blobs = 0, bytes: size = 0 } = Object(Reflect.get(plan, 'totals') ?? {});
  return (
    `WARNING! This will delete at most ${counted(manifests, 'manifest')}, ${counted(tags, 'tag')} and ` +
    `${counted(blobs, 'blob')} ` +
    `(${bytes(Number(size) || 0)}) from ${place}. Continue?`
  );
}
