/** `restore`: undoes one run, from this process. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { restoreDependencies } from '../../lambdas/dependencies.ts';
import type { RestoreTally } from '../../lambdas/restore/report.ts';
import { restoreRun } from '../../lambdas/restore/run.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor } from '../exit-codes.ts';
import { bytes } from '../output.ts';
import { Deadlines, endOnSignal, thisProcess } from '../process.ts';
import { confirm, type Host, Progress } from '../terminal.ts';
import { restoreText } from '../undo-output.ts';

interface RestoreOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addRestore(program: Command, cli: Cli): void {
  const command = program
    .command('restore')
    .description('undo a prune: what it deleted comes back, except tags where a newer one stands')
    .argument('<runId>', 'as `runs` lists it')
    .option('--dry-run', 'report what would come back and change nothing')
    .option('--json', 'print the report as JSON')
    .option('-y, --yes', 'do not ask')
    .action(cli.run((host, runId: string, options: RestoreOptions) => restoreCommand(host, runId, options)));
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
  const configuration = readConfiguration(host.env, new Date());
  const question =
    `This will bring back what run ${runId} deleted from bucket ${configuration.bucketName}, ` +
    'except tags where a newer one stands. Continue?';
  if (host.stdin.isTTY && !yes && !dryRun && !(await confirm(host, question))) {
    host.stderr.write('Nothing was restored.\n');
    return EXIT.done;
  }
  const progress = new Progress(host);
  const ending = endOnSignal(host, 'Ending after what is under way …');
  const deadlines = new Deadlines();
  try {
    const report = await restoreRun(
      {
        ...restoreDependencies(configuration, thisProcess()),
        signal: ending.signal,
        onProgress: (tally) => progress.show(progressText(tally)),
      },
      runId,
      { dryRun, deadlines },
    );
    progress.clear();
    host.stdout.write(json ? `${JSON.stringify(report)}\n` : restoreText(report));
    return exitCodeFor(report);
  } finally {
    progress.clear();
    deadlines.stop();
    ending.stop();
  }
}

const progressText = ({ blobs, manifests, tags }: RestoreTally): string =>
  `restore: ${blobs.restored} blobs (${bytes(blobs.bytes)}), ${manifests.restored} manifests, ${tags.restored} tags came back`;
