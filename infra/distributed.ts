import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { LEAST_PACE, STANDARD } from '../lambdas/distributed/settings.ts';
import { check } from './checks.ts';
import { distributedDefinition } from './distributed-definition.ts';
import { NEVER_ASYNCHRONOUS, RegistryFunction } from './function.ts';
import { acknowledge, type Permission } from './permission.ts';
import {
  decidePermissions,
  finishPermissions,
  type PruneResources,
  startPermissions,
  workerPermissions,
} from './permissions.ts';
import { Workflow } from './workflow.ts';

/** When many functions share one run, and how many. */
export interface DistributedProps {
  /**
   * Whether the scheduled runs are distributed: `never`, `always`, or when the queue is `deep`. By hand one can be started in
   * any case.
   *
   * @default 'never'
   */
  readonly when?: 'never' | 'deep' | 'always';

  /**
   * How many entries must be due for the queue to be deep.
   *
   * @default 200000
   */
  readonly depth?: number;

  /**
   * Functions at work at the same time.
   *
   * @default 8
   */
  readonly workers?: number;

  /**
   * Things that each of them works on at the same time, in each of its shards.
   *
   * @default 128
   */
  readonly concurrency?: number;

  /**
   * Deletions of a second, of all of them together: ten for each of them or more.
   *
   * @default - as many as the services take
   */
  readonly pace?: number;
}

export interface DistributedRunsProps extends Omit<PruneResources, 'failures'> {
  readonly environment: Readonly<Record<string, string>>;
  readonly restorer: IFunction;
  readonly deadLetters: IQueue;
  /** Does what is too little to share. */
  readonly pruner: IFunction;
  /** @default - see each of them */
  readonly distributed?: DistributedProps;
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

/** As many as there are shards. */
const WORKERS = { minimum: 1, maximum: 16 } as const;
const DEPTH = { minimum: 1, maximum: 1_000_000_000 } as const;
const CONCURRENCY = { minimum: 1, maximum: 256 } as const;
/** S3 takes 3,500 deletions of a second below one prefix; a request has a thousand. */
const PACE = { maximum: 1_000_000 } as const;
/** The longest there is, for those that work; what only reads and decides takes seconds. */
const TIMEOUTS = { work: Duration.minutes(15), decide: Duration.minutes(1) } as const;

/** The state machine by which many functions share one run, and its functions. */
export class DistributedRuns extends Construct {
  readonly machine: StateMachine;
  readonly functions: Readonly<Record<'start' | 'worker' | 'decide' | 'finish', RegistryFunction>>;

  /** @throws Error when one of the figures cannot be. */
  constructor(scope: Construct, id: string, props: DistributedRunsProps) {
    super(scope, id);
    const { environment, restorer, deadLetters, pruner, logRetention } = props;
    const { when, depth, workers, concurrency, pace } = checked(props.distributed);
    const make = (name: string, timeout: Duration, permissions: readonly Permission[], more: Variables) =>
      this.#function(name, timeout, permissions, { ...environment, ...more }, logRetention);
    const worker = make('Worker', TIMEOUTS.work, workerPermissions(props), {
      RESTORE_FUNCTION: restorer.functionName,
      ...(concurrency === undefined ? {} : { CONCURRENCY: String(concurrency) }),
    });
    const start = make('Start', TIMEOUTS.work, startPermissions(props), {
      DEAD_LETTER_QUEUE: deadLetters.queueUrl,
      // What is started by hand is meant to be.
      DISTRIBUTED: when === 'deep' ? 'deep' : 'always',
      ...{ DEPTH: String(depth), WORKERS: String(workers) },
      ...(pace === undefined ? {} : { PACE: String(pace) }),
    });
    const decide = make('Decide', TIMEOUTS.decide, decidePermissions(props), {});
    const finish = make('Finish', TIMEOUTS.work, finishPermissions(props), {});
    this.functions = { start, worker, decide, finish };
    const calls = [...Object.values(this.functions).map((one) => one.function), pruner];
    this.machine = new Workflow(this, 'Run', {
      description: 'Prunes the registry with many functions',
      definition: distributedDefinition(new Construct(this, 'Steps'), {
        ...{ start: start.function, worker: worker.function, decide: decide.function },
        ...{ finish: finish.function, pruner, workers },
      }),
      functions: calls,
      // Whatever it is at then: the lease ends by itself, and the next run goes on.
      timeout: Duration.days(7),
      ...(logRetention === undefined ? {} : { logRetention }),
    }).machine;
  }

  #function(
    name: string,
    timeout: Duration,
    permissions: readonly Permission[],
    environment: Variables,
    logRetention: RetentionDays | undefined,
  ): RegistryFunction {
    const made = new RegistryFunction(this, name, {
      handler: `distributed/${name.toLowerCase()}-handler.ts`,
      description: `${name} of a distributed prune`,
      memorySize: 1024,
      ...{ timeout, permissions, environment },
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    acknowledge(made.function, NEVER_ASYNCHRONOUS);
    return made;
  }
}

type Variables = Readonly<Record<string, string>>;

function checked(props: DistributedProps = {}) {
  const { when = 'never', depth = STANDARD.depth, workers = STANDARD.workers, concurrency, pace } = props;
  check.matches('distributed.when', when, /^(never|deep|always)$/, 'never, deep, always');
  check.wholeNumber('distributed.depth', depth, DEPTH);
  check.wholeNumber('distributed.workers', workers, WORKERS);
  if (concurrency !== undefined) check.wholeNumber('distributed.concurrency', concurrency, CONCURRENCY);
  if (pace !== undefined)
    check.wholeNumber('distributed.pace', pace, { ...PACE, minimum: LEAST_PACE * workers });
  return { when, depth, workers, concurrency, pace };
}
