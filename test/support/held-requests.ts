/** A service that takes its time, for as long as a test wants. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { type Embedded, LOOPBACK } from '../../local/embedded-dynamodb.ts';

export interface HeldRequests extends Embedded {
  /** Resolves when the first request that is meant has arrived; the service has not seen it. */
  readonly held: Promise<void>;
  /** Lets go what is held, and all that comes after it. */
  release(): void;
}

/**
 * A proxy before the service that holds back every request that is meant.
 * @example
 * const slow = await holdRequests(endpoint, ({ method, url }) => method === 'POST' && url.includes('delete'));
 * await slow.held;
 * slow.release();
 */
export async function holdRequests(
  endpoint: string,
  isMeant: (request: { readonly method: string; readonly url: string }) => boolean,
): Promise<HeldRequests> {
  const arrival = Promise.withResolvers<void>();
  const permission = Promise.withResolvers<void>();
  const server = createServer(async (request: IncomingMessage, response) => {
    const { method = '', url = '', headers } = request;
    const body = await buffer(request);
    if (isMeant({ method, url })) {
      arrival.resolve();
      await permission.promise;
    }
    const forwarded = send(new URL(url, endpoint), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    forwarded.end(body);
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  const stop = async () => {
    permission.resolve();
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    held: arrival.promise,
    release: () => permission.resolve(),
    stop,
  };
}
