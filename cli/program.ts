/** The command line: its commands, and what becomes of their errors. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { addApply } from './commands/apply.ts';
import { addCompletion } from './commands/completion.ts';
import { addHistory } from './commands/history.ts';
import { addIndex } from './commands/index.ts';
import { addInit } from './commands/init.ts';
import { addPlan } from './commands/plan.ts';
import { addPrune } from './commands/prune.ts';
import { addReindex } from './commands/reindex.ts';
import { addRestore } from './commands/restore.ts';
import { addRuns } from './commands/runs.ts';
import { addUnlock } from './commands/unlock.ts';
import { addUsage } from './commands/usage.ts';
import { addWatch } from './commands/watch.ts';
import { addWhy } from './commands/why.ts';
import { describe } from './errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { complain, type Host } from './terminal.ts';

const ENVIRONMENT = `
Configuration comes from the environment:
  METADATA_TABLE     the DynamoDB table (required)
  REGISTRY_BUCKET    the registry's S3 bucket (required)
  REGISTRY_ROOT      the registry's rootdirectory (default: none)
  EVENT_BUS          where prune events go (default: default)
  JOURNAL_PREFIX     where the journals are, in the bucket (default: registry-prune/journal/)
  HEARTBEAT_PREFIX   where the heartbeats are, in the bucket (default: registry-prune/heartbeat/)
  PLAN_PREFIX        where functions keep plans, in the bucket (default: registry-prune/plans/)
  REINDEX_PREFIX     where rebuilds in units leave their files, in the bucket (default: registry-prune/reindex/)
  DEAD_LETTER_QUEUE  URL of the queue of events that could not be indexed (default: none is looked at)
  RESTORE_FUNCTION   the function that removes delete markers (default: this process does)
  UNDO_WINDOW        how long the bucket keeps what was deleted (default: 336h)
  GRACE              rest before anything becomes garbage (default: 24h)
  QUARANTINE         rest before a condemned blob's bytes go (default: 24h)
  MAX_INDEX_LAG      how old the metadata may be (default: 15m)
  MAX_MANIFEST_SHARE how much of a repository's manifests a run may take unconfirmed (default: 50%)
  MAX_BYTE_SHARE     how much of the bytes of all blobs, likewise (default: 50%)
  DEFAULT_FILTERS    filters of a prune that has none, as JSON (default: {})
  ALLOW_UNVERSIONED  true: delete online though the bucket is not versioned (default: false)
and AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL … as the AWS SDK reads them.`;

const EXIT_CODES = `

Exit codes: 0 done, 1 error, 2 usage, 3 already running, 4 refused, 5 partial.`;

/** In the order in which the help lists them; the completion, which is made of the others, is the last. */
const COMMANDS = [
  ...[addInit, addReindex, addIndex, addPlan, addApply, addPrune, addWatch, addUnlock, addWhy, addUsage],
  ...[addRuns, addRestore, addHistory, addCompletion],
];

/** The whole command tree. @param onEnd is told the exit code of the command that ran. */
export function makeProgram(host: Host, onEnd: (code: number) => void): Command {
  const program = new Command('registry-prune')
    .description('docker image prune for a whole registry on S3')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => widthOf(host.stdout),
      getErrHelpWidth: () => widthOf(host.stderr),
    })
    .addHelpText('after', ENVIRONMENT + EXIT_CODES);

  const cli: Cli = {
    host,
    run:
      (action) =>
      async (...rest) => {
        onEnd(await action(host, ...rest));
      },
  };
  for (const add of COMMANDS) add(program, cli);
  complainInOneLine(program, 'registry-prune', host);
  return program;
}

/** Runs one command. @returns the exit code. */
export async function runProgram(args: readonly string[], host: Host): Promise<number> {
  let code: number = EXIT.done;
  const program = makeProgram(host, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said it already; help asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const exit = exitCodeOf(error);
    complain(host, describe(error), REFUSALS.includes(exit) ? 'refusal' : 'error');
    return exit;
  }
}

/** Nothing went wrong; it is not to be done now. */
const REFUSALS: readonly number[] = [EXIT.alreadyRunning, EXIT.refused];

/** Narrower than this, help cannot be read any more; without a terminal it has Commander's width. */
const MIN_WIDTH = 40;
const widthOf = ({ isTTY, columns }: NodeJS.WriteStream): number =>
  isTTY && columns ? Math.max(columns, MIN_WIDTH) : 80;

/** What Commander says of arguments it does not take, with what to do. */
function complainInOneLine(command: Command, path: string, host: Host): void {
  command.configureOutput({
    outputError: (text) => {
      const said = text.replace(/^error: /, '').trim();
      const helped = /\(Did you mean|Allowed choices/.test(said);
      const line = said.replace(/\n\(Did you mean (.*)\)$/, '; did you mean $1');
      complain(host, helped ? line : `${line.replace(/\.$/, '')}; see ${path} --help`, 'error');
    },
  });
  for (const child of command.commands) complainInOneLine(child, `${path} ${child.name()}`, host);
}

/** As `package.json` says it. */
function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String(JSON.parse(text).version);
}
