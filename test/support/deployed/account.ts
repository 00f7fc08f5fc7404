/**
 * A stand-in for an account: all requests of the functions come here, are written down by the role that sent them, and go
 * on to the emulator, or, when a function is invoked, to that function.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { SentRequest } from './calls.ts';

export interface Recorded extends SentRequest {
  /** The access key, which is the role's name here. */
  readonly role: string;
}

export interface Account {
  readonly url: string;
  readonly recorded: readonly Recorded[];
  readonly stop: () => Promise<void>;
}

type Invoke = (functionName: string, payload: unknown) => Promise<unknown>;

export async function startAccount(emulator: string, invoke: Invoke): Promise<Account> {
  const recorded: Recorded[] = [];
  const server = createServer(async (incoming, response) => {
    const body = await buffer(incoming);
    const role = /Credential=([^/]+)\//.exec(incoming.headers.authorization ?? '')?.[1] ?? 'nobody';
    const { method = '', url = '', headers } = incoming;
    const status = await answer({ incoming, body, response, emulator, invoke });
    recorded.push({ role, method, url, headers, body: body.toString(), status });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    recorded,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
  readonly response: ServerResponse;
  readonly emulator: string;
  readonly invoke: Invoke;
}

/** @returns the status that the caller got. */
async function answer({ incoming, body, response, emulator, invoke }: Exchange): Promise<number> {
  const functionName = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(incoming.url ?? '')?.[1];
  if (functionName === undefined) return await forward(incoming, body, response, emulator);
  try {
    const result = await invoke(decodeURIComponent(functionName), JSON.parse(body.toString()));
    response.end(JSON.stringify(result ?? null));
  } catch (error) {
    response.setHeader('x-amz-function-error', 'Unhandled');
    const { name: errorType, message: errorMessage } =
      error instanceof Error ? error : new Error(String(error));
    response.end(JSON.stringify({ errorType, errorMessage }));
  }
  return response.statusCode;
}

async function forward(
  { method, url = '', headers }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  emulator: string,
): Promise<number> {
  const outgoing = request(new URL(emulator), { method, path: url, headers });
  outgoing.end(body);
  const [answered] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.writeHead(answered.statusCode ?? 502, answered.headers);
  answered.pipe(response);
  await once(answered, 'end');
  return response.statusCode;
}
