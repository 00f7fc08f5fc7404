/** `unlock`: takes the prune lock away from a run that is certainly over. */
import { hostname } from 'node:os';
import { readConfiguration } from '../../lambdas/configuration.ts';
import { pruneDependencies } from '../../lambdas/dependencies.ts';
import {
  freeAt,
  holderOf,
  UnlockRefusedError,
  unlock,
  type Viewpoint,
} from '../../lambdas/operations/unlock.ts';
import type { LockItem } from '../../lambdas/store/items.ts';
import { heldLock } from '../../lambdas/store/lock.ts';
import { readRun } from '../../lambdas/store/runs.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { thisProcess } from '../process.ts';
import { confirm, type Host } from '../terminal.ts';

interface UnlockOptions {
  readonly force?: boolean;
  readonly run?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function addUnlock(program: Command, cli: Cli): void {
  const command = program
    .command('unlock')
    .description('take the prune lock away from a run that was killed, before its lease ends')
    .option('--force', 'do it: the process that holds it is certainly over')
    .option('--run <runId>', 'only from this run; without a terminal it has to be named')
    .option('--json', 'print JSON')
    .option('-y, --yes', 'do not ask')
    .action(cli.run((host, options: UnlockOptions) => unlockCommand(host, options)));
  withExamples(command, [
    'registry-prune unlock',
    'registry-prune unlock --force',
    'registry-prune unlock --force --run 01KAV3M2Q8Z5N6W4R7T9Y1B3CD --yes',
  ]);
  withExitCodes(command, {
    [EXIT.refused]: 'the lock stays: its holder may be alive, or it is not the one meant',
  });
}

async function unlockCommand(host: Host, options: UnlockOptions): Promise<number> {
  const { force, run, json } = options;
  const configuration = readConfiguration(host.env, new Date());
  const { table } = pruneDependencies(configuration, thisProcess());
  const lock = await heldLock(table, Date.now());
  if (lock === undefined) {
    const none = { unlocked: false, freeAt: null };
    host.stdout.write(json ? `${JSON.stringify(none)}\n` : 'Nobody holds the prune lock.\n');
    return EXIT.done;
  }
  if (run !== undefined && run !== lock.runId) {
    throw new UnlockRefusedError(`the lock is held by run ${lock.runId}, not by ${run}; nothing was done`);
  }
  if (!force) {
    throw new UnlockRefusedError(`${holderOf(lock)}; if its process is certainly over: unlock --force`);
  }
  // Before the question, so that nobody is asked what is refused anyway.
  freeAt(lock, await readRun(table, lock.runId), HERE);
  await sure(host, lock, options);
  const free = new Date(await unlock(table, lock, HERE)).toISOString();
  host.stdout.write(
    json
      ? `${JSON.stringify({ unlocked: true, freeAt: free })}\n`
      : `The lock was taken from run ${lock.runId}; it is free from ${free} on.\n`,
  );
  return EXIT.done;
}

const HERE: Viewpoint = { now: Date.now, hostname: hostname(), isAlive };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

async function sure(host: Host, lock: LockItem, { run, yes }: UnlockOptions): Promise<void> {
  if (!host.stdin.isTTY) {
    if (run !== undefined) return;
    throw new UsageError(`without a terminal the run has to be named: unlock --force --run ${lock.runId}`);
  }
  const question =
    `${holderOf(lock)}. If that process is alive, images can be lost. Is it certainly over, and is the lock to be ` +
    'taken away?';
  if (yes || (await confirm(host, question))) return;
  throw new UnlockRefusedError('the lock stays where it is');
}
