/** The options by which a command says which images it is about. */
import { type Command, Option } from './cli.ts';
import { UsageError } from './exit-codes.ts';

export interface FilterOptions {
  readonly filter?: readonly string[];
  readonly all?: boolean;
  readonly repository?: readonly string[];
  readonly mode: string;
}

/** @example withFilters(program.command('prune')) */
export function withFilters(command: Command): Command {
  return command
    .option('--filter <name=value>', 'dangling, until, label, label! as in docker image prune', collect)
    .option('-a, --all', 'tagged images too, as far as the filters match (dangling=false)')
    .option('--repository <glob>', 'only repositories that match, e.g. "team/*"', collect)
    .addOption(
      new Option('--mode <mode>', 'offline: the registry is stopped or read-only; no grace, no quarantine')
        .choices(['online', 'offline'])
        .default('online'),
    );
}

/**
 * The same fields that the function takes.
 *
 * @throws UsageError for a filter that is no `name=value`.
 */
export function filterFields({ filter = [], all, repository = [], mode }: FilterOptions): object {
  const filters: Record<string, string[]> = Object.create(null);
  for (const argument of filter) {
    // As Docker's command line reads them: split at the first `=`, the name in lower case.
    const at = argument.indexOf('=');
    if (at < 1) throw new UsageError(`invalid argument "${argument}" for --filter: it must be name=value`);
    const name = argument.slice(0, at).trim().toLowerCase();
    filters[name] = [...(filters[name] ?? []), argument.slice(at + 1).trim()];
  }
  return {
    ...(filter.length === 0 ? {} : { filters: { ...filters } }),
    ...(all ? { all: true } : {}),
    ...(repository.length === 0 ? {} : { repositories: repository }),
    mode,
  };
}

export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
