/** The heartbeat function: called by a schedule, several times in each `MAX_INDEX_LAG`. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import { readConfiguration } from '../configuration.ts';
import { gaugeReader, heartbeatWriter } from '../dependencies.ts';
import { metricsOf } from '../metric-names.ts';
import { observeGauges } from './telemetry.ts';

const logger = new Logger({ serviceName: 'registry-prune-heartbeat' });
const configuration = readConfiguration(process.env, new Date());
const metrics = new Metrics(metricsOf('heartbeat', configuration.bucketName));
const writeHeartbeat = heartbeatWriter(configuration);
const readGauges = gaugeReader(configuration);

export const handler = middy<unknown, void>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(async () => {
    // First: the beat goes out also when the table cannot be read.
    await writeHeartbeat();
    observeGauges(await readGauges(), metrics);
  });
