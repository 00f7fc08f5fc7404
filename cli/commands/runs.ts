/** `runs`: the prunes that the table remembers. */
import { MAX_RUNS } from '../../lambdas/operations/payload.ts';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { type OperatorOptions, operatorsOf, withFunction } from '../operators.ts';
import type { Host } from '../terminal.ts';
import { runsText, runText } from '../undo-output.ts';

interface RunOptions extends OperatorOptions {
  readonly json?: boolean;
}

interface RunsOptions extends RunOptions {
  readonly limit: string;
}

export function addRuns(program: Command, cli: Cli): void {
  const runs = program.command('runs').description('the prunes that the table remembers, of one year');
  const all = withFunction(
    runs
      .command('list', { isDefault: true })
      .description('the newest first')
      .option('--limit <count>', 'how many', '20')
      .option('--json', 'print JSON'),
  ).action(cli.run((host, options: RunsOptions) => runsCommand(host, options)));
  const one = withFunction(
    runs
      .command('show')
      .description('what one did, where its journal is, and until when it can be undone')
      .argument('<runId>', 'as `runs` lists it')
      .option('--json', 'print JSON'),
  ).action(cli.run((host, runId: string, options: RunOptions) => showRunCommand(host, runId, options)));
  const examples = [
    'registry-prune runs list --limit 5',
    'registry-prune runs show 01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  ] as const;
  withExamples(runs, examples);
  withExamples(all, [examples[0]]);
  withExamples(one, [examples[1]]);
}

/** Newest first. */
async function runsCommand(host: Host, options: RunsOptions): Promise<number> {
  const limit = /^[0-9]+$/.test(options.limit) ? Number(options.limit) : 0;
  if (limit < 1 || limit > MAX_RUNS) {
    throw new UsageError(`--limit is "${options.limit}": allowed are 1 to ${MAX_RUNS}`);
  }
  const runs = await operatorsOf(host, options).call('runs', { limit });
  host.stdout.write(options.json ? `${JSON.stringify(runs)}\n` : runsText(runs));
  return EXIT.done;
}

async function showRunCommand(host: Host, runId: string, options: RunOptions): Promise<number> {
  const run = await operatorsOf(host, options).call('run', { runId });
  host.stdout.write(options.json ? `${JSON.stringify(run)}\n` : runText(run));
  return EXIT.done;
}
