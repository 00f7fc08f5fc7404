/** The first of a distributed run's functions: takes the lock, asks gate and brake, and sends the workers out. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import { lastResort } from '../last-resort.ts';
import { metricsOf } from '../metric-names.ts';
import { observeFailure } from '../prune/telemetry.ts';
import { ownerOf } from './orders.ts';
import { readDistributedSettings } from './settings.ts';
import { type Started, startDistributed } from './start.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
const configuration = readConfiguration(process.env, new Date());
const settings = readDistributedSettings(process.env, configuration);
const metrics = new Metrics(metricsOf('prune', configuration.bucketName));
const dependencies = pruneDependencies(configuration, 'distributed');

interface Beginning {
  readonly request: unknown;
  readonly execution: string;
}

async function run({ request, execution }: Beginning, context: Context): Promise<Started> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const prune = { ...dependencies, owner: ownerOf(execution) };
  return await startDistributed({ prune, settings }, request, deadline);
}

const { options, heeding } = lastResort();

export const handler = middy<Beginning, Started>(options)
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .onError(({ event }) => observeFailure(event.request, metrics))
  .handler(heeding(run));
