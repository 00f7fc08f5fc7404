/** `usage`: what would free the most. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { restoreDependencies } from '../../lambdas/dependencies.ts';
import { type Cli, type Command, Option, withExamples } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { thisProcess } from '../process.ts';
import { type Host, Progress } from '../terminal.ts';
import { measure } from '../usage/graph/retained.ts';
import { usageCsv, usageText } from '../usage/output.ts';
import { readInventory } from '../usage/read.ts';
import { GROUPINGS, type Grouping, reportOf } from '../usage/report.ts';

interface UsageOptions {
  readonly by: Grouping;
  readonly top: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly html?: string;
}

const MAX_TOP = 1_000_000;

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
  const { table } = restoreDependencies(configuration, thisProcess());
  const progress = new Progress(host);
  const inventory = await readInventory(table, (rows) =>
    progress.show(`usage: ${rows.toLocaleString('en')} rows read`),
  ).finally(() => progress.clear());
  const measured = measure(inventory);
  const about = { by: options.by, top, bucket: configuration.bucketName, generatedAt };
  const report = reportOf(inventory, measured, about);
  host.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : options.csv ? usageCsv(report) : usageText(report),
  );
  return report.unreadable.rows > 0 ? EXIT.partial : EXIT.done;
}
