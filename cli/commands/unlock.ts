/** `unlock`: takes the prune lock away from a run that is certainly over. */
import { hostname } from 'node:os';
import { readConfiguration } from '../../lambdas/configuration.ts';
import { operatorDependencies } from '../../lambdas/dependencies.ts';
import { type LockItem, lockKey, toLock } from '../../lambdas/store/items.ts';
import { forceUnlock, SKEW, UNLOCK_REST } from '../../lambdas/store/lock.ts';
import { readRun } from '../../lambdas/store/runs.ts';
import type { Table } from '../../lambdas/store/table.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { thisProcess } from '../process.ts';
import { confirm, type Host } from '../terminal.ts';

/** The lock stays with its run: it may be alive. */
export class UnlockRefusedError extends Error {
  override readonly name = 'UnlockRefusedError';
}

interface UnlockOptions {
  readonly force?: boolean;
  readonly run?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** A run tells how far it is every ten seconds; one that has not for so long is not at work (milliseconds). */
const SILENCE = 2 * 60_000;

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
  const { table } = operatorDependencies(configuration, thisProcess()).prune;
  const item = await table.get(lockKey);
  const lock = item && toLock(item);
  if (lock === undefined || lock.expiresAt < Date.now()) {
    host.stdout.write(
      json ? `${JSON.stringify({ unlocked: false, freeAt: null })}\n` : 'Nobody holds the prune lock.\n',
    );
    return EXIT.done;
  }
  if (run !== undefined && run !== lock.runId) {
    throw new UnlockRefusedError(`the lock is held by run ${lock.runId}, not by ${run}; nothing was done`);
  }
  if (!force)
    throw new UnlockRefusedError(`${holderOf(lock)}; if its process is certainly over: unlock --force`);
  await refuseIfAlive(table, lock);
  await sure(host, lock, options);
  if (!(await forceUnlock(table, Date.now(), lock))) {
    throw new UnlockRefusedError('the lock has changed hands meanwhile; nothing was done');
  }
  const freeAt = new Date(Date.now() + UNLOCK_REST).toISOString();
  host.stdout.write(
    json
      ? `${JSON.stringify({ unlocked: true, freeAt })}\n`
      : `The lock was taken from run ${lock.runId}; it is free from ${freeAt} on.\n`,
  );
  return EXIT.done;
}

const holderOf = ({ runId, owner, expiresAt }: LockItem): string =>
  `run ${runId} by ${owner} holds the lock, until ${new Date(expiresAt).toISOString()} at the latest`;

/**
 * Once the run's deadline has passed, nothing can be signed any more. Before that its process must be over, and what can
 * be seen of it must not say the contrary: S3 deletes carry no fence (protocol, "one run at a time").
 */
async function refuseIfAlive(table: Table, lock: LockItem): Promise<void> {
  const now = Date.now();
  if (lock.expiresAt - SKEW <= now) return;
  const [, host, pid] = /@(\S+) pid (\d+)/.exec(lock.owner) ?? [];
  if (host === hostname() && isAlive(Number(pid))) {
    throw new UnlockRefusedError(
      `${holderOf(lock)}, and process ${pid} is alive on this machine: end it with \`kill -INT ${pid}\``,
    );
  }
  const run = await readRun(table, lock.runId);
  const seen = Math.max(Date.parse(run?.progressAt ?? run?.startedAt ?? '') || 0, lock.acquiredAt);
  if (now - seen < SILENCE) {
    const seconds = Math.round((now - seen) / 1000);
    throw new UnlockRefusedError(
      `${holderOf(lock)}, and it was at work ${seconds} s ago: try again when it has been silent for ${SILENCE / 1000} s`,
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

async function sure(host: Host, lock: LockItem, options: Pick<UnlockOptions, 'run' | 'yes'>): Promise<void> {
  if (!host.stdin.isTTY) {
    if (options.run !== undefined) return;
    throw new UsageError(`without a terminal the run has to be named: unlock --force --run ${lock.runId}`);
  }
  const question =
    `${holderOf(lock)}. If that process is alive, images can be lost. Is it certainly over, and is the lock to be ` +
    'taken away?';
  if (options.yes || (await confirm(host, question))) return;
  throw new UnlockRefusedError('the lock stays where it is');
}
