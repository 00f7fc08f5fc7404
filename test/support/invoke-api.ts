/** Lambda's Invoke API over a handler in this process: answers as the service does, errors too. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';

export type Handler = (payload: unknown, context: Context) => Promise<unknown>;

export interface InvokeApi {
  readonly endpoint: string;
  /** The payloads that it was sent. */
  readonly payloads: readonly unknown[];
  readonly stop: () => Promise<void>;
}

const LIFETIME = 900_000;

/** @param functions by their names; of others it says that there are none. */
export async function startInvokeApi(functions: Readonly<Record<string, Handler>>): Promise<InvokeApi> {
  const payloads: unknown[] = [];
  const server = createServer(async (request, response) => {
    const [, name = ''] =
      /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const payload = await json(request);
    const handler = functions[name];
    if (request.method !== 'POST' || handler === undefined) {
      response.writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' });
      response.end(JSON.stringify({ Type: 'User', Message: `Function not found: ${arnOf(name)}` }));
      return;
    }
    payloads.push(payload);
    try {
      response.end(JSON.stringify((await handler(payload, contextOf(name))) ?? null));
    } catch (error) {
      const { name: errorType, message: errorMessage } = error instanceof Error ? error : Error(`${error}`);
      response.setHeader('x-amz-function-error', 'Unhandled');
      response.end(JSON.stringify({ errorType, errorMessage, trace: [] }));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    payloads,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:123456789012:function:${name}`;

function contextOf(functionName: string): Context {
  const ends = Date.now() + LIFETIME;
  return {
    callbackWaitsForEmptyEventLoop: false,
    ...{ functionName, functionVersion: '1', invokedFunctionArn: arnOf(functionName) },
    ...{ memoryLimitInMB: '512', awsRequestId: '11111111-2222-4333-8444-555555555555' },
    ...{ logGroupName: `/aws/lambda/${functionName}`, logStreamName: 'one' },
    getRemainingTimeInMillis: () => ends - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
