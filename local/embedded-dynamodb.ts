import { once } from 'node:events';
import dynalite from 'dynalite';

/** A server running inside this process. */
export interface Embedded {
  /** For `AWS_ENDPOINT_URL` or a client's `endpoint`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

export const LOOPBACK = '127.0.0.1';

/**
 * Starts a DynamoDB (dynalite) on a free port of this machine, with its data in memory.
 * @example const { endpoint, stop } = await startEmbeddedDynamoDb();
 */
export async function startEmbeddedDynamoDb(): Promise<Embedded> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('dynalite listens on no port');
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        // Clients keep their connections; without this the server would wait for them.
        server.closeAllConnections();
      }),
  };
}
