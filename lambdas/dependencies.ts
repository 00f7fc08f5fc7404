/** Puts the pieces together for real: configuration in, stores over AWS out. */
import { ulid } from 'ulid';
import type { Configuration } from './configuration.ts';
import type { IndexContext } from './index/context.ts';
import type { PruneDependencies } from './prune/settings.ts';
import { dynamoDbClient, eventBridgeClient, s3Client } from './store/aws-clients.ts';
import { DynamoDbTable } from './store/dynamodb-table.ts';
import { EventBridgeBus } from './store/eventbridge-bus.ts';
import { Metadata } from './store/metadata.ts';
import { RegistryBucket } from './store/registry-bucket.ts';
import { S3Bucket } from './store/s3-bucket.ts';

const now = (): number => Date.now();
const sleep = (milliseconds: number): Promise<void> =>
  new Promise((done) => {
    setTimeout(done, milliseconds);
  });

/** For a prune. @param owner who runs it, as the lock and its refusals show. */
export function pruneDependencies(configuration: Configuration, owner: string): PruneDependencies {
  const { tableName, bucketName, layout, busName, ...settings } = configuration;
  const client = s3Client();
  return {
    table: new DynamoDbTable({ client: dynamoDbClient(), tableName }),
    objects: (guard) => new S3Bucket({ client, bucket: bucketName, guard }),
    bus: new EventBridgeBus({ client: eventBridgeClient(), busName }),
    ...{ layout, bucketName, settings, owner, now, sleep, newId: ulid },
  };
}

/** For the indexer and for a rebuild. It deletes nothing of the registry. */
export function indexDependencies(configuration: Configuration): IndexContext {
  const { tableName, bucketName, layout, grace } = configuration;
  const table = new DynamoDbTable({ client: dynamoDbClient(), tableName });
  const objects = new S3Bucket({ client: s3Client(), bucket: bucketName });
  return {
    metadata: new Metadata(table, ulid),
    bucket: new RegistryBucket(objects, layout),
    ...{ now, grace },
  };
}
