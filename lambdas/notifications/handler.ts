/** The notification function: the registry's webhook, behind a function URL. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { LambdaFunctionURLEvent } from 'aws-lambda';
import { notificationDependencies } from '../dependencies.ts';
import { metricsOf } from '../metric-names.ts';
import { readNotificationSettings } from './settings.ts';
import { observeFailure, observeReceipt } from './telemetry.ts';
import { type Answer, receive } from './webhook.ts';

const logger = new Logger({ serviceName: 'registry-prune-notifications' });
const metrics = new Metrics(metricsOf('notifications', process.env['REGISTRY_BUCKET']));
/** Made once, so that warm invocations use the same connections, and remember what is recorded. */
const webhook = notificationDependencies(readNotificationSettings(process.env), (error) =>
  logger.error('secrets not renewed', error instanceof Error ? error : String(error)),
);

async function notify(event: LambdaFunctionURLEvent): Promise<Answer> {
  const receipt = await receive(webhook, event);
  observeReceipt(receipt, { logger, metrics });
  return receipt.answer;
}

export const handler = middy<LambdaFunctionURLEvent, Answer>()
  // Whatever the environment says: the event has the secret in it.
  .use(injectLambdaContext(logger, { resetKeys: true, logEvent: false }))
  .onError(({ error }) => observeFailure(error, { logger, metrics }))
  .handler(notify);
