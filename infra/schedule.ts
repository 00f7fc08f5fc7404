import { type Duration, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Schedule,
  type ScheduleExpression,
  ScheduleTargetInput,
  TimeWindow,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';

export interface InvocationProps {
  readonly target: IFunction | IStateMachine;
  readonly when: ScheduleExpression;
  readonly description: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly retryAttempts: number;
  readonly maxEventAge: Duration;
  readonly enabled?: boolean;
  readonly deadLetters?: IQueue;
}

/**
 * A schedule of EventBridge Scheduler that invokes one function, or starts one state machine, on the minute, with a role
 * that can do nothing else.
 */
export function invokeOnSchedule(scope: Construct, id: string, props: InvocationProps): Schedule {
  const {
    target,
    when,
    description,
    payload,
    retryAttempts,
    maxEventAge,
    enabled = true,
    deadLetters,
  } = props;
  const invoke = new PolicyStatement(
    'functionArn' in target
      ? { actions: ['lambda:InvokeFunction'], resources: [target.functionArn] }
      : { actions: ['states:StartExecution'], resources: [target.stateMachineArn] },
  );
  const give = deadLetters && [
    new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [deadLetters.queueArn] }),
  ];
  const role = new Role(scope, `${id}Role`, {
    // Of this account's schedules alone, so that nobody else's can use the role.
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    inlinePolicies: { Invoke: new PolicyDocument({ statements: [invoke, ...(give ?? [])] }) },
  });
  const how = {
    // The target would allow itself all versions of a function.
    role: role.withoutPolicyUpdates(),
    input: ScheduleTargetInput.fromObject(payload),
    ...{ retryAttempts, maxEventAge },
    ...(deadLetters === undefined ? {} : { deadLetterQueue: deadLetters }),
  };
  return new Schedule(scope, id, {
    ...{ schedule: when, description, enabled, timeWindow: TimeWindow.off() },
    target:
      'functionArn' in target ? new LambdaInvoke(target, how) : new StepFunctionsStartExecution(target, how),
  });
}
