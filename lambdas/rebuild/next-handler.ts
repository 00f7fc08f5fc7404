/** Tells the rebuild's state machine what is to be done next. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { readConfiguration } from '../configuration.ts';
import { rebuildDependencies } from '../dependencies.ts';
import { type Next, next } from './next.ts';
import { parseRebuildRequest } from './request.ts';
import { observeNext } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune-rebuild' });
/** Made once, so that warm invocations use the same connections. */
const dependencies = rebuildDependencies(readConfiguration(process.env, new Date()));
const inventoryBucket = process.env['INVENTORY_BUCKET'];
/** The function's role lets it read no other. */
const inventoryBuckets = inventoryBucket ? [inventoryBucket] : [];

export const handler = middy<unknown, Next>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(async (payload) => {
    const step = await next({ ...dependencies, inventoryBuckets }, parseRebuildRequest(payload));
    observeNext(step, logger);
    return step;
  });
