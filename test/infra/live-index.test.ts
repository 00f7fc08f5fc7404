import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { idOf, templateOf } from './temporary-app.ts';

const template = () =>
  templateOf({ bucketName: 'my-registry', rootDirectory: '/r', heartbeatPrefix: 'beats/' });

describe('the rule', () => {
  test('takes the changes of the registry and the heartbeats, and nothing else of the bucket', () => {
    template().hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created', 'Object Deleted'],
        detail: {
          bucket: { name: ['my-registry'] },
          object: { key: [{ prefix: 'r/docker/registry/v2/' }, { prefix: 'beats/' }] },
        },
      },
      State: 'ENABLED',
    });
  });

  test('is on the default bus, where S3 sends', () => {
    templateOf({ eventBus: 'own' }).hasResourceProperties('AWS::Events::Rule', {
      EventBusName: Match.absent(),
    });
  });

  test('sends to the queue; what does not get there is a dead letter too, so that runs refuse', () => {
    const made = template();
    const queue = idOf(made, 'AWS::SQS::Queue', 'IndexQueue');
    const dead = idOf(made, 'AWS::SQS::Queue', 'IndexDeadLetters');
    made.hasResourceProperties('AWS::Events::Rule', {
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [queue, 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [dead, 'Arn'] } },
        }),
      ],
    });
  });
});

describe('the queue', () => {
  test('lets a message be tried five times, each for six times as long as the function takes', () => {
    const made = template();
    const dead = idOf(made, 'AWS::SQS::Queue', 'IndexDeadLetters');
    made.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 360,
      MessageRetentionPeriod: 1_209_600,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: { 'Fn::GetAtt': [dead, 'Arn'] } },
    });
    made.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('^Brings the changes'),
      Timeout: 60,
    });
  });

  test('keeps dead letters for as long as SQS can', () => {
    const queues = Object.values(template().findResources('AWS::SQS::Queue'));
    expect(queues.map((queue) => queue['Properties'].MessageRetentionPeriod)).toEqual([
      1_209_600, 1_209_600, 1_209_600,
    ]);
  });

  test('takes nothing that is not sent over TLS', () => {
    const made = template();
    const policies = Object.values(made.findResources('AWS::SQS::QueuePolicy'));
    expect(policies).toHaveLength(3);
    for (const { Properties } of policies) {
      expect(Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
    }
  });

  test('feeds the function, message by message', () => {
    const made = template();
    made.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [idOf(made, 'AWS::SQS::Queue', 'IndexQueue'), 'Arn'] },
      FunctionName: { Ref: idOf(made, 'AWS::Lambda::Function', 'IndexIndexer') },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BatchSize: 10,
      ScalingConfig: { MaximumConcurrency: 10 },
    });
  });

  test.each([2, 50, 1000])('is worked off by %d at once, if so wished', (indexConcurrency) => {
    templateOf({ indexConcurrency }).hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      ScalingConfig: { MaximumConcurrency: indexConcurrency },
    });
  });

  test.each([0, 1, 1001, 2.5])('cannot be worked off by %d at once', (indexConcurrency) => {
    expect(() => templateOf({ indexConcurrency })).toThrow(
      `maxConcurrency is out of range: got ${indexConcurrency}, allowed are whole numbers from 2 to 1000`,
    );
  });
});
