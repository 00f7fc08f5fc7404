import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, type IChainable, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge, allow, give } from './permission.ts';

export interface WorkflowProps {
  /** What it is for, as the console shows it. */
  readonly description: string;
  readonly definition: IChainable;
  /** All functions that its tasks call. */
  readonly functions: readonly IFunction[];
  /** After which it is ended, wherever it is. */
  readonly timeout: Duration;
  /**
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
}

/** What delivers a workflow's log and its traces cannot be limited to one of them. */
const EVERYWHERE = 'These actions of CloudWatch Logs and X-Ray know no resources.';

/**
 * One standard workflow over functions: its failures in a log group, traces of its steps, and a role that may call
 * its functions and no more.
 */
export class Workflow extends Construct {
  readonly machine: StateMachine;
  readonly logGroup: LogGroup;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    const { description, definition, functions, timeout, logRetention = RetentionDays.THREE_MONTHS } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      // Of this account's workflows alone, so that nobody else's can use the role.
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: `${Stack.of(this).stackName}: ${description}`,
    });
    give(Stack.of(this), this.role, [
      allow(
        ['lambda:InvokeFunction'],
        functions.map(({ functionArn }) => functionArn),
      ),
      allow(
        [
          ...['logs:CreateLogDelivery', 'logs:GetLogDelivery', 'logs:UpdateLogDelivery'],
          ...['logs:DeleteLogDelivery', 'logs:ListLogDeliveries', 'logs:PutResourcePolicy'],
          ...['logs:DescribeResourcePolicies', 'logs:DescribeLogGroups'],
          ...['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
          ...['xray:GetSamplingRules', 'xray:GetSamplingTargets'],
        ],
        ['*'],
        { because: EVERYWHERE },
      ),
    ]);
    this.machine = new StateMachine(this, 'Machine', {
      definitionBody: DefinitionBody.fromChainable(definition),
      comment: description,
      timeout,
      // The tasks would allow it all versions of their functions.
      role: this.role.withoutPolicyUpdates(),
      logs: { destination: this.logGroup, level: LogLevel.ERROR, includeExecutionData: true },
      tracingEnabled: true,
    });
    this.machine.node.addDependency(this.role);
    acknowledge(this.machine, [
      {
        id: 'AwsSolutions-SF1',
        reason:
          'What failed is in its log. All that happened is in the execution’s history, which is kept for 90 days.',
      },
    ]);
  }
}
