/** `restore`: undoes one run. */
import type { RestoreTally } from '../../lambdas/restore/report.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor } from '../exit-codes.ts';
import { type OperatorOptions, operatorsOf, withFunction } from '../operators.ts';
import { bytes } from '../output.ts';
import { confirm, type Host, Progress } from '../terminal.ts';
import { restoreText } from '../undo-output.ts';

interface RestoreOptions extends OperatorOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addRestore(program: Command, cli: Cli): void {
  const command = withFunction(
    program
      .command('restore')
      .description('undo a prune: what it deleted comes back, except tags where a newer one stands')
      .argument('<runId>', 'as `runs` lists it')
      .option('--dry-run', 'report what would come back and change nothing')
      .option('--json', 'print the report as JSON')
      .option('-y, --yes', 'do not ask'),
  ).action(cli.run((host, runId: string, options: RestoreOptions) => restoreCommand(host, runId, options)));
  withExamples(command, [
    'registry-prune restore 01KAV3M2Q8Z5N6W4R7T9Y1B3CD --dry-run',
    'registry-prune restore 01KAV3M2Q8Z5N6W4R7T9Y1B3CD --yes --json',
  ]);
  withExitCodes(command, {
    [EXIT.alreadyRunning]: 'a prune or an undo is already running',
    [EXIT.refused]: 'refused: the run cannot be undone, or not any more',
    [EXIT.partial]: 'partial: something is lost, failed, or waits for the undo of another run',
  });
}

async function restoreCommand(host: Host, runId: string, options: RestoreOptions): Promise<number> {
  const { dryRun = false, json, yes } = options;
  const operators = operatorsOf(host, options);
  const question =
    `This will bring back what run ${runId} deleted from ${operators.place}, ` +
    'except tags where a newer one stands. Continue?';
  if (host.stdin.isTTY && !yes && !dryRun && !(await confirm(host, question))) {
    host.stderr.write('Nothing was restored.\n');
    return EXIT.done;
  }
  const progress = new Progress(host);
  const report = await operators
    .call('restore', { runId, dryRun }, { onRestore: (tally) => progress.show(progressText(tally)) })
    .finally(() => progress.clear());
  host.stdout.write(json ? `${JSON.stringify(report)}\n` : restoreText(report));
  return exitCodeFor(report);
}

const progressText = ({ blobs, manifests, tags }: RestoreTally): string =>
  `restore: ${blobs.restored} blobs (${bytes(blobs.bytes)}), ${manifests.restored} manifests, ${tags.restored} tags came back`;
