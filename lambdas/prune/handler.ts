/** The prune function: called by a schedule, from the console, or by the command line. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { operatorOf, pruneDependencies } from '../dependencies.ts';
import { lastResort } from '../last-resort.ts';
import { metricsOf } from '../metric-names.ts';
import { type Answers, operate } from '../operations/operate.ts';
import { type Action, parseOperation } from '../operations/payload.ts';
import { observe, observeFailure } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune' });
const configuration = readConfiguration(process.env, new Date());
const metrics = new Metrics(metricsOf('prune', configuration.bucketName));
/** Made once, so that warm invocations use the same connections. */
const dependencies = pruneDependencies(configuration, 'lambda');

async function run(payload: unknown, context: Context, { signal }: { signal: AbortSignal }) {
  const operation = parseOperation(payload, new Date(), { filters: configuration.defaultFilters });
  const owner = `${context.functionName} ${context.awsRequestId}`;
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  const occasion = { owner, signal, deadlines: [deadline], deadline };
  const operator = operatorOf(dependencies, configuration, occasion);
  const answer = await operate(operator, operation);
  observe(operation.action, answer, { logger, metrics });
  return answer;
}

const { options, heeding } = lastResort();

export const handler = middy<unknown, Answers[Action]>(options)
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .onError(({ event }) => observeFailure(event, metrics))
  .handler(heeding(run));
