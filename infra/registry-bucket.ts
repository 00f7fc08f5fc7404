import { createHash } from 'node:crypto';
import { CfnResource, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
} from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { check } from './checks.ts';
import { acknowledge } from './permission.ts';
import type { CheckedSettings } from './settings.ts';

export interface RegistryBucketProps {
  /**
   * The name of the registry's bucket, in the stack's region. Its events are turned on; nothing else of it is changed.
   *
   * @default - one is made, with versions and with the lifecycle rules that undo needs
   */
  readonly bucketName?: string;
  readonly settings: CheckedSettings;
}

/** How long journals are kept: as long as the table's items of runs. */
const JOURNAL_DAYS = 365;
const HEARTBEAT_DAYS = 2;
/** A plan is applied within days; when its last blob has gone, the runs that applied it tell of it. */
const PLAN_DAYS = 90;
/** What a rebuild leaves that was never ended; one that ends deletes it, and none may take as long. */
const REBUILD_DAYS = 14;
/** distribution's uploads end within hours; the prune ends those that did not after a week. */
const MULTIPART_DAYS = 14;

/** The registry's bucket: the one there is, or a new one that has all that undo and the prune need. */
export class RegistryBucket extends Construct {
  readonly bucket: IBucket | Bucket;

  /** @throws Error when `bucketName` cannot be one. */
  constructor(scope: Construct, id: string, { bucketName, settings }: RegistryBucketProps) {
    super(scope, id);
    this.bucket = bucketName === undefined ? newBucket(this, settings) : existingBucket(this, bucketName);
  }
}

function newBucket(
  scope: Construct,
  { undoWindow, journalPrefix, heartbeatPrefix, planPrefix, reindexPrefix }: CheckedSettings,
): Bucket {
  const bucket = new Bucket(scope, 'Bucket', {
    versioned: true,
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      {
        id: 'undo-window',
        // S3 counts whole days.
        noncurrentVersionExpiration: Duration.days(Math.ceil(undoWindow.toHours({ integral: false }) / 24)),
        expiredObjectDeleteMarker: true,
        abortIncompleteMultipartUploadAfter: Duration.days(MULTIPART_DAYS),
      },
      { id: 'journals', prefix: journalPrefix, expiration: Duration.days(JOURNAL_DAYS) },
      { id: 'heartbeats', prefix: heartbeatPrefix, expiration: Duration.days(HEARTBEAT_DAYS) },
      { id: 'plans', prefix: planPrefix, expiration: Duration.days(PLAN_DAYS) },
      {
        id: 'rebuilds',
        prefix: reindexPrefix,
        expiration: Duration.days(REBUILD_DAYS),
        noncurrentVersionExpiration: Duration.days(1),
      },
    ],
  });
  // The bucket is the stack's own, so that its notifications need no custom resource.
  (bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
    eventBridgeConfiguration: { eventBridgeEnabled: true },
  };
  acknowledge(bucket, [
    {
      id: 'AwsSolutions-S1',
      reason:
        'Access logs of a registry cost as much as it has pulls, and are its operator’s to decide. What a prune deletes ' +
        'is in its journal.',
    },
  ]);
  return bucket;
}

/**
 * S3 has one document for all notifications of a bucket, and whoever writes it replaces it. The CDK's handler reads it
 * first and keeps what is there. When the stack goes, EventBridge stays on: others may have come to use it.
 */
function existingBucket(scope: Construct, bucketName: string): IBucket {
  check.bucketName('bucketName', bucketName);
  const stack = Stack.of(scope);
  const log = new LogGroup(scope, 'NotificationsLog', {
    retention: RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, 'NotificationsRole', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    description: `${stack.stackName}: turns on the events of the registry's bucket`,
    inlinePolicies: {
      Notifications: new PolicyDocument({
        statements: [
          new PolicyStatement({
            actions: ['s3:GetBucketNotification', 's3:PutBucketNotification'],
            resources: [stack.formatArn({ service: 's3', region: '', account: '', resource: bucketName })],
          }),
          new PolicyStatement({
            actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            resources: [log.logGroupArn],
          }),
        ],
      }),
    },
  });
  const bucket = Bucket.fromBucketAttributes(scope, 'Bucket', {
    bucketName,
    // The handler would allow itself every bucket there is.
    notificationsHandlerRole: role.withoutPolicyUpdates(),
  });
  bucket.enableEventBridgeNotification();
  const handler = resourceOf(stack.node.findChild(HANDLER_ID));
  handler.addPropertyOverride('LoggingConfig', { LogGroup: log.logGroupName });
  // An update by the handler would take the ids of others' notifications away: another bucket is another resource.
  if (!Token.isUnresolved(bucketName))
    resourceOf(bucket.node.findChild('Notifications')).overrideLogicalId(`BucketEvents${hashOf(bucketName)}`);
  return bucket;
}

/** The CDK's own handler of bucket notifications, one for each stack. */
const HANDLER_ID = 'BucketNotificationsHandler050a0587b7544547bf325f094a3db834';

function resourceOf(construct: IConstruct): CfnResource {
  const resource = construct.node.findChild('Resource');
  if (CfnResource.isCfnResource(resource)) return resource;
  throw new Error(
    `${construct.node.path} has no resource: this version of the CDK is not the one that is known`,
  );
}

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase();
