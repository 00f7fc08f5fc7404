/** A proxy before a service, in which requests meet the faults of a plan. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type Embedded, LOOPBACK } from '../../local/embedded-dynamodb.ts';
import {
  type Answer,
  failedFunction,
  type Part,
  partOfBatch,
  partOfDeletion,
  partOfReads,
  partOfWrites,
  refusal,
  refusedEntries,
  s3Error,
} from './fault-answers.ts';
import type { Fault, FaultPlan, Service } from './faults.ts';

/** What goes to the service, and what it answers. */
export interface Exchange {
  readonly service: Service;
  readonly operation: string;
  readonly method: string;
  readonly url: string;
  readonly body: Buffer;
}

export interface ProxyOptions {
  /** Of the service behind it. */
  readonly endpoint: string;
  /** Without one, the service is what the request says: of several that answer at one endpoint. */
  readonly service?: Service;
  /** Without one, nothing goes wrong. */
  readonly plan?: Pick<FaultPlan, 'choose' | 'count'>;
  /** Right before the service sees it. */
  readonly onForward?: (exchange: Exchange) => void | Promise<void>;
  /** The service has done it; nobody has heard of it yet. */
  readonly onAnswer?: (exchange: Exchange, status: number) => void | Promise<void>;
}

/** Long for an emulator, and far from the clients' own limits. */
const SLOW_MS = 150;
/** A rewritten body has none of these; no emulator looks at the signature. */
const OF_THE_BODY =
  /^(?:content-(?:length|md5)|x-amz-(?:checksum-.*|sdk-checksum-algorithm|content-sha256))$/;
const HOP_BY_HOP = /^(?:connection|keep-alive|transfer-encoding|expect|content-length)$/;

/**
 * Bytes and headers pass unchanged, so that signatures stay valid, but where only a part of the request is to take effect.
 * Once it has stopped, nothing that went through it is on its way to the service any more.
 * @example const { endpoint } = await startFaultyProxy({ endpoint: s3.endpoint, service: 's3', plan });
 */
export async function startFaultyProxy(options: ProxyOptions): Promise<Embedded> {
  const agent = new Agent({ keepAlive: true });
  const underway = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const handled = handle(options, agent, request, response)
      .catch(() => {
        response.destroy();
      })
      .finally(() => underway.delete(handled));
    underway.add(handled);
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      // What the service has begun it also ends, whether or not anybody waits for it.
      await Promise.all(underway);
      agent.destroy();
    },
  };
}

async function handle(
  options: ProxyOptions,
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = exchangeOf(request, await buffer(request), options.service);
  const forward = async (changed?: Buffer): Promise<Answer> => {
    const sent = changed === undefined ? exchange : { ...exchange, body: changed };
    await options.onForward?.(sent);
    const answer = await forwarded(options.endpoint, agent, request, sent, {
      changed: changed !== undefined,
      // It takes up to 20 s, in which the service does nothing for a client that is gone.
      until: exchange.operation === 'ReceiveMessage' ? response : undefined,
    });
    await options.onAnswer?.(sent, answer.status);
    return answer;
  };
  const chosen = options.plan?.choose(exchange);
  const inject = (fault: Fault) => options.plan?.count(fault);
  if (chosen === undefined) return respond(response, await forward());
  const { fault, random } = chosen;
  const { service, method, body } = exchange;
  switch (fault) {
    case 'throttled':
    case 'internal error':
    case 'token expired':
    case 'clock skewed':
      inject(fault);
      return respond(response, refusal(service, method, fault, random));
    case 'error in a 200':
      inject(fault);
      return respond(response, s3Error(200, 'InternalError', method));
    case 'reset before':
      inject(fault);
      response.destroy();
      return;
    case 'reset after':
      await forward();
      inject(fault);
      response.destroy();
      return;
    case 'slow': {
      const answer = await forward();
      inject(fault);
      await delay(SLOW_MS);
      return respond(response, answer);
    }
    case 'truncated': {
      const answer = await forward();
      if (answer.body.length < 2) return respond(response, answer);
      inject(fault);
      return truncate(response, answer);
    }
    case 'unanswered': {
      const gone = once(response, 'close');
      await forward();
      inject(fault);
      await gone;
      return;
    }
    case 'entries refused':
      inject(fault);
      if (service === 'sqs') return respond(response, await inPart(partOfBatch(body, random), forward));
      return respond(response, refusedEntries(body, random));
    case 'function failed': {
      if (random.chance(0.5)) await forward();
      inject(fault);
      return respond(response, failedFunction());
    }
    case 'keys refused':
      inject(fault);
      return respond(response, await inPart(partOfDeletion(body, random, false), forward));
    case 'keys disowned':
      inject(fault);
      return respond(response, await inPart(partOfDeletion(body, random, true), forward));
    case 'writes left over':
      inject(fault);
      return respond(response, await inPart(partOfWrites(body, random), forward));
    case 'reads left over':
      inject(fault);
      return respond(response, await inPart(partOfReads(body, random), forward));
  }
}

async function inPart(part: Part, forward: (body: Buffer) => Promise<Answer>): Promise<Answer> {
  const { body, amend } = part;
  const nothing: Answer = { status: 200, headers: {}, body: Buffer.alloc(0) };
  const answer = body === undefined ? nothing : await forward(body);
  return answer.status === 200 ? amend(answer) : answer;
}

const TARGETS: readonly (readonly [string, Service])[] = [
  ['DynamoDB_', 'dynamodb'],
  ['AWSEvents.', 'events'],
  ['AmazonSQS.', 'sqs'],
];

const INVOCATION = /^\/2015-03-31\/functions\//;

function exchangeOf(request: IncomingMessage, body: Buffer, known: Service | undefined): Exchange {
  const { method = '', url = '', headers } = request;
  const target = String(headers['x-amz-target'] ?? '');
  const named = TARGETS.find(([prefix]) => target.startsWith(prefix))?.[1];
  const service = known ?? named ?? (INVOCATION.test(url) ? 'lambda' : 's3');
  const operation =
    service === 's3'
      ? s3Operation(method, url)
      : service === 'lambda'
        ? 'Invoke'
        : (target.split('.').at(-1) ?? '');
  return { service, operation, method, url, body };
}

function s3Operation(method: string, url: string): string {
  const { searchParams } = new URL(url, 'http://s3');
  if (method === 'POST' && searchParams.has('delete')) return 'DeleteObjects';
  const lists = ['list-type', 'versions', 'uploads'].some((name) => searchParams.has(name));
  return method === 'GET' && lists ? 'LIST' : method;
}

async function forwarded(
  endpoint: string,
  agent: Agent,
  request: IncomingMessage,
  { method, url, body }: Exchange,
  { changed, until }: { readonly changed: boolean; readonly until: ServerResponse | undefined },
): Promise<Answer> {
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(
      ([name]) => !HOP_BY_HOP.test(name) && !(changed && OF_THE_BODY.test(name)),
    ),
  );
  const length = body.length > 0 || method === 'PUT' ? { 'content-length': body.length } : {};
  const outgoing = send(new URL(url, endpoint), { method, agent, headers: { ...headers, ...length } });
  until?.once('close', () => outgoing.destroy());
  outgoing.end(body);
  const [answer]: IncomingMessage[] = await once(outgoing, 'response');
  if (answer === undefined) throw new Error('no answer');
  return { status: answer.statusCode ?? 502, headers: answer.headers, body: await buffer(answer) };
}

/** An answer to HEAD tells the length of what it does not hold. */
function headersOf({ headers, body }: Answer, isHead: boolean): Record<string, string | string[] | number> {
  const kept = Object.entries(headers).flatMap(([name, value]): [string, string | string[]][] =>
    HOP_BY_HOP.test(name) || value === undefined ? [] : [[name, value]],
  );
  const told = headers['content-length'];
  const length = isHead && typeof told === 'string' ? told : body.length;
  return { ...Object.fromEntries(kept), 'content-length': length };
}

function respond(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, headersOf(answer, response.req.method === 'HEAD'));
  response.end(answer.body);
}

function truncate(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, headersOf(answer, false));
  response.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)), () => response.destroy());
}
