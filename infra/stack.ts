import { Annotations, Aws, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { AlarmTopic } from './alarm-topic.ts';
import { Alarms, type AlarmThresholds, type Watched } from './alarms.ts';
import { RegistryDashboard } from './dashboard.ts';
import type { DistributedProps } from './distributed.ts';
import { Heartbeat } from './heartbeat.ts';
import { LiveIndex } from './live-index.ts';
import { MetadataTable, type MetadataTableProps } from './metadata-table.ts';
import type { Resources } from './permissions.ts';
import type { PruneScheduleProps } from './prune-schedule.ts';
import { Pruner } from './pruner.ts';
import { PullTimes } from './pull-times.ts';
import { Rebuilder } from './rebuilder.ts';
import { RegistryBucket } from './registry-bucket.ts';
import { Restorer } from './restorer.ts';
import { checkSettings, type RegistrySettings } from './settings.ts';

export interface RegistryPruneStackProps extends StackProps, RegistrySettings {
  /**
   * The name of the registry's bucket, in the stack's account and region.
   *
   * @default - one is made
   */
  readonly bucketName?: string;

  /**
   * ARN of the KMS key with which the bucket is encrypted. The key's policy must let the account's roles use it.
   *
   * @default - none: the bucket is encrypted by S3 (SSE-S3)
   */
  readonly bucketKeyArn?: string;

  /**
   * Where the events go: the account's default bus, the one of this name, or a new one of the stack's `own`.
   *
   * @default { name: 'default' }
   */
  readonly eventBus?: { readonly name: string } | 'own';

  /**
   * How the metadata table is made.
   *
   * @default - a generated name, and the longest recovery period
   */
  readonly metadata?: MetadataTableProps;

  /** @default - each day at three, UTC, what no tag holds */
  readonly schedule?: PruneScheduleProps;

  /** @default - scheduled runs are of one function */
  readonly distributed?: DistributedProps;

  /**
   * Instances kept for prunes.
   *
   * @default - none
   */
  readonly reservedConcurrency?: number;

  /**
   * How many batches of changes are indexed side by side.
   *
   * @default 10
   */
  readonly indexConcurrency?: number;

  /**
   * Units of a rebuild that are done side by side.
   *
   * @default 16
   */
  readonly reindexWorkers?: number;

  /**
   * The bucket with inventories of the registry's bucket, from which a rebuild may begin.
   *
   * @default - none: a rebuild lists the bucket
   */
  readonly inventoryBucket?: string;

  /**
   * Whether the registry's notifications are taken, so that the last pull of each image is known.
   *
   * @default false
   */
  readonly pullTimes?: boolean;

  /**
   * ARN of the SNS topic that the alarms go to.
   *
   * @default - one of the stack's own if there is an `alarmEmail`; else the alarms are seen in CloudWatch alone
   */
  readonly alarmTopicArn?: string;

  /**
   * Who gets the alarms by mail. The address has to confirm once.
   *
   * @default - nobody
   */
  readonly alarmEmail?: string;

  /** @default - see each of them */
  readonly alarmThresholds?: AlarmThresholds;

  /**
   * How long the functions' logs are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
}

/**
 * Everything that prunes one registry.
 *
 * @example
 * new RegistryPruneStack(app, 'RegistryPrune', { bucketName: 'my-registry' });
 */
export class RegistryPruneStack extends Stack {
  readonly registry: RegistryBucket;
  readonly metadata: MetadataTable;
  readonly eventBus: IEventBus | EventBus;
  readonly restorer: Restorer;
  readonly index: LiveIndex;
  readonly heartbeat: Heartbeat;
  readonly pruner: Pruner;
  readonly rebuilder: Rebuilder;
  readonly pullTimes: PullTimes | undefined;
  readonly alarms: Alarms;
  readonly dashboard: RegistryDashboard;

  /** @throws Error that names each property at fault, the value got and those allowed. */
  constructor(scope: Construct, id: string, props: RegistryPruneStackProps = {}) {
    super(scope, id, props);
    const { bucketName, bucketKeyArn, eventBus, metadata, schedule, distributed, reservedConcurrency } =
      props;
    const { indexConcurrency, reindexWorkers, inventoryBucket, pullTimes = false, logRetention } = props;
    const logs = logRetention === undefined ? {} : { logRetention };
    const settings = checkSettings(props);
    for (const warning of settings.warnings)
      Annotations.of(this).addWarningV2('registry-prune:short', warning);

    this.registry = new RegistryBucket(this, 'Registry', {
      settings,
      ...(bucketName === undefined ? {} : { bucketName }),
    });
    this.metadata = new MetadataTable(this, 'Metadata', metadata);
    this.eventBus = busOf(this, eventBus);
    const resources: Resources = {
      bucket: this.registry.bucket,
      table: this.metadata.table,
      bus: this.eventBus,
      settings,
      keyArn: bucketKeyArn,
    };
    const environment = {
      METADATA_TABLE: this.metadata.table.tableName,
      REGISTRY_BUCKET: this.registry.bucket.bucketName,
      EVENT_BUS: this.eventBus.eventBusName,
      ...settings.environment,
    };
    this.restorer = new Restorer(this, 'Restore', { ...resources, ...logs });
    const restorer = this.restorer.restorer.function;
    this.index = new LiveIndex(this, 'Index', {
      ...{ ...resources, ...logs, environment, restorer },
      ...(indexConcurrency === undefined ? {} : { maxConcurrency: indexConcurrency }),
    });
    this.heartbeat = new Heartbeat(this, 'Heartbeat', { ...resources, ...logs, environment });
    this.pruner = new Pruner(this, 'Prune', {
      ...{ ...resources, ...logs, environment, restorer, deadLetters: this.index.deadLetters },
      ...(schedule === undefined ? {} : { schedule }),
      ...(distributed === undefined ? {} : { distributed }),
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    });
    this.rebuilder = new Rebuilder(this, 'Reindex', {
      ...{ ...resources, ...logs, environment, restorer },
      ...(reindexWorkers === undefined ? {} : { workers: reindexWorkers }),
      ...(inventoryBucket === undefined ? {} : { inventoryBucket }),
    });
    this.pullTimes = pullTimes ? new PullTimes(this, 'PullTimes', { ...resources, ...logs }) : undefined;
    const watched = this.#watched();
    const topic = topicOf(this, props);
    this.alarms = new Alarms(this, 'Alarms', {
      ...watched,
      maxIndexLag: settings.maxIndexLag,
      runEvery: this.pruner.every,
      indexTimeout: this.index.timeout,
      pruneTimeout: this.pruner.timeout,
      ...(topic === undefined ? {} : { topic }),
      ...(props.alarmThresholds === undefined ? {} : { thresholds: props.alarmThresholds }),
    });
    this.dashboard = new RegistryDashboard(this, 'Dashboard', { ...watched, alarms: this.alarms.byName });
    this.#say(environment);
  }

  #watched(): Watched {
    const { index, heartbeat, pruner, rebuilder, restorer, pullTimes } = this;
    return {
      bucketName: this.registry.bucket.bucketName,
      functions: {
        prune: pruner.pruner.function,
        index: index.indexer.function,
        heartbeat: heartbeat.writer.function,
        restore: restorer.restorer.function,
        reindexNext: rebuilder.next.function,
        reindexSlice: rebuilder.slice.function,
        ...(pullTimes === undefined ? {} : { notifications: pullTimes.receiver.function }),
      },
      queue: index.queue,
      deadLetters: index.deadLetters,
      failures: pruner.failures,
      distributed: pruner.distributed.machine,
      rebuild: rebuilder.workflow.machine,
    };
  }

  /** What operators need to know of what was made. */
  #say(environment: Readonly<Record<string, string>>): void {
    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    const { index, heartbeat, pruner, rebuilder, restorer, pullTimes } = this;
    output('MetadataTableName', this.metadata.table.tableName, 'The name of the metadata table.');
    output('RegistryBucketName', this.registry.bucket.bucketName, 'The bucket of the registry.');
    output('EventBusName', this.eventBus.eventBusName, 'Where the events go.');
    output(
      'PruneFunctionName',
      pruner.pruner.function.functionName,
      'For --function of the command line; {} prunes now.',
    );
    output(
      'DistributedPruneArn',
      pruner.distributed.machine.stateMachineArn,
      'Prunes with many functions; {} prunes now.',
    );
    output('IndexFunctionName', index.indexer.function.functionName, 'Follows the bucket.');
    output('HeartbeatFunctionName', heartbeat.writer.function.functionName, 'Writes heartbeats.');
    output('RestoreFunctionName', restorer.restorer.function.functionName, 'Removes delete markers.');
    output(
      'ReindexMachineArn',
      rebuilder.workflow.machine.stateMachineArn,
      'Rebuilds the index, by many at once.',
    );
    output('ReindexNextFunctionName', rebuilder.next.function.functionName, 'Says what a rebuild does next.');
    output('ReindexSliceFunctionName', rebuilder.slice.function.functionName, 'Does a slice of a rebuild.');
    output('IndexQueueUrl', index.queue.queueUrl, 'Changes of the bucket on their way.');
    output('DeadLetterQueueUrl', index.deadLetters.queueUrl, 'Changes that could not be indexed.');
    output('FailureQueueUrl', pruner.failures.queueUrl, 'Runs that failed, or could not begin.');
    output(
      'DashboardName',
      this.dashboard.dashboard.dashboardName,
      'What was reclaimed, and how the runs went.',
    );
    if (pullTimes !== undefined) {
      output('NotificationFunctionName', pullTimes.receiver.function.functionName, 'Records pulls.');
      output('NotificationUrl', pullTimes.url, 'The endpoint for notifications of the registry.');
      output('NotificationSecretArn', pullTimes.secret.secretArn, 'Its bearer token.');
    }
    const variables = {
      AWS_REGION: Aws.REGION,
      ...environment,
      DEAD_LETTER_QUEUE: index.deadLetters.queueUrl,
      RESTORE_FUNCTION: restorer.restorer.function.functionName,
    };
    output(
      'CommandLineEnvironment',
      `export ${Object.entries(variables)
        .map(([name, value]) => `${name}=${name === 'DEFAULT_FILTERS' ? quoted(value) : value}`)
        .join(' ')}`,
      'For the command line.',
    );
  }
}

/** For a shell. */
const quoted = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`;

function topicOf(scope: Construct, props: RegistryPruneStackProps): AlarmTopic['topic'] | undefined {
  const { alarmTopicArn: topicArn, alarmEmail: email } = props;
  if (topicArn === undefined && email === undefined) return undefined;
  return new AlarmTopic(scope, 'AlarmTopic', {
    ...(topicArn === undefined ? {} : { topicArn }),
    ...(email === undefined ? {} : { email }),
  }).topic;
}

function busOf(scope: Construct, bus: RegistryPruneStackProps['eventBus'] = { name: 'default' }) {
  if (bus === 'own') return new EventBus(scope, 'Events', { description: 'Events of registry-prune' });
  return EventBus.fromEventBusName(scope, 'Events', bus.name);
}
