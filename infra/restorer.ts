import { Duration } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { NEVER_ASYNCHRONOUS, RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { type Resources, restorePermissions } from './permissions.ts';

export interface RestorerProps extends Resources {
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

/** The caller waits for 60 s (`lambdas/store/aws-clients.ts`). */
const TIMEOUT = Duration.seconds(55);

/**
 * The function that removes delete markers, and checks that they are markers. Its role alone could destroy data, so nobody
 * else has it (protocol, section 6).
 */
export class Restorer extends Construct {
  readonly restorer: RegistryFunction;

  constructor(scope: Construct, id: string, props: RestorerProps) {
    super(scope, id);
    const { bucket, settings, logRetention } = props;
    this.restorer = new RegistryFunction(this, 'Restorer', {
      handler: 'restore/handler.ts',
      description: 'Removes delete markers of the registry bucket, and nothing else',
      memorySize: 256,
      timeout: TIMEOUT,
      environment: { REGISTRY_BUCKET: bucket.bucketName, ...settings.place },
      permissions: restorePermissions(props),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
    acknowledge(this.restorer.function, NEVER_ASYNCHRONOUS);
  }
}
