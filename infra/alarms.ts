import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { check } from './checks.ts';
import { registryMetric } from './metrics.ts';

type Watch = 'prune' | 'index' | 'heartbeat' | 'restore' | 'reindexNext' | 'reindexSlice';

/** What the alarms and the dashboard look at. */
export interface Watched {
  readonly bucketName: string;
  readonly functions: Readonly<Record<Watch, IFunction>> & {
    readonly notifications?: IFunction;
  };
  /** The machine of distributed runs: of its functions’ errors it makes good what it can, and fails by the rest. */
  readonly distributed: Pick<StateMachine, 'metricFailed' | 'metricTimedOut' | 'metricAborted'>;
  /** Changes on their way to the index. */
  readonly queue: IQueue;
  /** Changes that could not be indexed. */
  readonly deadLetters: IQueue;
  /** Runs that failed, or could not begin. */
  readonly failures: IQueue;
  /** The rebuild of the index. */
  readonly rebuild: Pick<StateMachine, 'metricFailed' | 'metricTimedOut' | 'metricAborted'>;
}

/** When an alarm is raised; everything that is not here has no figure to choose. */
export interface AlarmThresholds {
  /**
   * Seconds that the oldest change may wait in the queue.
   *
   * @default 900
   */
  readonly queueAgeSeconds?: number;
  /**
   * Errors of all functions that no state machine calls, within five minutes.
   *
   * @default 1
   */
  readonly functionErrors?: number;
  /**
   * Throttled invocations of all functions that no state machine calls, within five minutes.
   *
   * @default 1
   */
  readonly throttles?: number;
  /**
   * Percent of its timeout that an index batch may take.
   *
   * @default 80
   */
  readonly indexDurationPercent?: number;
}

export interface AlarmsProps extends Watched {
  /** As the functions have it. */
  readonly maxIndexLag: Duration;
  /** The longest time between two scheduled runs. */
  readonly runEvery: Duration;
  /** Of the index function. */
  readonly indexTimeout: Duration;
  /** Of the prune function. */
  readonly pruneTimeout: Duration;
  /** @default - see each of them */
  readonly thresholds?: AlarmThresholds;
  /**
   * Where an alarm goes, and that it is over.
   *
   * @default - nowhere: they are seen in CloudWatch
   */
  readonly topic?: ITopic;
}

interface Definition {
  /** The section of docs/operations.md. */
  readonly about: string;
  readonly meaning: string;
  readonly metric: IMetric;
  /** The alarm is raised at this and above. */
  readonly from: number;
  /** Periods in a row. @default 1 */
  readonly periods?: number;
  /** @default notBreaching */
  readonly missing?: TreatMissingData;
}

const PERIOD = Duration.minutes(5);
const SECONDS_A_WEEK = 7 * 24 * 3600;
/** A run ends itself 20 s before its timeout and may be `partial`; what comes nearer did not end by itself. */
const RUN_ENDS_BEFORE = 10;

/** Whatever an operator has to know of, each with a section of docs/operations.md that says what to do. */
export class Alarms extends Construct {
  /** By the name of its section, for composite alarms and others' actions. */
  readonly byName: Readonly<Record<string, Alarm>>;

  /** @throws Error when a threshold cannot be. */
  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    this.byName = Object.fromEntries(
      definitions(props).map((definition) => {
        const alarm = new Alarm(this, idOf(definition.about), {
          alarmDescription: `${definition.meaning} See docs/operations.md#${definition.about}`,
          metric: definition.metric,
          threshold: definition.from,
          comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
          evaluationPeriods: definition.periods ?? 1,
          treatMissingData: definition.missing ?? TreatMissingData.NOT_BREACHING,
        });
        if (props.topic !== undefined) {
          alarm.addAlarmAction(new SnsAction(props.topic));
          alarm.addOkAction(new SnsAction(props.topic));
        }
        return [definition.about, alarm];
      }),
    );
  }
}

function definitions(props: AlarmsProps): Definition[] {
  const { bucketName, functions, queue, deadLetters, failures, rebuild, maxIndexLag, runEvery } = props;
  const { queueAgeSeconds, functionErrors, throttles, indexDurationPercent } = checked(props.thresholds);
  const of = { bucketName, period: PERIOD };
  const sum = { ...of, statistic: Stats.SUM };
  const most = { ...of, statistic: Stats.MAXIMUM };
  const depth = { period: PERIOD, statistic: Stats.MAXIMUM };
  // What a rebuild's functions throw, and that they are throttled, its machine makes good, or fails by: see reindex-failed.
  const { reindexNext: _, reindexSlice: __, ...others } = functions;
  const all = Object.values(others).filter((one) => one !== undefined);
  return [
    {
      about: 'run-failed',
      meaning: 'A prune ended with an error, was stopped, or could not begin.',
      // A run called by hand tells its caller, and leaves no message.
      metric: new MathExpression({
        expression:
          'FILL(waiting, 0) + FILL(failed, 0) + FILL(executions, 0) + FILL(late, 0) + FILL(aborted, 0)',
        usingMetrics: {
          waiting: failures.metricApproximateNumberOfMessagesVisible(depth),
          failed: registryMetric('prune', 'RunErrors', sum),
          executions: props.distributed.metricFailed({ period: PERIOD }),
          late: props.distributed.metricTimedOut({ period: PERIOD }),
          aborted: props.distributed.metricAborted({ period: PERIOD }),
        },
        period: PERIOD,
        label: 'failed runs',
      }),
      from: 1,
    },
    {
      about: 'run-refused',
      meaning: 'A prune refused to delete.',
      metric: registryMetric('prune', 'RunsRefused', sum),
      from: 1,
    },
    {
      // A gauge, since CloudWatch looks back a week at most, and not that far for shorter periods.
      about: 'no-successful-run',
      meaning: 'No prune has succeeded for two periods of its schedule.',
      metric: registryMetric('heartbeat', 'TimeSinceSuccess', most),
      from: 2 * runEvery.toSeconds(),
      // Before the first rebuild there is nothing to measure; that shows as lag of the index.
      missing: TreatMissingData.IGNORE,
    },
    {
      about: 'dead-letters',
      meaning: 'A change of the bucket could not be indexed; until it is, no prune deletes anything.',
      metric: deadLetters.metricApproximateNumberOfMessagesVisible(depth),
      from: 1,
    },
    {
      about: 'index-lag',
      meaning: 'The index does not follow the bucket, or was never built; no prune deletes anything.',
      metric: registryMetric('heartbeat', 'IndexLag', most),
      from: maxIndexLag.toSeconds(),
      // One beat may be late; none at all is the fault that this is for.
      periods: 3,
      missing: TreatMissingData.BREACHING,
    },
    {
      about: 'queue-age',
      meaning: 'Changes of the bucket wait long before they are indexed.',
      metric: queue.metricApproximateAgeOfOldestMessage(depth),
      from: queueAgeSeconds,
      periods: 2,
    },
    {
      about: 'blob-lost',
      meaning: 'An image needs a blob that a prune deleted and that has no version left: push it again.',
      metric: registryMetric('index', 'BlobsLost', sum),
      from: 1,
    },
    {
      about: 'blob-restored',
      meaning:
        'An image needed a blob that a prune had deleted; it is back. GRACE or QUARANTINE is too short.',
      metric: registryMetric('index', 'BlobsRestored', sum),
      from: 1,
    },
    {
      about: 'reindex-failed',
      meaning: 'A rebuild of the index has ended before it was done; begun again, it goes on.',
      metric: new MathExpression({
        expression: 'FILL(failed, 0) + FILL(late, 0) + FILL(aborted, 0)',
        usingMetrics: {
          failed: rebuild.metricFailed({ period: PERIOD }),
          late: rebuild.metricTimedOut({ period: PERIOD }),
          aborted: rebuild.metricAborted({ period: PERIOD }),
        },
        period: PERIOD,
        label: 'rebuilds that were not done',
      }),
      from: 1,
    },
    ...(functions.notifications === undefined
      ? []
      : [
          {
            about: 'notifications-failed',
            meaning: 'Pulls could not be recorded; the registry sends them again.',
            metric: registryMetric('notifications', 'NotificationsFailed', sum),
            from: 1,
            periods: 3,
          },
        ]),
    {
      about: 'function-errors',
      meaning: 'A function has ended with an error.',
      metric: total(all, 'errors', (one) => one.metricErrors({ period: PERIOD })),
      from: functionErrors,
    },
    {
      about: 'throttles',
      meaning: 'A function could not begin, since the account has no instance free.',
      metric: total(all, 'throttles', (one) => one.metricThrottles({ period: PERIOD })),
      from: throttles,
    },
    {
      about: 'duration-of-the-index',
      meaning: 'A batch of the index takes nearly as long as it may.',
      metric: functions.index.metricDuration(depth),
      from: (props.indexTimeout.toMilliseconds() * indexDurationPercent) / 100,
    },
    {
      about: 'duration-of-a-prune',
      meaning: 'A prune did not end itself in time, and may have been killed.',
      metric: functions.prune.metricDuration(depth),
      from: props.pruneTimeout.toMilliseconds() - RUN_ENDS_BEFORE * 1000,
    },
  ];
}

function checked(thresholds: AlarmThresholds = {}): Required<AlarmThresholds> {
  const all = {
    queueAgeSeconds: 900,
    functionErrors: 1,
    throttles: 1,
    indexDurationPercent: 80,
    ...thresholds,
  };
  check.wholeNumber('thresholds.queueAgeSeconds', all.queueAgeSeconds, {
    minimum: 1,
    maximum: SECONDS_A_WEEK,
  });
  check.wholeNumber('thresholds.functionErrors', all.functionErrors, { minimum: 1, maximum: 1_000_000 });
  check.wholeNumber('thresholds.throttles', all.throttles, { minimum: 1, maximum: 1_000_000 });
  check.wholeNumber('thresholds.indexDurationPercent', all.indexDurationPercent, {
    minimum: 1,
    maximum: 100,
  });
  return all;
}

function total(
  functions: readonly IFunction[],
  label: string,
  metricOf: (one: IFunction) => IMetric,
): IMetric {
  const metrics = functions.map((one, at) => [`m${at}`, metricOf(one)] as const);
  return new MathExpression({
    expression: metrics.map(([name]) => `FILL(${name}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(metrics),
    period: PERIOD,
    label,
  });
}

/** `run-failed` → `RunFailed`: construct ids are a contract. */
const idOf = (about: string): string =>
  about.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
