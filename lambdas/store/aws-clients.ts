import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { AdaptiveLimit, limited } from './adaptive-limit.ts';

/** Clients of the AWS SDK; region, credentials and `AWS_ENDPOINT_URL` are read by the SDK itself. */

type Environment = Readonly<Record<string, string | undefined>>;

/** One connection for each request that may be under way at once; more would wait for each other unseen. */
const SOCKETS = 64;
const CONNECT_TIMEOUT = 2000;
/** Of one attempt. A batch of 1,000 deletions takes seconds; everything else far less. */
const S3_TIMEOUT = 60_000;
const DYNAMODB_TIMEOUT = 10_000;
const EVENTBRIDGE_TIMEOUT = 10_000;
/** The restore function answers within this. */
const LAMBDA_TIMEOUT = 60_000;
/** A prune takes as long as a function may, and is not asked for twice. */
const LONG_LAMBDA_TIMEOUT = 16 * 60_000;
const SECRETS_TIMEOUT = 3_000;
/** A receive waits for messages for up to 20 s. */
const SQS_TIMEOUT = 30_000;

function connections(requestTimeout: number) {
  return {
    connectionTimeout: CONNECT_TIMEOUT,
    requestTimeout,
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: SOCKETS },
    httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
  };
}

/** Adaptive: a new on-demand table throttles until it has grown, and then the rate matters more than each try. */
export function dynamoDbClient(): DynamoDBClient {
  const client = new DynamoDBClient({
    retryMode: 'adaptive',
    maxAttempts: 8,
    requestHandler: connections(DYNAMODB_TIMEOUT),
  });
  return limited(client, new AdaptiveLimit(SOCKETS));
}

/** Path style where an endpoint is set: emulators have no name for each bucket. */
export function s3Client(environment: Environment = process.env): S3Client {
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'];
  const client = new S3Client({
    retryMode: 'standard',
    maxAttempts: 5,
    forcePathStyle: Boolean(endpoint),
    requestHandler: connections(S3_TIMEOUT),
  });
  return limited(client, new AdaptiveLimit(SOCKETS));
}

export function eventBridgeClient(): EventBridgeClient {
  return new EventBridgeClient({
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: connections(EVENTBRIDGE_TIMEOUT),
  });
}

export function sqsClient(): SQSClient {
  return new SQSClient({
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: connections(SQS_TIMEOUT),
  });
}

export function lambdaClient(): LambdaClient {
  return new LambdaClient({
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: connections(LAMBDA_TIMEOUT),
  });
}

/** For invocations that take minutes. */
export function patientLambdaClient(): LambdaClient {
  return new LambdaClient({ maxAttempts: 1, requestHandler: connections(LONG_LAMBDA_TIMEOUT) });
}

export function secretsManagerClient(): SecretsManagerClient {
  return new SecretsManagerClient({
    retryMode: 'standard',
    maxAttempts: 3,
    requestHandler: connections(SECRETS_TIMEOUT),
  });
}
