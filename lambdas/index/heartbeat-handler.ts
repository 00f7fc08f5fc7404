/** The heartbeat function: called by a schedule, several times in each `MAX_INDEX_LAG`. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { readConfiguration } from '../configuration.ts';
import { heartbeatWriter } from '../dependencies.ts';

const logger = new Logger({ serviceName: 'registry-prune-heartbeat' });
const writeHeartbeat = heartbeatWriter(readConfiguration(process.env, new Date()));

export const handler = middy<unknown, void>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(async () => {
    await writeHeartbeat();
  });
