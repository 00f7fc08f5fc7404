/** The command line: its commands, and what becomes of their errors. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { historyCommand } from './commands/history.ts';
import { type IndexOptions, indexCommand } from './commands/index.ts';
import { initCommand } from './commands/init.ts';
import { type PruneOptions, pruneCommand } from './commands/prune.ts';
import { reindexCommand } from './commands/reindex.ts';
import { type RestoreOptions, restoreCommand } from './commands/restore.ts';
import { type RunsOptions, runsCommand, showRunCommand } from './commands/runs.ts';
import { describe, EXIT, exitCodeOf } from './exit-codes.ts';
import type { Host } from './terminal.ts';

const ENVIRONMENT = `
Configuration comes from the environment:
  METADATA_TABLE     the DynamoDB table (required)
  REGISTRY_BUCKET    the registry's S3 bucket (required)
  REGISTRY_ROOT      the registry's rootdirectory (default: none)
  EVENT_BUS          where prune events go (default: default)
  JOURNAL_PREFIX     where the journals are, in the bucket (default: registry-prune/journal/)
  HEARTBEAT_PREFIX   where the heartbeats are, in the bucket (default: registry-prune/heartbeat/)
  DEAD_LETTER_QUEUE  URL of the queue of events that could not be indexed (default: none is looked at)
  RESTORE_FUNCTION   the function that removes delete markers (default: this process does)
  UNDO_WINDOW        how long the bucket keeps what was deleted (default: 336h)
  GRACE              rest before anything becomes garbage (default: 24h)
  QUARANTINE         rest before a condemned blob's bytes go (default: 24h)
  MAX_INDEX_LAG      how old the metadata may be (default: 15m)
  DEFAULT_FILTERS    filters of a prune that has none, as JSON (default: {})
  ALLOW_UNVERSIONED  true: delete online though the bucket is not versioned (default: false)
and AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL … as the AWS SDK reads them.`;

const EXIT_CODES = `
Exit codes: 0 done, 1 error, 2 usage, 3 already running, 4 refused, 5 partial.`;

/** Runs one command. @returns the exit code. */
export async function runProgram(args: readonly string[], host: Host): Promise<number> {
  let code: number = EXIT.done;
  const program = new Command('registry-prune')
    .description('docker image prune for a whole registry on S3')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'registry-prune: ')),
    })
    .addHelpText('after', ENVIRONMENT + EXIT_CODES);

  program
    .command('init')
    .description('create the metadata table, or check the one there is')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      code = await initCommand(host, options);
    });

  program
    .command('reindex')
    .description('build or repair the metadata from the bucket; safe beside a running registry')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      code = await reindexCommand(host, options);
    });

  program
    .command('index')
    .description("follow the bucket's events until stopped, and write heartbeats")
    .requiredOption('--queue <url>', "the SQS queue that gets the bucket's events")
    .option('--heartbeat <duration>', 'how often to write a heartbeat; 0 for never', '1m')
    .option('--json', 'print the totals as JSON at the end')
    .action(async (options: IndexOptions) => {
      code = await indexCommand(host, options);
    });

  program
    .command('prune')
    .description('delete untagged or filtered manifests and the blobs nothing needs')
    .option('--filter <name=value>', 'dangling, until, label, label! as in docker image prune', collect, [])
    .option('-a, --all', 'tagged images too, as far as the filters match (dangling=false)')
    .option('--repository <glob>', 'only repositories that match, e.g. "team/*"', collect, [])
    .addOption(
      new Option('--mode <mode>', 'offline: the registry is stopped or read-only; no grace, no quarantine')
        .choices(['online', 'offline'])
        .default('online'),
    )
    .option('--dry-run', 'report what would go and change nothing')
    .option('--json', 'print the report as JSON')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  registry-prune prune --dry-run
  registry-prune prune --filter until=240h --filter label!=keep
  registry-prune prune --all --filter label=stage=review --filter until=720h --repository "team/*"
  registry-prune prune --mode offline --yes --json`,
    )
    .action(async (options: PruneOptions) => {
      code = await pruneCommand(host, options);
    });

  const runs = program.command('runs').description('the prunes that the table remembers, of one year');
  runs
    .command('list', { isDefault: true })
    .description('the newest first')
    .option('--limit <count>', 'how many', '20')
    .option('--json', 'print JSON')
    .action(async (options: RunsOptions) => {
      code = await runsCommand(host, options);
    });
  runs
    .command('show')
    .description('what one did, where its journal is, and until when it can be undone')
    .argument('<runId>')
    .option('--json', 'print JSON')
    .action(async (runId: string, options: { json?: boolean }) => {
      code = await showRunCommand(host, runId, options);
    });

  program
    .command('restore')
    .description('undo a prune: what it deleted comes back, except tags where a newer one stands')
    .argument('<runId>', 'as `runs` lists it')
    .option('--dry-run', 'report what would come back and change nothing')
    .option('--json', 'print the report as JSON')
    .option('-y, --yes', 'do not ask')
    .action(async (runId: string, options: RestoreOptions) => {
      code = await restoreCommand(host, runId, options);
    });

  program
    .command('history')
    .description('when and why a manifest or blob went, and where it is now')
    .argument('<digest>', 'sha256:…')
    .option('--json', 'print JSON')
    .action(async (digest: string, options: { json?: boolean }) => {
      code = await historyCommand(host, digest, options);
    });

  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said it already; help asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    host.stderr.write(`registry-prune: ${describe(error)}\n`);
    return exitCodeOf(error);
  }
}

/** As `package.json` says it. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
