/** `runs`: the prunes that the table remembers. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { restoreDependencies } from '../../lambdas/dependencies.ts';
import { UnknownRunError } from '../../lambdas/restore/errors.ts';
import { latestRuns, readRun } from '../../lambdas/store/runs.ts';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { thisProcess } from '../process.ts';
import type { Host } from '../terminal.ts';
import { runsText, runText } from '../undo-output.ts';

interface RunsOptions {
  readonly limit: string;
  readonly json?: boolean;
}

const MAX_LIMIT = 10_000;

export function addRuns(program: Command, cli: Cli): void {
  const runs = program.command('runs').description('the prunes that the table remembers, of one year');
  const list = runs
    .command('list', { isDefault: true })
    .description('the newest first')
    .option('--limit <count>', 'how many', '20')
    .option('--json', 'print JSON')
    .action(cli.run((host, options: RunsOptions) => runsCommand(host, options)));
  const show = runs
    .command('show')
    .description('what one did, where its journal is, and until when it can be undone')
    .argument('<runId>', 'as `runs` lists it')
    .option('--json', 'print JSON')
    .action(
      cli.run((host, runId: string, options: { json?: boolean }) => showRunCommand(host, runId, options)),
    );
  withExamples(list, ['registry-prune runs list --limit 5 --json']);
  withExamples(show, ['registry-prune runs show 01KAV3M2Q8Z5N6W4R7T9Y1B3CD --json']);
  withExamples(runs, [
    'registry-prune runs --limit 5',
    'registry-prune runs show 01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  ]);
}

/** Newest first. */
async function runsCommand(host: Host, options: RunsOptions): Promise<number> {
  const limit = /^[0-9]+$/.test(options.limit) ? Number(options.limit) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new UsageError(`--limit is "${options.limit}": allowed are 1 to ${MAX_LIMIT}`);
  }
  const runs = await latestRuns(tableOf(host), limit);
  host.stdout.write(options.json ? `${JSON.stringify(runs)}\n` : runsText(runs));
  return EXIT.done;
}

async function showRunCommand(
  host: Host,
  runId: string,
  options: { readonly json?: boolean },
): Promise<number> {
  const run = await readRun(tableOf(host), runId);
  if (run === undefined) throw new UnknownRunError(runId);
  host.stdout.write(options.json ? `${JSON.stringify(run)}\n` : runText(run));
  return EXIT.done;
}

const tableOf = (host: Host) =>
  restoreDependencies(readConfiguration(host.env, new Date()), thisProcess()).table;
