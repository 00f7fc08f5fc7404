/** The last of a distributed run's functions, whatever has become of it: adds up, reports, and gives the lock back. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import { lastResort } from '../last-resort.ts';
import { metricsOf } from '../metric-names.ts';
import { observe } from '../prune/telemetry.ts';
import { finishDistributed } from './finish.ts';
import { type End, type Ended, endOf, failureOf, ownerOf } from './orders.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
const configuration = readConfiguration(process.env, new Date());
const metrics = new Metrics(metricsOf('prune', configuration.bucketName));
const dependencies = pruneDependencies(configuration, 'distributed');

async function run({ state, execution }: End, context: Context): Promise<Ended> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const ending = { runId: state.runId, failure: failureOf(state) };
  const owner = ownerOf(execution);
  const report = await finishDistributed({ ...dependencies, owner }, ending, deadline);
  if (report !== undefined) observe('prune', report, { logger, metrics });
  return endOf(state, report);
}

const { options, heeding } = lastResort();

export const handler = middy<End, Ended>(options)
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(heeding(run));
