/** Between two passes of a distributed run: what its state machine does next. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import { decide, type Question } from './decide.ts';
import type { Orders } from './orders.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
const dependencies = pruneDependencies(readConfiguration(process.env, new Date()), 'distributed');

/** The longest that a function may have: for so long after a wait nobody else gets the lock (milliseconds). */
const WORKER_LIFETIME = 15 * 60_000;

async function run(question: Question): Promise<Orders> {
  const orders = await decide(dependencies, question, WORKER_LIFETIME);
  const { runId, pass, step } = orders;
  logger.info('pass ended', { runId, pass, next: step });
  return orders;
}

export const handler = middy<Question, Orders>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(run);
