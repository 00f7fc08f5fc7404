/** One of a distributed run's workers: works on its lane until done or out of time. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import type { Order } from './orders.ts';
import { readConcurrency } from './settings.ts';
import { runWorker, type SliceDone } from './slice.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
/** Made once, so that warm invocations use the same connections. */
const dependencies = {
  ...pruneDependencies(readConfiguration(process.env, new Date()), 'distributed'),
  ...readConcurrency(process.env),
};

/** The signal comes this much before the function is killed, as a last resort: the worker ends itself earlier. */
const ABORT_BEFORE_TIMEOUT = 5_000;

async function run(order: Order, context: Context, { signal }: { signal: AbortSignal }): Promise<SliceDone> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const done = await runWorker({ ...dependencies, signal }, order, deadline);
  logger.info('worker ended', { ...done });
  return done;
}

export const handler = middy<Order, SliceDone>({ timeoutEarlyInMillis: ABORT_BEFORE_TIMEOUT })
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(run);
