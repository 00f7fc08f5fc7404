import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { check } from './checks.ts';
import { type DistributedProps, DistributedRuns } from './distributed.ts';
import { RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { prunePermissions, type Resources } from './permissions.ts';
import { checkSchedule, type PruneScheduleProps } from './prune-schedule.ts';
import { END_OF_THE_LINE, newDeadLetterQueue } from './queues.ts';
import { invokeOnSchedule } from './schedule.ts';

export interface PrunerProps extends Resources {
  /** The variables that all functions have. */
  readonly environment: Readonly<Record<string, string>>;
  /** The function that removes delete markers. */
  readonly restorer: IFunction;
  /** What the indexer could not apply: a run looks whether it is empty. */
  readonly deadLetters: IQueue;
  /** @default - each day at three, UTC */
  readonly schedule?: PruneScheduleProps;
  /**
   * Instances kept for prunes. The lock in the table lets one run at a time in any case; 1 keeps a second from starting only
   * to be refused, and takes one of the account's instances away from all others.
   *
   * @default - none
   */
  readonly reservedConcurrency?: number;
  /** @default - the scheduled runs are of one function; by hand one can be distributed */
  readonly distributed?: DistributedProps;
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

/** The longest there is: what a run does not get to is in the queue for the next. */
const TIMEOUT = Duration.minutes(15);
/**
 * An invocation that could not begin is worth some minutes. Later, the next run does the same work.
 */
const DELIVERY = { retryAttempts: 3, maxEventAge: Duration.hours(1) } as const;
/** What an account can have at most differs; this keeps out what cannot be meant. */
const RESERVED = { minimum: 1, maximum: 100 } as const;

/** The prune: the function, what shares a large run out, the schedule, and the queue in which a run ends that failed. */
export class Pruner extends Construct {
  readonly pruner: RegistryFunction;
  /** Invocations that could not begin, and runs that ended with an error. */
  readonly failures: IQueue;
  readonly distributed: DistributedRuns;
  readonly timeout = TIMEOUT;
  /** The longest time between two scheduled runs. */
  readonly every: Duration;

  /** @throws Error when the schedule or the concurrency cannot be. */
  constructor(scope: Construct, id: string, props: PrunerProps) {
    super(scope, id);
    const { bucket, environment, restorer, deadLetters, reservedConcurrency, logRetention } = props;
    if (reservedConcurrency !== undefined)
      check.wholeNumber('reservedConcurrency', reservedConcurrency, RESERVED);
    const { when, every, enabled, payload } = checkSchedule(props.schedule);
    this.every = every;
    this.failures = newDeadLetterQueue(this, 'Failures');
    acknowledge(this.failures, [{ id: 'AwsSolutions-SQS3', reason: END_OF_THE_LINE }]);
    this.pruner = new RegistryFunction(this, 'Pruner', {
      handler: 'prune/handler.ts',
      description: `Prunes the registry in ${bucket.bucketName}`,
      memorySize: 1024,
      timeout: TIMEOUT,
      environment: {
        ...environment,
        DEAD_LETTER_QUEUE: deadLetters.queueUrl,
        RESTORE_FUNCTION: restorer.functionName,
      },
      permissions: prunePermissions({ ...props, failures: this.failures }),
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    this.pruner.function.configureAsyncInvoke({
      // A run that was killed still holds the lock, so that a second attempt could only be refused.
      retryAttempts: 0,
      maxEventAge: DELIVERY.maxEventAge,
      // Not an SqsDestination, which would allow the role more than it needs.
      onFailure: { bind: () => ({ destination: this.failures.queueArn }) },
    });
    acknowledge(this.pruner.function, [
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'A failed run goes to the failure destination, which says why; a dead-letter queue has the request alone.',
      },
    ]);
    this.distributed = new DistributedRuns(this, 'Distributed', {
      ...props,
      pruner: this.pruner.function,
    });
    const isShared = (props.distributed?.when ?? 'never') !== 'never';
    const target = isShared ? this.distributed.machine : this.pruner.function;
    invokeOnSchedule(this, 'Schedule', {
      ...{ target, when, enabled, payload, ...DELIVERY },
      description: 'Prunes the registry',
      deadLetters: this.failures,
    });
  }
}
