/** The restore function: removes delete markers and nothing else, with a role that nobody else has (protocol section 6). */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { markerRemover } from '../dependencies.ts';
import { parseMarkers } from './markers-request.ts';

const logger = new Logger({ serviceName: 'registry-prune-restore' });
const { remover, layout } = markerRemover(process.env);

async function restore(payload: unknown): Promise<{ readonly removed: number }> {
  const markers = parseMarkers(payload, layout);
  await remover.remove(markers);
  logger.info('delete markers removed', { count: markers.length, keys: markers.map(({ key }) => key) });
  return { removed: markers.length };
}

export const handler = middy<unknown, { readonly removed: number }>()
  .use(injectLambdaContext(logger, { resetKeys: true }))
  .handler(restore);
