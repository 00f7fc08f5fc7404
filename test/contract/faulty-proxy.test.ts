import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LOOPBACK } from '../../local/embedded-dynamodb.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';

/** A service that has begun, and ends when told to. */
async function slowService() {
  const [begun, permission] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let ended = false;
  const server = createServer(async (_, response) => {
    begun.resolve();
    await permission.promise;
    ended = true;
    response.end('done');
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  onTestFinished(() => {
    permission.resolve();
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the service listens on no port');
  const endpoint = `http://${LOOPBACK}:${address.port}`;
  return { endpoint, begun: begun.promise, end: () => permission.resolve(), hasEnded: () => ended };
}

describe('a proxy that stops', () => {
  it('leaves nothing behind that the service may still do', async () => {
    const service = await slowService();
    let answered = false;
    const proxy = await startFaultyProxy({
      endpoint: service.endpoint,
      onAnswer: () => {
        answered = true;
      },
    });
    const client = new AbortController();
    const asked = fetch(`${proxy.endpoint}/bucket/key`, { signal: client.signal }).catch(() => 'gone');
    await service.begun;
    // Whoever has asked dies.
    client.abort();
    expect(await asked).toBe('gone');
    const stopped = proxy.stop();
    service.end();
    await stopped;
    expect([service.hasEnded(), answered]).toEqual([true, true]);
  });

  it('waits for nothing where nobody has asked', async () => {
    const service = await slowService();
    const proxy = await startFaultyProxy({ endpoint: service.endpoint });
    await proxy.stop();
    await expect(fetch(proxy.endpoint)).rejects.toThrow();
  });
});
