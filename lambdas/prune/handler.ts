/** The prune function: called by a schedule, from the console, or by the command line. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { pruneDependencies } from '../dependencies.ts';
import { metricsOf } from '../metric-names.ts';
import { prune } from './engine.ts';
import type { Report } from './report.ts';
import { parsePruneRequest } from './request.ts';
import { observe, observeFailure } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
const configuration = readConfiguration(process.env, new Date());
const metrics = new Metrics(metricsOf('prune', configuration.bucketName));
/** Made once, so that warm invocations use the same connections. */
const dependencies = pruneDependencies(configuration, 'lambda');

/** The signal comes this much before the function is killed, as a last resort: the run ends itself earlier. */
const ABORT_BEFORE_TIMEOUT = 5_000;

async function run(payload: unknown, context: Context, { signal }: { signal: AbortSignal }): Promise<Report> {
  const request = parsePruneRequest(payload, new Date(), { filters: configuration.defaultFilters });
  const owner = `${context.functionName} ${context.awsRequestId}`;
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const report = await prune({ ...dependencies, owner, signal }, request, [deadline]);
  observe(report, { logger, metrics });
  return report;
}

export const handler = middy<unknown, Report>({ timeoutEarlyInMillis: ABORT_BEFORE_TIMEOUT })
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .onError(() => observeFailure(metrics))
  .handler(run);
