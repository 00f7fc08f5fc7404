import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { NEVER_ASYNCHRONOUS, RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { notificationPermissions, type Resources } from './permissions.ts';

export interface PullTimesProps extends Pick<Resources, 'table' | 'bucket'> {
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

const SECRET_LENGTH = 40;

/** Takes the registry's notifications, so that the time of each image's last pull is known. */
export class PullTimes extends Construct {
  readonly receiver: RegistryFunction;
  readonly url: string;
  /** What the registry shows: `Authorization: Bearer …`. */
  readonly secret: Secret;

  constructor(scope: Construct, id: string, props: PullTimesProps) {
    super(scope, id);
    const { table, bucket, logRetention } = props;
    this.secret = new Secret(this, 'Secret', {
      description: `With which the registry in ${bucket.bucketName} sends its notifications`,
      generateSecretString: { passwordLength: SECRET_LENGTH, excludePunctuation: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(this.secret, [
      {
        id: 'AwsSolutions-SMG4',
        reason:
          'The registry reads it from its own configuration, which nothing here can change: it is rotated by hand ' +
          '(docs/operations.md), with the old one valid meanwhile.',
      },
    ]);
    this.receiver = new RegistryFunction(this, 'Receiver', {
      handler: 'notifications/handler.ts',
      description: `Records when images of ${bucket.bucketName} were last pulled`,
      memorySize: 256,
      timeout: Duration.seconds(10),
      environment: {
        METADATA_TABLE: table.tableName,
        REGISTRY_BUCKET: bucket.bucketName,
        NOTIFICATION_SECRET_ID: this.secret.secretArn,
      },
      permissions: notificationPermissions(props, this.secret.secretArn),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    acknowledge(this.receiver.function, NEVER_ASYNCHRONOUS);
    // The registry signs nothing: it can only show a secret, which the function checks.
    this.url = this.receiver.function.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }).url;
  }
}
