/** `prune`: one run, by this process or by the deployed function. */
import type { Configuration } from '../../lambdas/configuration.ts';
import { type PruneRequest, parsePruneRequest } from '../../lambdas/prune/request.ts';
import type { Tally } from '../../lambdas/prune/tally.ts';
import { countDue } from '../../lambdas/store/queue.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, exitCodeFor, UsageError } from '../exit-codes.ts';
import { type FilterOptions, filterFields, withFilters } from '../filter-options.ts';
import {
  type OperatorOptions,
  type Operators,
  operatorsOf,
  type Watching,
  withFunction,
} from '../operators.ts';
import { bytes, reportText } from '../output.ts';
import type { Amount } from '../progress.ts';
import { canErase, complain, confirm, type Host, Progress, painter } from '../terminal.ts';

interface PruneOptions extends FilterOptions, OperatorOptions {
  readonly dryRun?: boolean;
  readonly confirm?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addPrune(program: Command, cli: Cli): void {
  const command = withFunction(
    withFilters(
      program
        .command('prune')
        .description('delete untagged or filtered manifests and the blobs nothing needs'),
    )
      .option('--dry-run', 'report what would go and change nothing')
      .option('--confirm <share>', 'the share that may go where a run is refused for too much, e.g. 96%')
      .option('--json', 'print the report as JSON')
      .option('-y, --yes', 'do not ask'),
  ).action(cli.run((host, options: PruneOptions) => pruneCommand(host, options)));
  withExamples(command, [
    'registry-prune prune --dry-run',
    'registry-prune prune --filter until=240h --filter label!=keep',
    'registry-prune prune --all --filter label=stage=review --filter until=720h --repository "team/*"',
    'registry-prune prune --mode offline --yes --json',
    'registry-prune prune --function registry-prune-prune --yes',
  ]);
  withExitCodes(command, {
    [EXIT.alreadyRunning]: 'a prune or an undo is already running',
    [EXIT.refused]:
      'refused: the metadata is stale, events could not be indexed, pushes arrived in an offline run, or too much ' +
      'would go',
    [EXIT.partial]: 'partial: out of time, interrupted, or some deletions or the event failed',
  });
}

async function pruneCommand(host: Host, options: PruneOptions): Promise<number> {
  const { dryRun = false, json, yes } = options;
  const fields = { ...filterFields(options), dryRun, ...confirmField(options.confirm) };
  const operators = operatorsOf(host, options);
  const { configuration } = operators;
  const request = requestOf(fields, configuration);
  for (const line of warningsOf(configuration, request)) complain(host, `warning: ${line}`, 'refusal');
  if (host.stdin.isTTY && !yes && !dryRun && !(await confirm(host, question(operators, request, fields)))) {
    host.stderr.write('Nothing was deleted.\n');
    return EXIT.done;
  }
  const report = await withProgress(host, 'prune', dueIn(operators, request.mode), (onPrune) =>
    operators.call('prune', fields, { onPrune }),
  );
  host.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report, painter(host.stdout)));
  return exitCodeFor(report);
}

/** The request, as far as it can be known here: a function has default filters of its own. */
const requestOf = (fields: object, configuration: Configuration | undefined): PruneRequest =>
  parsePruneRequest(fields, new Date(), { filters: configuration?.defaultFilters, trigger: 'cli' });

/** `96%`, or `96`. */
function confirmField(share: string | undefined): { readonly confirm?: number } {
  if (share === undefined) return {};
  const percent = /^\d{1,3}(\.\d+)?%?$/.test(share) ? Number(share.replace('%', '')) : Number.NaN;
  if (percent >= 1 && percent <= 100) return { confirm: percent };
  throw new UsageError(`--confirm is "${share}": allowed are 1% to 100%`);
}

/** Counts what there is to look at, for a guess at the time that remains. */
export type Estimate = (signal: AbortSignal) => Promise<number | undefined>;

/** What is due, while the run is under way. */
export const dueIn =
  ({ shelf }: Operators, mode: string): Estimate =>
  async (signal) => {
    const until = mode === 'offline' ? Number.MAX_SAFE_INTEGER : Date.now();
    return shelf && (await countDue(shelf.table, ['manifest', 'blob'], until, signal));
  };

/** Shows how far a run of this process is, on a terminal. */
export async function withProgress<T>(
  host: Host,
  label: string,
  estimate: Estimate,
  run: (onProgress: NonNullable<Watching['onPrune']>) => Promise<T>,
): Promise<T> {
  const progress = new Progress(host);
  const counting = new AbortController();
  let total: number | undefined;
  if (canErase(host)) {
    estimate(counting.signal).then(
      (count) => {
        total = count;
      },
      // The run meets the same trouble, and tells of it.
      () => {},
    );
  }
  try {
    return await run((tally, of) => {
      const amount = amountOf(tally, label, total);
      progress.update(of === 'run' ? amount : { ...amount, label: `${label}: how much would go`, text: '' });
    });
  } finally {
    counting.abort();
    progress.clear();
  }
}

/** Times that are allowed, since one may know better, and unsafe beside pushes. */
function warningsOf(configuration: Configuration | undefined, { mode }: PruneRequest): string[] {
  if (configuration === undefined || mode === 'offline') return [];
  const { grace, quarantine, maxIndexLag } = configuration;
  return Object.entries({ GRACE: grace, QUARANTINE: quarantine }).flatMap(([name, milliseconds]) =>
    milliseconds < maxIndexLag
      ? [
          `${name} is ${milliseconds / 1000} s, less than MAX_INDEX_LAG (${maxIndexLag / 1000} s): a push may be missed`,
        ]
      : [],
  );
}

function question({ place, configuration }: Operators, request: PruneRequest, fields: object): string {
  const where = request.repositories.length === 0 ? '' : ` in ${request.repositories.join(', ')}`;
  const known = configuration !== undefined || 'filters' in fields;
  const untagged = known ? 'all untagged manifests' : 'all manifests';
  const what = request.filters.dangling ? untagged : 'all manifests, tagged or not,';
  const filters = known ? JSON.stringify(request.filters.toJSON()) : "the function's own filters";
  const offline =
    request.mode === 'offline' ? ' The registry must be stopped or read-only: there is no grace time.' : '';
  return (
    `WARNING! This will delete ${what} that match ${filters}${where}, and the blobs nothing needs, ` +
    `from ${place}.${offline} Continue?`
  );
}

/** @param total manifests and blobs that the run will look at, if that is known. */
const amountOf = (
  { manifests, blobs, spaceReclaimed }: Tally,
  label: string,
  total: number | undefined,
): Amount => ({
  label,
  done: manifests.examined + blobs.examined,
  total,
  text: `${bytes(spaceReclaimed)} reclaimed`,
});
