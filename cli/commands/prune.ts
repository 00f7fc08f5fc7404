/** `prune`: one run, from this process. */
import { hostname, userInfo } from 'node:os';
import { type Configuration, readConfiguration } from '../../lambdas/configuration.ts';
import { pruneDependencies } from '../../lambdas/dependencies.ts';
import { parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';
import { prune } from '../../lambdas/prune/engine.ts';
import type { Tally } from '../../lambdas/prune/report.ts';
import { type PruneRequest, parsePruneRequest } from '../../lambdas/prune/request.ts';
import { EXIT, exitCodeFor, UsageError } from '../exit-codes.ts';
import { bytes, reportText } from '../output.ts';
import { confirm, type Host, Progress } from '../terminal.ts';

export interface PruneOptions {
  readonly filter: readonly string[];
  readonly all?: boolean;
  readonly repository: readonly string[];
  readonly mode: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** A slice of a run from the command line; the lock's lease is taken forward with each (milliseconds). */
const SLICE = 15 * 60_000;

export async function pruneCommand(host: Host, options: PruneOptions): Promise<number> {
  const now = new Date();
  const configuration = readConfiguration(host.env, now);
  const request = parsePruneRequest(payloadOf(options, configuration.defaultFilters, now), now, {
    filters: configuration.defaultFilters,
    trigger: 'cli',
  });
  for (const line of warningsOf(configuration, request))
    host.stderr.write(`registry-prune: warning: ${line}\n`);
  const asks = host.stdin.isTTY && !options.yes && !request.dryRun;
  if (asks && !(await confirm(host, warning(configuration, request)))) {
    host.stderr.write('Nothing was deleted.\n');
    return EXIT.done;
  }

  const progress = new Progress(host);
  const ending = endOnSignal(host);
  const deadlines = new Deadlines();
  const owner = `${userInfo().username}@${hostname()} pid ${process.pid}`;
  try {
    const report = await prune(
      {
        ...pruneDependencies(configuration, owner),
        signal: ending.signal,
        onProgress: (tally) => progress.show(progressText(tally)),
      },
      request,
      deadlines,
    );
    progress.clear();
    host.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
    return exitCodeFor(report);
  } finally {
    progress.clear();
    deadlines.stop();
    ending.stop();
  }
}

/** The same payload that the function takes. */
export function payloadOf(options: PruneOptions, defaults: string | undefined, now: Date): object {
  const { filter, all, repository, mode, dryRun } = options;
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

function progressText({ manifests, blobs, spaceReclaimed }: Tally): string {
  return (
    `prune: ${manifests.examined} manifests examined, ${manifests.deleted} deleted; ` +
    `${blobs.examined} blobs examined, ${blobs.deleted} deleted; ${bytes(spaceReclaimed)} reclaimed`
  );
}

/** Ctrl-C ends the batch under way, publishes what was done, and gives the lock back. */
function endOnSignal(host: Host): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const end = () => {
    host.stderr.write('\nEnding after the batch under way …\n');
    controller.abort();
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
    },
  };
}

/**
 * One slice after the other, each with a deadline at which the process ends itself: whoever waits for the lock
 * relies on it (protocol, "one run at a time").
 */
class Deadlines implements Iterable<number> {
  #timer: NodeJS.Timeout | undefined;

  *[Symbol.iterator](): Iterator<number> {
    for (;;) {
      this.stop();
      this.#timer = setTimeout(() => {
        process.stderr.write('registry-prune: the deadline of this run has passed; ending at once\n');
        process.exit(EXIT.error);
      }, SLICE);
      yield Date.now() + SLICE;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
