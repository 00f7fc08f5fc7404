import { Duration } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { heartbeatPermissions, type Resources } from './permissions.ts';
import { invokeOnSchedule } from './schedule.ts';

export interface HeartbeatProps extends Resources {
  /** The variables that all functions have. */
  readonly environment: Readonly<Record<string, string>>;
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

/** Scheduler knows no shorter rate. */
const SHORTEST = Duration.minutes(1);
const LONGEST = Duration.minutes(5);
/** Beats within the lag that is allowed: one may be lost, and one still be on its way. */
const BEATS = 3;

/** Writes the heartbeats by which a run, and an alarm, see that the bucket's events arrive (protocol, section 5). */
export class Heartbeat extends Construct {
  readonly writer: RegistryFunction;

  /** @throws Error when `maxIndexLag` is too short for heartbeats to be within it. */
  constructor(scope: Construct, id: string, props: HeartbeatProps) {
    super(scope, id);
    const { bucket, settings, environment, logRetention } = props;
    this.writer = new RegistryFunction(this, 'Writer', {
      handler: 'index/heartbeat-handler.ts',
      description: `Writes heartbeats into ${bucket.bucketName} and says how far behind its index is`,
      memorySize: 256,
      timeout: Duration.seconds(30),
      environment,
      permissions: heartbeatPermissions(props),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    const skipped =
      'A beat that is lost shows as lag of the index, which has an alarm; the next comes within minutes.';
    acknowledge(this.writer.function, [
      { id: 'Serverless-LambdaDLQ', reason: skipped },
      { id: 'Serverless-LambdaAsyncFailureDestination', reason: skipped },
    ]);
    this.writer.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: SHORTEST });
    invokeOnSchedule(this, 'Schedule', {
      target: this.writer.function,
      when: ScheduleExpression.rate(rateWithin(settings.maxIndexLag)),
      description: 'Writes a heartbeat',
      payload: {},
      retryAttempts: 0,
      maxEventAge: SHORTEST,
    });
  }
}

function rateWithin(maxIndexLag: Duration): Duration {
  const minutes = Math.floor(maxIndexLag.toMinutes({ integral: false }) / BEATS);
  if (minutes >= SHORTEST.toMinutes()) return Duration.minutes(Math.min(minutes, LONGEST.toMinutes()));
  throw new Error(
    `maxIndexLag is too short: got ${maxIndexLag.toSeconds()} s, allowed are ${BEATS * SHORTEST.toSeconds()} s and ` +
      'more, since heartbeats are a minute apart at least',
  );
}
