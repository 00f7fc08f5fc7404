import { Duration, TimeZone } from 'aws-cdk-lib';
import { ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { parsePruneRequest } from '../lambdas/prune/request.ts';
import { check } from './checks.ts';

/** When a prune runs by itself, and what it is asked for. */
export interface PruneScheduleProps {
  /**
   * A `cron(…)` or `rate(…)` expression of EventBridge Scheduler. Choose an hour with few pushes.
   *
   * @default 'cron(0 3 * * ? *)' - each day at three
   */
  readonly expression?: string;

  /**
   * Of the expression: an IANA name such as `Europe/Berlin`.
   *
   * @default 'Etc/UTC'
   */
  readonly timeZone?: string;

  /**
   * The longest time between two runs of the expression; twice as long without a successful run is an alarm.
   *
   * @default - a day for the default expression, and the rate of a `rate(…)`; needed for any other
   */
  readonly every?: Duration;

  /**
   * Whether it runs at all: off, it waits until the registry has been indexed and a dry run looked at.
   *
   * @default true
   */
  readonly enabled?: boolean;

  /**
   * Filters of the scheduled runs.
   *
   * @default - those of the settings
   */
  readonly filters?: Readonly<Record<string, readonly string[]>>;

  /**
   * Globs of the repositories of which the scheduled runs take manifests, links and uploads.
   *
   * @default - all
   */
  readonly repositories?: readonly string[];
}

export interface CheckedSchedule {
  readonly when: ScheduleExpression;
  readonly every: Duration;
  readonly enabled: boolean;
  /** What the function gets. */
  readonly payload: Readonly<Record<string, unknown>>;
}

const DEFAULT_EXPRESSION = 'cron(0 3 * * ? *)';
const CRON = /^cron\(\S+( \S+){5}\)$/;
const RATE = /^rate\((\d+) (minute|hour|day)s?\)$/;
const UNITS = { minute: Duration.minutes, hour: Duration.hours, day: Duration.days } as const;

/**
 * Checks a schedule, its request with the function's own code.
 *
 * @throws Error that names the property, the value got and those allowed.
 */
export function checkSchedule(props: PruneScheduleProps = {}): CheckedSchedule {
  const { expression = DEFAULT_EXPRESSION, timeZone = 'Etc/UTC', enabled = true } = props;
  const { filters, repositories } = props;
  if (!CRON.test(expression) && !RATE.test(expression)) {
    throw new Error(
      `schedule.expression is not a recurring schedule: got ${JSON.stringify(expression)}, ` +
        'allowed are such as cron(0 3 * * ? *), with six fields, and rate(12 hours)',
    );
  }
  const payload = {
    trigger: 'schedule',
    ...(filters === undefined ? {} : { filters }),
    ...(repositories === undefined ? {} : { repositories }),
  };
  parsePruneRequest(payload, new Date());
  return {
    when: ScheduleExpression.expression(expression, zone(timeZone)),
    every: props.every ?? period(expression),
    ...{ enabled, payload },
  };
}

function period(expression: string): Duration {
  if (expression === DEFAULT_EXPRESSION) return Duration.days(1);
  const [, count, unit] = RATE.exec(expression) ?? [];
  if (count !== undefined && unit !== undefined) {
    check.wholeNumber('the rate of schedule.expression', Number(count), { minimum: 1, maximum: 1_000_000 });
    return UNITS[unit as keyof typeof UNITS](Number(count));
  }
  throw new Error(
    `schedule.every is needed with ${expression}: the longest time between two runs, such as Duration.days(7)`,
  );
}

function zone(name: string): TimeZone {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
  } catch (error) {
    throw new Error(
      `schedule.timeZone is not a time zone: got ${JSON.stringify(name)}, allowed are IANA names such as Europe/Berlin`,
      { cause: error },
    );
  }
  return TimeZone.of(name);
}
