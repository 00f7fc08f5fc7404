/** `index`: the indexer outside Lambda, until it is stopped. */
import { queueUrl, readConfiguration } from '../../lambdas/configuration.ts';
import { heartbeatWriter, indexerDependencies } from '../../lambdas/dependencies.ts';
import { parseGoDuration } from '../../lambdas/filters/go-duration.ts';
import type { BatchResult } from '../../lambdas/index/batch.ts';
import { pollQueue } from '../../lambdas/index/poll.ts';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { describe } from '../errors.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { endOnSignal, sleep } from '../process.ts';
import { complain, type Host } from '../terminal.ts';

interface IndexOptions {
  readonly queue: string;
  /** A Go duration; 0 writes none. */
  readonly heartbeat: string;
  readonly json?: boolean;
}

export function addIndex(program: Command, cli: Cli): void {
  const command = program
    .command('index')
    .description("follow the bucket's events until stopped, and write heartbeats")
    .requiredOption('--queue <url>', "the SQS queue that gets the bucket's events")
    .option('--heartbeat <duration>', 'how often to write a heartbeat; 0 for never', '1m')
    .option('--json', 'print the totals as JSON at the end')
    .action(cli.run((host, options: IndexOptions) => indexCommand(host, options)));
  withExamples(command, [
    'registry-prune index --queue https://sqs.<region>.<domain>/<account>/registry-events',
  ]);
}

async function indexCommand(host: Host, options: IndexOptions): Promise<number> {
  const url = checkedQueue(options.queue);
  const every = heartbeatInterval(options.heartbeat);
  const configuration = readConfiguration(host.env, new Date());
  const { indexer, queue } = indexerDependencies(configuration, url);
  // Fails at once where the queue is not there or may not be read.
  const waiting = await queue.depth();
  const ending = endOnSignal(host, 'Ending after the messages under way …');
  complain(host, `indexing events from ${url}, ${waiting} waiting; Ctrl-C ends it`);
  const beating = beat(heartbeatWriter(configuration), every, ending.signal, (error) =>
    complain(host, `no heartbeat written: ${describe(error)}`),
  );
  const totals = { applied: 0, ignored: 0, postponed: 0, failed: 0, restored: 0, lost: 0 };
  try {
    await pollQueue({
      ...{ indexer, queue, sleep, signal: ending.signal },
      onBatch: (result) => {
        for (const line of linesOf(result)) complain(host, line);
        add(totals, result);
      },
      onError: (error) => complain(host, `the queue: ${describe(error)}; going on`),
    });
  } finally {
    ending.stop();
  }
  await beating;
  host.stdout.write(options.json ? `${JSON.stringify(totals)}\n` : totalsText(totals));
  return EXIT.done;
}

function checkedQueue(value: string): string {
  try {
    return queueUrl(value);
  } catch (error) {
    throw new UsageError(`--queue: ${describe(error)}`);
  }
}

/** Milliseconds; 0 for none. */
function heartbeatInterval(value: string): number {
  const parsed = parseGoDuration(value);
  const milliseconds = 'problem' in parsed ? Number.NaN : Number(parsed.nanoseconds / 1_000_000n);
  if (milliseconds === 0 || milliseconds >= 1_000) return milliseconds;
  throw new UsageError(
    `--heartbeat is "${value}": allowed are durations from 1s on, such as 1m, and 0 for none`,
  );
}

/** Heartbeats at once and then each interval, until stopped. */
async function beat(
  write: () => Promise<void>,
  every: number,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  while (every > 0 && !signal.aborted) {
    await write().catch(onError);
    await sleep(every, signal);
  }
}

type Totals = Record<'applied' | 'ignored' | 'postponed' | 'failed' | 'restored' | 'lost', number>;

function add(totals: Totals, { applied, ignored, postponed, failed, restored, lost }: BatchResult): void {
  totals.applied += applied;
  totals.ignored += ignored;
  totals.postponed += postponed.length;
  totals.failed += failed.length;
  totals.restored += restored.length;
  totals.lost += lost.length;
}

function linesOf({ failed, restored, lost, problems }: BatchResult): string[] {
  return [
    ...failed.map(({ id, error }) => `message ${id} failed and comes again: ${describe(error)}`),
    ...restored.map(({ digest, runId }) => `restored: blob ${digest}, deleted by run ${runId ?? 'unknown'}`),
    ...lost.map((digest) => `LOST: blob ${digest} is needed and not in the bucket`),
    ...problems.map(
      ({ repository, digest, code, detail }) => `kept: ${repository}@${digest}: ${code}: ${detail}`,
    ),
  ];
}

function totalsText({ applied, ignored, postponed, failed, restored, lost }: Totals): string {
  return (
    `${applied} keys applied, ${ignored} ignored, ${postponed} postponed, ${failed} messages failed; ` +
    `${restored} blobs restored, ${lost} lost\n`
  );
}
