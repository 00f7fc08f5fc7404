/** A Lambda function URL: HTTP requests as the events of payload 2.0, and a server that makes them so. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Context, LambdaFunctionURLEvent } from 'aws-lambda';

export interface FunctionAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type UrlFunction = (event: LambdaFunctionURLEvent, context: Context) => Promise<FunctionAnswer>;

/** What distribution 2.8 says its envelopes are. */
export const EVENTS_TYPE = 'application/vnd.docker.distribution.events.v1+json';

/** Lambda passes on these as they are, and everything else in base64. */
const TEXT = /^(?:text\/|application\/(?:json|javascript|xml)\b)/;

export function urlEvent(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
): LambdaFunctionURLEvent {
  const all: Record<string, string> = { 'content-type': EVENTS_TYPE, ...headers };
  const isBase64Encoded = !TEXT.test(all['content-type'] ?? '');
  const host = 'abc.lambda-url.us-east-1.on.aws';
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: all,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abc',
      domainName: host,
      domainPrefix: 'abc',
      http: {
        method,
        path: '/',
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.1',
        userAgent: 'Go-http-client/1.1',
      },
      requestId: '11111111-2222-4333-8444-555555555555',
      routeKey: '$default',
      stage: '$default',
      time: '01/Mar/2026:00:00:00 +0000',
      timeEpoch: 1_772_323_200_000,
    },
    body: Buffer.from(body).toString(isBase64Encoded ? 'base64' : 'utf8'),
    isBase64Encoded,
  };
}

export function urlContext(): Context {
  const ended = Date.now() + 30_000;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'notifications',
    functionVersion: '1',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:notifications',
    memoryLimitInMB: '256',
    awsRequestId: '11111111-2222-4333-8444-555555555555',
    logGroupName: '/aws/lambda/notifications',
    logStreamName: 'one',
    getRemainingTimeInMillis: () => ended - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}

export interface UrlServer {
  readonly url: string;
  /** What came and what was answered, in the order of the answers. */
  readonly calls: { readonly body: string; readonly answer: FunctionAnswer }[];
  readonly stop: () => Promise<void>;
}

/** Serves a function as its URL would. */
export async function serveFunction(run: UrlFunction): Promise<UrlServer> {
  const calls: UrlServer['calls'] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const answer = await run(urlEvent(body, single(request.headers), request.method), urlContext());
    calls.push({ body: body.toString(), answer });
    response.writeHead(answer.statusCode, answer.headers).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    calls,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A header that came more than once is joined with commas. */
const single = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(',')]));
