import { Duration } from 'aws-cdk-lib';
import { describe, expect, test } from 'vitest';
import { checkSchedule, type PruneScheduleProps } from '../../infra/prune-schedule.ts';

test('by itself it is each day at three, UTC, with the default filters', () => {
  const { when, every, enabled, payload } = checkSchedule();
  expect(when.expressionString).toBe('cron(0 3 * * ? *)');
  expect(when.timeZone?.timezoneName).toBe('Etc/UTC');
  expect(every.toHours()).toBe(24);
  expect(enabled).toBe(true);
  expect(payload).toEqual({ trigger: 'schedule' });
});

test('the request has what is asked for', () => {
  const { payload } = checkSchedule({ filters: { until: ['24h'] }, repositories: ['team/*'] });
  expect(payload).toEqual({ trigger: 'schedule', filters: { until: ['24h'] }, repositories: ['team/*'] });
});

test.each([
  ['rate(1 minute)', 1],
  ['rate(12 hours)', 720],
  ['rate(7 days)', 7 * 1440],
])('%s is its own period', (expression, minutes) => {
  expect(checkSchedule({ expression }).every.toMinutes()).toBe(minutes);
});

test('of a cron expression the period has to be said', () => {
  const expression = 'cron(0 3 ? * SUN *)';
  expect(() => checkSchedule({ expression })).toThrow(
    'schedule.every is needed with cron(0 3 ? * SUN *): the longest time between two runs, such as Duration.days(7)',
  );
  expect(checkSchedule({ expression, every: Duration.days(7) }).every.toDays()).toBe(7);
});

describe('refused', () => {
  test.each([
    '',
    'cron(0 3 * * ?)',
    'cron(0 3 * * ? * *)',
    'rate(0.5 days)',
    'rate(1 week)',
    'at(2026-01-01T00:00:00)',
    '0 3 * * *',
  ])('the expression %j', (expression) => {
    expect(() => checkSchedule({ expression, every: Duration.days(1) })).toThrow(
      `schedule.expression is not a recurring schedule: got ${JSON.stringify(expression)}, allowed are such as`,
    );
  });

  test('a rate of nothing', () => {
    expect(() => checkSchedule({ expression: 'rate(0 days)' })).toThrow(
      'got 0, allowed are whole numbers from 1',
    );
  });

  test.each(['', 'Berlin', 'Europe/Bärlin'])('the time zone %j', (timeZone) => {
    expect(() => checkSchedule({ timeZone })).toThrow(
      `schedule.timeZone is not a time zone: got ${JSON.stringify(timeZone)}, allowed are IANA names`,
    );
  });

  test.each<[PruneScheduleProps, string]>([
    [{ filters: { dangling: ['maybe'] } }, "invalid filter 'dangling=[maybe]'"],
    [{ filters: { untill: ['1h'] } }, "invalid filter 'untill'"],
    [{ repositories: [] }, 'repositories is []'],
  ])('a request that no run would take: %j', (props, message) => {
    expect(() => checkSchedule(props)).toThrow(message);
  });
});
