import { Aws, Duration } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { templateOf } from './temporary-app.ts';

describe('a bucket that exists', () => {
  const template = () => templateOf({ bucketName: 'my-registry' });

  test('is neither made nor owned: its events are turned on, beside what is there', () => {
    template().resourceCountIs('AWS::S3::Bucket', 0);
    template().resourceCountIs('AWS::S3::BucketPolicy', 0);
    template().hasResourceProperties('Custom::S3BucketNotifications', {
      BucketName: 'my-registry',
      NotificationConfiguration: { EventBridgeConfiguration: {} },
      Managed: false,
    });
  });

  test('is all that the handler may change, and its log has an end', () => {
    const [handler] = Object.values(
      template().findResources('AWS::Lambda::Function', {
        Properties: { Description: Match.stringLikeRegexp('Custom::S3BucketNotifications') },
      }),
    );
    expect(handler?.['Properties'].Role['Fn::GetAtt'][0]).toMatch(/^RegistryNotificationsRole/);
    expect(handler?.['Properties'].LoggingConfig.LogGroup.Ref).toMatch(/^RegistryNotificationsLog/);
    template().resourcePropertiesCountIs('AWS::Logs::LogGroup', { RetentionInDays: Match.absent() }, 0);
  });

  test('may be known only when deployed', () => {
    templateOf({ bucketName: `registry-${Aws.ACCOUNT_ID}` }).hasResourceProperties(
      'Custom::S3BucketNotifications',
      {
        BucketName: { 'Fn::Join': ['', ['registry-', { Ref: 'AWS::AccountId' }]] },
      },
    );
  });

  test.each(['', 'ab', 'My-Registry', 'a/b', 's3://registry', 'registry-', 'x'.repeat(64)])(
    'cannot be called %j',
    (bucketName) => {
      expect(() => templateOf({ bucketName })).toThrow(
        `bucketName cannot be ${JSON.stringify(bucketName)}: ` +
          'allowed are names of buckets, of 3 to 63 lower-case letters, digits, "-" and "."',
      );
    },
  );
});

describe('a bucket of its own', () => {
  test('keeps versions, is nobody else’s, and stays when the stack goes', () => {
    templateOf().hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        VersioningConfiguration: { Status: 'Enabled' },
        NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      },
    });
    templateOf().resourceCountIs('Custom::S3BucketNotifications', 0);
  });

  test.each([
    [Duration.days(14), 14],
    [Duration.days(30), 30],
    [Duration.hours(25), 2],
  ])('keeps what was deleted for the undo window, in whole days: %s', (undoWindow, days) => {
    const prefixes = { heartbeatPrefix: 'beats/', journalPrefix: 'journals/', planPrefix: 'plans/' };
    const reindexPrefix = 'rebuilds/';
    templateOf({ undoWindow, reindexPrefix, ...prefixes }).hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: {
        Rules: [
          {
            Status: 'Enabled',
            NoncurrentVersionExpiration: { NoncurrentDays: days },
            ExpiredObjectDeleteMarker: true,
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 14 },
            ExpirationInDays: Match.absent(),
            Prefix: Match.absent(),
          },
          { Status: 'Enabled', Prefix: 'journals/', ExpirationInDays: 365 },
          { Status: 'Enabled', Prefix: 'beats/', ExpirationInDays: 2 },
          { Status: 'Enabled', Prefix: 'plans/', ExpirationInDays: 90 },
          {
            ...{ Status: 'Enabled', Prefix: 'rebuilds/', ExpirationInDays: 14 },
            NoncurrentVersionExpiration: { NoncurrentDays: 1 },
          },
        ].map((rule) => Match.objectLike(rule)),
      },
    });
  });
});
