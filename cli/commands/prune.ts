/** `prune`: one run, from this process. */
import { type Configuration, readConfiguration } from '../../lambdas/configuration.ts';
import { pruneDependencies } from '../../lambdas/dependencies.ts';
import { parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import type { Tally } from '../../lambdas/prune/report.ts';
import { type PruneRequest, parsePruneRequest } from '../../lambdas/prune/request.ts';
import { type Cli, type Command, Option, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor, UsageError } from '../exit-codes.ts';
import { bytes, reportText } from '../output.ts';
import { Deadlines, endOnSignal, thisProcess } from '../process.ts';
import type { Amount } from '../progress.ts';
import { complain, confirm, type Host, Progress, painter } from '../terminal.ts';

interface PruneOptions {
  readonly filter?: readonly string[];
  readonly all?: boolean;
  readonly repository?: readonly string[];
  readonly mode: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addPrune(program: Command, cli: Cli): void {
  const command = program
    .command('prune')
    .description('delete untagged or filtered manifests and the blobs nothing needs')
    .option('--filter <name=value>', 'dangling, until, label, label! as in docker image prune', collect)
    .option('-a, --all', 'tagged images too, as far as the filters match (dangling=false)')
    .option('--repository <glob>', 'only repositories that match, e.g. "team/*"', collect)
    .addOption(
      new Option('--mode <mode>', 'offline: the registry is stopped or read-only; no grace, no quarantine')
        .choices(['online', 'offline'])
        .default('online'),
    )
    .option('--dry-run', 'report what would go and change nothing')
    .option('--json', 'print the report as JSON')
    .option('-y, --yes', 'do not ask')
    .action(cli.run((host, options: PruneOptions) => pruneCommand(host, options)));
  withExamples(command, [
    'registry-prune prune --dry-run',
    'registry-prune prune --filter until=240h --filter label!=keep',
    'registry-prune prune --all --filter label=stage=review --filter until=720h --repository "team/*"',
    'registry-prune prune --mode offline --yes --json',
  ]);
  withExitCodes(command, {
    [EXIT.alreadyRunning]: 'a prune or an undo is already running',
    [EXIT.refused]:
      'refused: the metadata is stale, events could not be indexed, or pushes arrived in an offline run',
    [EXIT.partial]: 'partial: out of time, interrupted, or some deletions or the event failed',
  });
}

async function pruneCommand(host: Host, options: PruneOptions): Promise<number> {
  const now = new Date();
  const configuration = readConfiguration(host.env, now);
  const request = parsePruneRequest(payloadOf(options, configuration.defaultFilters, now), now, {
    filters: configuration.defaultFilters,
    trigger: 'cli',
  });
  for (const line of warningsOf(configuration, request)) complain(host, `warning: ${line}`, 'refusal');
  const asks = host.stdin.isTTY && !options.yes && !request.dryRun;
  if (asks && !(await confirm(host, warning(configuration, request)))) {
    host.stderr.write('Nothing was deleted.\n');
    return EXIT.done;
  }

  const progress = new Progress(host);
  const ending = endOnSignal(host, 'Ending after the batch under way …');
  const deadlines = new Deadlines();
  try {
    const report = await prune(
      {
        ...pruneDependencies(configuration, thisProcess()),
        signal: ending.signal,
        onProgress: (tally) => progress.update(progressOf(tally)),
      },
      request,
      deadlines,
    );
    progress.clear();
    host.stdout.write(
      options.json ? `${JSON.stringify(report)}\n` : reportText(report, painter(host.stdout)),
    );
    return exitCodeFor(report);
  } finally {
    progress.clear();
    deadlines.stop();
    ending.stop();
  }
}

/** The same payload that the function takes. */
function payloadOf(options: PruneOptions, defaults: string | undefined, now: Date): object {
  const { filter = [], all, repository = [], mode, dryRun } = options;
  const filters: Record<string, string[]> = Object.create(null);
  for (const argument of filter) {
    // As Docker's command line reads them: split at the first `=`, the name in lower case.
    const at = argument.indexOf('=');
    if (at < 1) throw new UsageError(`invalid argument "${argument}" for --filter: it must be name=value`);
    const name = argument.slice(0, at).trim().toLowerCase();
    filters[name] = [...(filters[name] ?? []), argument.slice(at + 1).trim()];
  }
  if (all) {
    // By itself it widens the default filters and does not replace them: what they protect stays protected.
    if (filter.length === 0)
      Object.assign(filters, { ...parsePruneFilters(defaults, now).toJSON(), dangling: [] });
    filters['dangling'] = [...(filters['dangling'] ?? []), 'false'];
  }
  return {
    ...(Object.keys(filters).length === 0 ? {} : { filters: { ...filters } }),
    ...(repository.length === 0 ? {} : { repositories: repository }),
    mode,
    dryRun: dryRun === true,
  };
}

/** Times that are allowed, since one may know better, and unsafe beside pushes. */
function warningsOf({ grace, quarantine, maxIndexLag }: Configuration, { mode }: PruneRequest): string[] {
  if (mode === 'offline') return [];
  return Object.entries({ GRACE: grace, QUARANTINE: quarantine }).flatMap(([name, milliseconds]) =>
    milliseconds < maxIndexLag
      ? [
          `${name} is ${milliseconds / 1000} s, less than MAX_INDEX_LAG (${maxIndexLag / 1000} s): a push may be missed`,
        ]
      : [],
  );
}

function warning({ bucketName }: Configuration, request: PruneRequest): string {
  const what = request.filters.dangling ? 'all untagged manifests' : 'all manifests, tagged or not,';
  const where = request.repositories.length === 0 ? '' : ` in ${request.repositories.join(', ')}`;
  const filters = JSON.stringify(request.filters.toJSON());
  const offline =
    request.mode === 'offline' ? ' The registry must be stopped or read-only: there is no grace time.' : '';
  return (
    `WARNING! This will delete ${what} that match ${filters}${where}, and the blobs nothing needs, ` +
    `from bucket ${bucketName}.${offline} Continue?`
  );
}

/** @param total manifests and blobs that the run will look at, if that is known. */
const progressOf = ({ manifests, blobs, spaceReclaimed }: Tally, total?: number): Amount => ({
  label: 'prune',
  done: manifests.examined + blobs.examined,
  total,
  text: `${bytes(spaceReclaimed)} reclaimed`,
});

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
