import { Duration } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { idOf, templateOf } from './temporary-app.ts';

const SCHEDULE = 'AWS::Scheduler::Schedule';

describe('the schedule', () => {
  test('invokes the prune each day at three, on the minute', () => {
    const made = templateOf();
    made.hasResourceProperties(SCHEDULE, {
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: {
        Arn: { 'Fn::GetAtt': [idOf(made, 'AWS::Lambda::Function', 'PrunePruner'), 'Arn'] },
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': [idOf(made, 'AWS::SQS::Queue', 'PruneFailures'), 'Arn'] } },
      },
    });
  });

  test('sends what the function takes', () => {
    const schedule = { filters: { until: ['24h'] }, repositories: ['team/*'] };
    const [, prune] = Object.values(templateOf({ schedule }).findResources(SCHEDULE));
    const request = JSON.parse(prune?.['Properties'].Target.Input);
    expect(request).toEqual({ trigger: 'schedule', ...schedule });
    expect(parsePruneRequest(request, new Date())).toMatchObject({ trigger: 'schedule', mode: 'online' });
  });

  test('is at another time, in another zone, or off', () => {
    const schedule = {
      expression: 'cron(30 2 ? * SUN *)',
      timeZone: 'Europe/Berlin',
      every: Duration.days(7),
      enabled: false,
    };
    templateOf({ schedule }).hasResourceProperties(SCHEDULE, {
      ScheduleExpression: 'cron(30 2 ? * SUN *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      State: 'DISABLED',
    });
  });

  test('has a role for the schedules of this account alone', () => {
    const roles = Object.values(templateOf().findResources('AWS::IAM::Role'))
      .map((role) => role['Properties'].AssumeRolePolicyDocument.Statement[0])
      .filter(({ Principal }) => Principal.Service === 'scheduler.amazonaws.com');
    expect(roles).toHaveLength(2);
    for (const { Condition } of roles)
      expect(Condition).toEqual({ StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } });
  });
});

describe('a failed run', () => {
  test('is not repeated, since its lock is still held, and ends in the queue of failures', () => {
    const made = templateOf();
    made.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: idOf(made, 'AWS::Lambda::Function', 'PrunePruner') },
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 3600,
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [idOf(made, 'AWS::SQS::Queue', 'PruneFailures'), 'Arn'] } },
      },
    });
  });

  test('had the longest time there is', () => {
    templateOf().hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.anyValue(),
      Timeout: 900,
      MemorySize: 1024,
    });
  });
});

describe('the prune', () => {
  test('looks at the dead letters, and has delete markers removed by the function for it', () => {
    const made = templateOf();
    made.hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 900,
      Environment: {
        Variables: {
          DEAD_LETTER_QUEUE: { Ref: idOf(made, 'AWS::SQS::Queue', 'IndexDeadLetters') },
          RESTORE_FUNCTION: { Ref: idOf(made, 'AWS::Lambda::Function', 'RestoreRestorer') },
        },
      },
    });
  });

  test('tells the bus of the account, another one, or one of its own', () => {
    const busOf = (made: Template) =>
      made.findResources('AWS::Lambda::Function', { Properties: { Timeout: 900 } });
    const variable = (made: Template) =>
      Object.values(busOf(made))[0]?.['Properties'].Environment.Variables.EVENT_BUS;
    expect(variable(templateOf())).toBe('default');
    expect(variable(templateOf({ eventBus: { name: 'events' } }))).toBe('events');
    const own = templateOf({ eventBus: 'own' });
    own.resourceCountIs('AWS::Events::EventBus', 1);
    expect(variable(own)).toEqual({ Ref: idOf(own, 'AWS::Events::EventBus', 'Events') });
  });
});

describe('heartbeats', () => {
  test.each([
    [Duration.minutes(15), 'rate(5 minutes)'],
    [Duration.hours(4), 'rate(5 minutes)'],
    [Duration.minutes(9), 'rate(3 minutes)'],
    [Duration.minutes(3), 'rate(1 minute)'],
  ])(
    'come three times within the lag that is allowed, and every five minutes at least: %s',
    (maxIndexLag, rate) => {
      const made = templateOf({ maxIndexLag });
      made.hasResourceProperties(SCHEDULE, {
        ScheduleExpression: rate,
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: { 'Fn::GetAtt': [idOf(made, 'AWS::Lambda::Function', 'HeartbeatWriter'), 'Arn'] },
          RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        },
      });
    },
  );

  test('cannot come three times within two minutes', () => {
    expect(() => templateOf({ maxIndexLag: Duration.seconds(179) })).toThrow(
      'maxIndexLag is too short: got 179 s, allowed are 180 s and more',
    );
  });
});
