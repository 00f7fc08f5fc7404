/** Does a slice of the rebuild, for as long as the function has time. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { readConfiguration } from '../configuration.ts';
import { rebuildDependencies } from '../dependencies.ts';
import { announce } from '../index/blob-events.ts';
import { parseSliceRequest } from './request.ts';
import { type Sliced, workSlice } from './slice.ts';
import { observeSlice } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune-rebuild' });
/** Made once, so that warm invocations use the same connections. */
const dependencies = rebuildDependencies(readConfiguration(process.env, new Date()));

/** For the page that was begun last, and to put down how far it is (milliseconds). */
const ENDS_BEFORE_TIMEOUT = 180_000;

async function slice(payload: unknown, context: Context): Promise<Sliced> {
  const request = parseSliceRequest(payload);
  return await workSlice(dependencies, request, {
    until: Date.now() + context.getRemainingTimeInMillis() - ENDS_BEFORE_TIMEOUT,
    onHealed: (healed) => announce(dependencies, healed),
    onReport: (report) => observeSlice(request, report, logger),
  });
}

export const handler = middy<unknown, Sliced>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(slice);
