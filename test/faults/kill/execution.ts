/** The command line in a process of its own, killed at a request to AWS: when it arrives there, or has been done. */
import { launchCli } from '../../e2e/support/cli.ts';
import { type Exchange, type ProxyOptions, startFaultyProxy } from '../../support/faulty-proxy.ts';
import type { JournalWitness } from '../../support/journal-witness.ts';
import { keyOf, watchedBy } from '../../support/wire-witness.ts';

export type Moment = 'arrived' | 'answered';

/** Reads are many, and it is writes between which a state is half done. */
export type Counted = 'all' | 'writes';

const WRITES = new Set([
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'PutEvents'],
  ...['SendMessageBatch', 'DeleteMessageBatch'],
  ...['PUT', 'DELETE', 'DeleteObjects'],
]);

export interface Sentence {
  /** Of its requests to S3, DynamoDB, EventBridge and SQS, from 1 on. */
  readonly nth: number;
  /** Which of them count. */
  readonly of: Counted;
  /** The service has not seen the request; or it has done it, and nobody hears of it. */
  readonly when: Moment;
}

export interface Ended {
  /** Undefined when it was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly requests: Readonly<Record<Counted, number>>;
  /** The request at which it was killed. */
  readonly at: string | undefined;
}

export interface Endpoints {
  /** And of whatever else is not DynamoDB. */
  readonly s3: string;
  readonly dynamodb: string;
}

/** Each has proxies of its own, so that nothing of it is on its way any more when this returns. */
export async function execute(
  args: readonly string[],
  options: {
    readonly environment: Readonly<Record<string, string>>;
    readonly endpoints: Endpoints;
    readonly witness: JournalWitness;
    /** Gets the keys that it puts. */
    readonly written: Set<string>;
    readonly sentence?: Sentence;
    /** Asks it to end by itself. */
    readonly signal?: AbortSignal;
    /** Told of each request that the service has carried out. */
    readonly onAnswer?: (exchange: Exchange, status: number) => void;
  },
): Promise<Ended> {
  const { endpoints, witness, written, sentence, signal } = options;
  const watched = watchedBy(witness);
  const counts = { arrived: { all: 0, writes: 0 }, answered: { all: 0, writes: 0 } };
  let at: string | undefined;
  let kill = () => {};
  /** @returns whether this is the one. */
  const strike = (when: Moment, operation: string): boolean => {
    const counted = counts[when];
    const isWrite = WRITES.has(operation);
    counted.all++;
    if (isWrite) counted.writes++;
    if (at !== undefined || sentence?.when !== when) return false;
    if (counted[sentence.of] !== sentence.nth || (sentence.of === 'writes' && !isWrite)) return false;
    at = operation;
    kill();
    return true;
  };
  const hooks: Pick<ProxyOptions, 'onForward' | 'onAnswer'> = {
    onForward: async (exchange) => {
      if (strike('arrived', exchange.operation)) throw new Error('its sender is dead');
      await watched.onForward(exchange);
    },
    onAnswer: async (exchange, status) => {
      await watched.onAnswer(exchange, status);
      options.onAnswer?.(exchange, status);
      const { service, method, url } = exchange;
      if (service === 's3' && method === 'PUT' && status === 200) written.add(keyOf(url));
      strike('answered', exchange.operation);
    },
  };
  const s3 = await startFaultyProxy({ endpoint: endpoints.s3, ...hooks });
  const dynamodb = await startFaultyProxy({ endpoint: endpoints.dynamodb, ...hooks });
  // A client of SQS goes where the queue's URL leads, whatever its endpoint.
  const through = (text: string) => text.replaceAll(endpoints.s3, s3.endpoint);
  const environment = Object.entries(options.environment).map(([name, value]) => [name, through(value)]);
  const launched = launchCli(args.map(through), {
    ...Object.fromEntries(environment),
    ...{ AWS_ENDPOINT_URL: s3.endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint },
  });
  kill = () => launched.kill('SIGKILL');
  const end = () => launched.kill('SIGTERM');
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end);
  const [code, by] = await launched.closed;
  signal?.removeEventListener('abort', end);
  await Promise.all([s3.stop(), dynamodb.stop()]);
  if (code === null && at === undefined)
    throw new Error(`${args.join(' ')} ended with ${by}\n${launched.said.stderr}`);
  return { code: code ?? undefined, ...launched.said, requests: counts.arrived, at };
}
