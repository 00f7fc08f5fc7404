/** `reindex`: builds or repairs the metadata from the bucket. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { indexDependencies, rebuildDependencies } from '../../lambdas/dependencies.ts';
import { announce } from '../../lambdas/index/blob-events.ts';
import { reindex } from '../../lambdas/index/reindex.ts';
import type { ReindexReport } from '../../lambdas/index/reindex-report.ts';
import { toReport } from '../../lambdas/rebuild/report.ts';
import { runRebuild } from '../../lambdas/rebuild/run.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { reindexText } from '../output.ts';
import { type Host, Progress } from '../terminal.ts';

interface ReindexOptions {
  readonly inventory?: string;
  readonly json?: boolean;
}

export function addReindex(program: Command, cli: Cli): void {
  const command = program
    .command('reindex')
    .description('build or repair the metadata from the bucket; safe beside a running registry')
    .option(
      '--inventory <s3://bucket/…/manifest.json>',
      'links and blobs from an S3 inventory instead of listings; goes on where it was ended',
    )
    .option('--json', 'print JSON')
    .action(cli.run((host, options: ReindexOptions) => reindexCommand(host, options)));
  withExamples(command, [
    'registry-prune reindex',
    'registry-prune reindex --json',
    'registry-prune reindex --inventory s3://inventories/registry/daily/2026-11-01T01-00Z/manifest.json',
  ]);
  withExitCodes(command, { [EXIT.partial]: 'partial: keys wait for a prune to end; reindex again after it' });
}

async function reindexCommand(host: Host, { inventory, json = false }: ReindexOptions): Promise<number> {
  const progress = new Progress(host);
  const onProgress = ({ phase, done }: { readonly phase: string; readonly done: number }) =>
    progress.update({ label: `reindex: ${phase}`, done });
  const report = await (inventory === undefined
    ? fromListings(host, onProgress)
    : fromInventory(host, inventory, onProgress)
  ).finally(() => progress.clear());
  host.stdout.write(json ? `${JSON.stringify(report)}\n` : reindexText(report));
  return report.postponed > 0 ? EXIT.partial : EXIT.done;
}

type OnProgress = (progress: { readonly phase: string; readonly done: number }) => void;

async function fromListings(host: Host, onProgress: OnProgress): Promise<ReindexReport> {
  const context = indexDependencies(readConfiguration(host.env, new Date()));
  return await reindex(context, { onHealed: (healed) => announce(context, healed), onProgress });
}

async function fromInventory(host: Host, inventory: string, onProgress: OnProgress): Promise<ReindexReport> {
  const on = rebuildDependencies(readConfiguration(host.env, new Date()));
  const onHealed = (healed: Parameters<typeof announce>[1]) => announce(on, healed);
  const { report, durationMs } = await runRebuild(on, { inventory }, { onHealed, onProgress });
  return toReport(report, durationMs);
}
