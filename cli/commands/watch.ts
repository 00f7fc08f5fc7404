/** `watch`: how far the prune is that runs somewhere. */
import type { Status } from '../../lambdas/operations/status.ts';
import type { RunItem } from '../../lambdas/store/runs.ts';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { type OperatorOptions, type Operators, operatorsOf, withFunction } from '../operators.ts';
import { bytes } from '../output.ts';
import { endOnSignal, sleep } from '../process.ts';
import { canErase, type Host, Progress } from '../terminal.ts';
import { runText } from '../undo-output.ts';

interface WatchOptions extends OperatorOptions {
  readonly once?: boolean;
  readonly json?: boolean;
}

/** A run's item tells how far it is every ten seconds (milliseconds). */
const POLL = 2_000;

export function addWatch(program: Command, cli: Cli): void {
  const command = withFunction(
    program
      .command('watch')
      .description('how far the running prune is, until it has ended')
      .option('--once', 'say how it is now, and end')
      .option('--json', 'print a line of JSON for each change'),
  ).action(cli.run((host, options: WatchOptions) => watchCommand(host, options)));
  withExamples(command, ['registry-prune watch', 'registry-prune watch --once --json']);
}

async function watchCommand(host: Host, options: WatchOptions): Promise<number> {
  const operators = operatorsOf(host, options);
  const ending = endOnSignal(host, 'The prune goes on.');
  try {
    return await follow(host, operators, options, ending.signal);
  } finally {
    ending.stop();
  }
}

async function follow(
  host: Host,
  operators: Operators,
  { once, json }: WatchOptions,
  signal: AbortSignal,
): Promise<number> {
  const progress = new Progress(host);
  let runId: string | undefined;
  let said = '';
  for (;;) {
    const status = await operators.call('status', {});
    if (json) {
      const { at: _, ...rest } = status;
      const line = JSON.stringify(rest);
      if (line !== said) host.stdout.write(`${JSON.stringify(status)}\n`);
      said = line;
    } else if (status.lock !== null) {
      if (runId !== status.lock.runId) host.stdout.write(lockText(status));
      said = show(host, progress, status, said);
    }
    if (status.lock === null || once || signal.aborted) {
      progress.clear();
      if (!json && status.lock === null) await sayEnd(host, operators, runId);
      return EXIT.done;
    }
    runId = status.lock.runId;
    await sleep(POLL, signal);
  }
}

function lockText({ lock, run }: Status): string {
  if (lock === null) return '';
  const about = run === null ? '' : ` (${[run.mode, run.trigger].filter(Boolean).join(', ')})`;
  return (
    `Run ${lock.runId}${about} by ${lock.owner}, since ${lock.acquiredAt}; ` +
    `its process ends by ${lock.deadline}, the lock is free by ${lock.expiresAt}\n`
  );
}

/** On a terminal one line that changes; elsewhere a line for each change. */
function show(host: Host, progress: Progress, { run }: Status, said: string): string {
  if (run === null) return said;
  const text = countsOf(run);
  if (canErase(host)) {
    const done = (run.manifests?.['examined'] ?? 0) + (run.blobs?.['examined'] ?? 0);
    progress.update({ label: 'prune', done, text });
    return text;
  }
  if (text !== said) host.stdout.write(`${run.progressAt ?? run.startedAt}: ${text}\n`);
  return text;
}

function countsOf({ manifests = {}, blobs = {}, spaceReclaimed = 0 }: RunItem): string {
  return (
    `${manifests['deleted'] ?? 0} of ${manifests['examined'] ?? 0} manifests, ` +
    `${blobs['deleted'] ?? 0} of ${blobs['examined'] ?? 0} blobs deleted, ${bytes(spaceReclaimed)} reclaimed`
  );
}

async function sayEnd(host: Host, operators: Operators, runId: string | undefined): Promise<void> {
  if (runId === undefined) {
    host.stdout.write('No prune is running.\n');
    return;
  }
  const run = (await operators.call('runs', { limit: 20 })).find((one) => one.runId === runId);
  // An undo holds the lock as well, and is no run.
  host.stdout.write(run === undefined ? 'It has ended.\n' : runText(run));
}
