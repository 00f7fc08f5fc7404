/** `usage`: what would free the most. */
import { ulid } from 'ulid';
import { readConfiguration } from '../../lambdas/configuration.ts';
import { pruneDependencies } from '../../lambdas/dependencies.ts';
import { UnknownItemError } from '../../lambdas/store/items.ts';
import { latestRuns, type RunItem } from '../../lambdas/store/runs.ts';
import type { Table } from '../../lambdas/store/table.ts';
import { type Cli, type Command, Option, withExamples } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { thisProcess } from '../process.ts';
import { type Host, Progress } from '../terminal.ts';
import { measure } from '../usage/graph/retained.ts';
import { usagePage } from '../usage/html/page.ts';
import { usageCsv, usageText } from '../usage/output.ts';
import { readInventory } from '../usage/read.ts';
import { GROUPINGS, type Grouping, reportOf } from '../usage/report.ts';
import { sharesOf } from '../usage/shares.ts';
import { writeWhole } from '../write-file.ts';

interface UsageOptions {
  readonly by: Grouping;
  readonly top: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly html?: string;
}

const MAX_TOP = 1_000_000;
/** On the page, at most. */
const RUNS_SHOWN = 100;
const ROWS_SHOWN = 200;

export function addUsage(program: Command, cli: Cli): void {
  const command = program
    .command('usage')
    .description('who uses how many bytes, and what would free the most')
    .addOption(new Option('--by <thing>', 'what to list').choices(GROUPINGS).default('repository'))
    .option('--top <count>', 'how many', '20')
    .addOption(new Option('--json', 'print JSON').conflicts('csv'))
    .option('--csv', 'print CSV, bytes as plain integers')
    .option('--html <file>', 'write a report with a map of the registry and its runs, too')
    .action(cli.run((host, options: UsageOptions) => usageCommand(host, options)));
  withExamples(command, [
    'registry-prune usage',
    'registry-prune usage --by image --top 50 --json',
    'registry-prune usage --by tag --top 1000000 --csv',
    'registry-prune usage --html usage.html',
  ]);
}

async function usageCommand(host: Host, options: UsageOptions): Promise<number> {
  const top = /^[0-9]+$/.test(options.top) ? Number(options.top) : 0;
  if (top < 1 || top > MAX_TOP) {
    throw new UsageError(`--top is "${options.top}": allowed are 1 to ${MAX_TOP}`);
  }
  const generatedAt = new Date();
  const configuration = readConfiguration(host.env, generatedAt);
  const { table } = pruneDependencies(configuration, thisProcess());
  const progress = new Progress(host);
  const inventory = await readInventory(table, (rows) =>
    progress.show(`usage: ${rows.toLocaleString('en')} rows read`),
  ).finally(() => progress.clear());
  const measured = measure(inventory);
  const about = { top, bucket: configuration.bucketName, generatedAt };
  const report = reportOf(inventory, measured, { ...about, by: options.by });
  let isWhole = report.unreadable.rows === 0;
  if (options.html !== undefined) {
    const top = Math.min(about.top, ROWS_SHOWN);
    const reports = GROUPINGS.map((by) => reportOf(inventory, measured, { ...about, by, top }));
    const runs = await runsOf(table);
    isWhole &&= typeof runs !== 'string';
    const page = usagePage({ about: report, reports, shares: sharesOf(inventory, measured), runs });
    await writeWhole(options.html, page, ulid());
  }
  host.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : options.csv ? usageCsv(report) : usageText(report),
  );
  return isWhole ? EXIT.done : EXIT.partial;
}

/** The runs, or why one of them cannot be understood; the rest of the page is worth having all the same. */
async function runsOf(table: Table): Promise<readonly RunItem[] | string> {
  try {
    return await latestRuns(table, RUNS_SHOWN);
  } catch (error) {
    if (error instanceof UnknownItemError) return error.message;
    throw error;
  }
}
