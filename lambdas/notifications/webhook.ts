/**
 * One request of the registry's webhook. Whatever is not answered with 2xx or 3xx the registry sends again for ever,
 * and nothing else before it, so events that are of no use are accepted too.
 */
import { decodeText } from '../registry/json.ts';
import { type Pull, parseEnvelope } from './envelope.ts';
import type { PullCounts, PullRecorder } from './pulls.ts';
import { isAuthorized } from './secret.ts';
import type { Secrets } from './secrets.ts';

/** The part of a function URL's event (payload 2.0) that is read. */
export interface WebhookRequest {
  readonly requestContext: { readonly http: { readonly method: string } };
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of a request, for the registry and for the log. */
export interface Receipt {
  readonly answer: Answer;
  /** Absent when the request was refused. */
  readonly counts?: Counts;
  /** What was wrong with the request, or with each event that could not be read. */
  readonly problems: readonly string[];
}

export interface Counts extends PullCounts {
  /** Events that tell of no manifest's pull, those included that could not be read. */
  readonly ignored: number;
}

export interface Webhook {
  readonly secrets: Secrets;
  readonly pulls: PullRecorder;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** As much as Lambda takes. A registry that lists `references` in its events sends some of a megabyte. */
export const MAX_BODY_BYTES = 6 * 1024 * 1024;

/**
 * Answers one request.
 *
 * @throws what the table and the store of the secrets throw, and when an item keeps changing, so that the registry sends the events again.
 */
export async function receive(webhook: Webhook, request: WebhookRequest): Promise<Receipt> {
  const { method } = request.requestContext.http;
  if (method !== 'POST') return refuse(405, `${method} is not allowed: allowed is POST`, { allow: 'POST' });
  if (!(await isOpenedBy(request.headers['authorization'], webhook.secrets))) {
    const message = 'no valid secret: allowed is the header Authorization: Bearer <secret>';
    return refuse(401, message, { 'www-authenticate': 'Bearer' });
  }
  const bytes = Buffer.from(request.body ?? '', request.isBase64Encoded ? 'base64' : 'utf8');
  if (bytes.byteLength > MAX_BODY_BYTES) {
    return refuse(413, `${bytes.byteLength} bytes: allowed are at most ${MAX_BODY_BYTES}`);
  }
  const envelope = parseEnvelope(textOf(bytes), webhook.now());
  if ('problem' in envelope) {
    return refuse(envelope.problem === 'no-envelope' ? 400 : 413, envelope.message);
  }
  const { pulls, ignored, malformed } = envelope;
  const counts = await record(webhook, pulls, ignored + malformed.length);
  return { answer: json(200, { ...counts }), counts, problems: malformed };
}

/** A secret that is not known may be one that has just taken the place of another. */
async function isOpenedBy(header: string | undefined, secrets: Secrets): Promise<boolean> {
  return isAuthorized(header, await secrets.known()) || isAuthorized(header, await secrets.renewed());
}

/** What the registry is told when the table did not answer as it should: to come again. */
export const UNAVAILABLE: Answer = json(503, { message: 'the pulls could not be recorded' });

async function record(
  { pulls: recorder }: Webhook,
  pulls: readonly Pull[],
  ignored: number,
): Promise<Counts> {
  const { recorded, unchanged, unknown } = await recorder.record(pulls);
  return { recorded, unchanged, ignored, unknown };
}

/** Empty, and so no envelope, when it is not UTF-8. */
function textOf(bytes: Uint8Array): string {
  try {
    return decodeText(bytes, MAX_BODY_BYTES);
  } catch {
    return '';
  }
}

function refuse(
  statusCode: 400 | 401 | 405 | 413,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Receipt {
  return { answer: json(statusCode, { message }, headers), problems: [message] };
}

function json(statusCode: number, body: object, headers: Readonly<Record<string, string>> = {}): Answer {
  const all = { 'content-type': 'application/json', ...headers };
  return { statusCode, headers: all, body: JSON.stringify(body) };
}
