import { Readable } from 'node:stream';

/** A request as the SDK hands it to the network. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
}

/** The network under an SDK client: keeps what is sent and gives what a test wants answered. */
export function fakeHttp(answer: (request: SentRequest, index: number) => Answer) {
  const sent: SentRequest[] = [];
  return {
    sent,
    settings: {
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestHandler: {
        handle: async (raw: object) => {
          const request = raw as Omit<SentRequest, 'body'> & { body?: unknown };
          const index = sent.push({ ...request, body: textOf(request.body) }) - 1;
          const { status = 200, headers = {}, body = '' } = answer(sent[index] as SentRequest, index);
          const stream = typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body;
          return { response: { statusCode: status, headers: { ...headers }, body: stream } };
        },
        destroy: () => {},
      },
    },
  };
}

function textOf(body: unknown): string {
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  return typeof body === 'string' ? body : '';
}

/** Waiting that takes no time and is written down. */
export function fakePause() {
  const waits: number[] = [];
  return {
    waits,
    random: () => 0.5,
    sleep: async (milliseconds: number) => {
      waits.push(milliseconds);
    },
  };
}

/** An error of S3 as it is sent. */
export function s3Error(status: number, code: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} happened</Message></Error>`,
  };
}

export function xml(body: string): Answer {
  return {
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>${body}`,
  };
}

export function json(body: object, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(body) };
}
