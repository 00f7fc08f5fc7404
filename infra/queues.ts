import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from './permission.ts';

/** A queue that only takes what is sent over TLS, and keeps it encrypted. */
export function newQueue(scope: Construct, id: string, props: QueueProps): Queue {
  return new Queue(scope, id, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, ...props });
}

/** What failed for good, kept for as long as SQS keeps anything, for a person to look at. */
export function newDeadLetterQueue(scope: Construct, id: string): Queue {
  const queue = newQueue(scope, id, { retentionPeriod: MAX_RETENTION });
  acknowledge(queue, [{ id: 'Serverless-SQSRedrivePolicy', reason: END_OF_THE_LINE }]);
  return queue;
}

/** Why a queue has no queue for what it cannot deliver. */
export const END_OF_THE_LINE = 'It is where what has failed ends: a person looks at it, and it has an alarm.';

/** The longest that SQS has. */
export const MAX_RETENTION = Duration.days(14);
