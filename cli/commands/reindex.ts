/** `reindex`: builds or repairs the metadata from the bucket. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { indexDependencies } from '../../lambdas/dependencies.ts';
import { announce } from '../../lambdas/index/blob-events.ts';
import { reindex } from '../../lambdas/index/reindex.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { reindexText } from '../output.ts';
import { type Host, Progress } from '../terminal.ts';

export function addReindex(program: Command, cli: Cli): void {
  const command = program
    .command('reindex')
    .description('build or repair the metadata from the bucket; safe beside a running registry')
    .option('--json', 'print JSON')
    .action(cli.run((host, options: { json?: boolean }) => reindexCommand(host, options)));
  withExamples(command, ['registry-prune reindex', 'registry-prune reindex --json']);
  withExitCodes(command, { [EXIT.partial]: 'partial: keys wait for a prune to end; reindex again after it' });
}

async function reindexCommand(host: Host, options: { readonly json?: boolean }): Promise<number> {
  const context = indexDependencies(readConfiguration(host.env, new Date()));
  const progress = new Progress(host);
  const report = await reindex(context, {
    onHealed: (healed) => announce(context, healed),
    onProgress: ({ phase, done }) => progress.update({ label: `reindex: ${phase}`, done }),
  }).finally(() => progress.clear());
  host.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reindexText(report));
  return report.postponed > 0 ? EXIT.partial : EXIT.done;
}
