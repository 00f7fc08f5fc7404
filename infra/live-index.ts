import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { check } from './checks.ts';
import { NEVER_ASYNCHRONOUS, RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { indexPermissions, type Resources } from './permissions.ts';
import { MAX_RETENTION, newDeadLetterQueue, newQueue } from './queues.ts';

export interface LiveIndexProps extends Resources {
  /** The variables that all functions have. */
  readonly environment: Readonly<Record<string, string>>;
  /** The function that removes delete markers. */
  readonly restorer: IFunction;
  /**
   * How many batches are indexed side by side; more only wait in the queue. 2 to 1000.
   *
   * @default 10
   */
  readonly maxConcurrency?: number;
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

const TIMEOUT = Duration.minutes(1);
/** So that a message is not seen by two while the function still works on it, however often Lambda asks again. */
const VISIBILITY_TIMEOUTS = 6;
const MAX_RECEIVES = 5;
/** Lambda's limits for `maxConcurrency` of a queue. */
const CONCURRENCY = { minimum: 2, maximum: 1000 } as const;
const DEFAULT_CONCURRENCY = 10;
/** A push is some twenty events within seconds: together, each key is looked at once. */
const BATCH = { size: 10, window: Duration.seconds(1) } as const;

/** The bucket's changes into the table: rule → queue → function. What cannot be applied ends as a dead letter. */
export class LiveIndex extends Construct {
  readonly queue: IQueue;
  /** While anything is in here, no run deletes. What the rule could not deliver is here as well. */
  readonly deadLetters: IQueue;
  readonly rule: Rule;
  readonly indexer: RegistryFunction;
  /** Of one batch. */
  readonly timeout = TIMEOUT;

  /** @throws Error when `maxConcurrency` is not one that Lambda allows. */
  constructor(scope: Construct, id: string, props: LiveIndexProps) {
    super(scope, id);
    const { bucket, settings, environment, restorer, logRetention } = props;
    const maxConcurrency = props.maxConcurrency ?? DEFAULT_CONCURRENCY;
    check.wholeNumber('maxConcurrency', maxConcurrency, CONCURRENCY);

    this.deadLetters = newDeadLetterQueue(this, 'DeadLetters');
    this.queue = newQueue(this, 'Queue', {
      visibilityTimeout: Duration.seconds(VISIBILITY_TIMEOUTS * TIMEOUT.toSeconds()),
      retentionPeriod: MAX_RETENTION,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    this.rule = new Rule(this, 'Changes', {
      description: `Changes of the registry in ${bucket.bucketName}, for its index`,
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created', 'Object Deleted'],
        detail: {
          bucket: { name: [bucket.bucketName] },
          object: { key: [{ prefix: settings.layout.prefix }, { prefix: settings.heartbeatPrefix }] },
        },
      },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.deadLetters })],
    });
    this.indexer = new RegistryFunction(this, 'Indexer', {
      handler: 'index/handler.ts',
      description: 'Brings the changes of the registry bucket into the metadata table',
      memorySize: 512,
      timeout: TIMEOUT,
      environment: {
        ...environment,
        INDEX_QUEUE: this.queue.queueUrl,
        RESTORE_FUNCTION: restorer.functionName,
      },
      permissions: indexPermissions({ ...props, queue: this.queue }),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    // Not the function's own addEventSource, which would allow the role more than it needs.
    const source = new EventSourceMapping(this, 'Source', {
      target: this.indexer.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: BATCH.size,
      maxBatchingWindow: BATCH.window,
      maxConcurrency,
      reportBatchItemFailures: true,
    });
    // Lambda looks whether the role may receive.
    source.node.addDependency(this.indexer.role);
    acknowledge(source, [
      {
        id: 'Serverless-LambdaEventSourceMappingDestination',
        reason:
          'Lambda has no such destination for a queue: what fails ends in the queue’s own dead-letter queue.',
      },
    ]);
    acknowledge(this.indexer.function, NEVER_ASYNCHRONOUS);
  }
}
