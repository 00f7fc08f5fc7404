/** One of a distributed run's workers: works on its lane until done or out of time. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import { lastResort } from '../last-resort.ts';
import type { Order } from './orders.ts';
import { readConcurrency } from './settings.ts';
import { runWorker, type SliceDone } from './slice.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
/** Made once, so that warm invocations use the same connections. */
const dependencies = {
  ...pruneDependencies(readConfiguration(process.env, new Date()), 'distributed'),
  ...readConcurrency(process.env),
};

async function run(order: Order, context: Context, { signal }: { signal: AbortSignal }): Promise<SliceDone> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const done = await runWorker({ ...dependencies, signal }, order, deadline);
  logger.info('worker ended', { ...done });
  return done;
}

const { options, heeding } = lastResort();

export const handler = middy<Order, SliceDone>(options)
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(heeding(run));
