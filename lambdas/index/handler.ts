/** The index function: a batch of the queue's messages, each of which fails or succeeds by itself. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { readConfiguration, readQueueUrl } from '../configuration.ts';
import { indexerDependencies } from '../dependencies.ts';
import { metricsOf } from '../metric-names.ts';
import { applyBatch } from './batch.ts';
import { observeBatch } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune-index' });
/** Made once, so that warm invocations use the same connections. */
const { indexer } = indexerDependencies(
  readConfiguration(process.env, new Date()),
  readQueueUrl(process.env, 'INDEX_QUEUE'),
);
const metrics = new Metrics(metricsOf('index', indexer.bucketName));

async function index({ Records: records }: SQSEvent): Promise<SQSBatchResponse> {
  const result = await applyBatch(
    indexer,
    records.map(({ messageId: id, body }) => ({ id, body })),
  );
  observeBatch(result, { logger, metrics });
  return { batchItemFailures: result.failed.map(({ id }) => ({ itemIdentifier: id })) };
}

export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(index);
