/** The answers of services in which something has gone wrong, and those of which a part has. Pure. */
import type { Random } from '../../bench/random.ts';
import type { Service } from './faults.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const MINUTE = 60_000;
/** How far the clocks are apart where one is taken for wrong. */
const SKEW = 20 * MINUTE;

/** A refusal of the whole request. */
export type Refusal = 'throttled' | 'internal error' | 'token expired' | 'clock skewed';

const CODES: Readonly<Record<Service, Readonly<Record<Refusal, readonly (readonly [number, string])[]>>>> = {
  s3: {
    throttled: [[503, 'SlowDown']],
    'internal error': [
      [500, 'InternalError'],
      [503, 'ServiceUnavailable'],
    ],
    'token expired': [[400, 'ExpiredToken']],
    'clock skewed': [[403, 'RequestTimeTooSkewed']],
  },
  dynamodb: {
    throttled: [
      [400, 'ThrottlingException'],
      [400, 'ProvisionedThroughputExceededException'],
    ],
    'internal error': [[500, 'InternalServerError']],
    'token expired': [[400, 'ExpiredTokenException']],
    'clock skewed': [[400, 'InvalidSignatureException']],
  },
  events: {
    throttled: [[400, 'ThrottlingException']],
    'internal error': [[500, 'InternalException']],
    'token expired': [[400, 'ExpiredTokenException']],
    'clock skewed': [[400, 'InvalidSignatureException']],
  },
  sqs: {
    throttled: [[400, 'ThrottlingException']],
    'internal error': [[500, 'InternalError']],
    'token expired': [[403, 'ExpiredTokenException']],
    'clock skewed': [[403, 'InvalidSignatureException']],
  },
  lambda: {
    throttled: [[429, 'TooManyRequestsException']],
    'internal error': [[500, 'ServiceException']],
    'token expired': [[403, 'ExpiredTokenException']],
    'clock skewed': [[403, 'InvalidSignatureException']],
  },
};

/** The service's own words for it. */
export function refusal(service: Service, method: string, fault: Refusal, random: Random): Answer {
  const codes = CODES[service][fault];
  const [status, code] = codes[random.between(0, codes.length - 1)] ?? [500, 'InternalError'];
  // The SDK sets its clock by this header.
  const date = new Date(Date.now() + (fault === 'clock skewed' ? SKEW : 0)).toUTCString();
  if (service === 's3') return { ...s3Error(status, code, method), headers: { ...XML, date } };
  const body = JSON.stringify({ __type: `com.amazonaws#${code}`, message: `injected: ${fault}` });
  return { status, headers: { ...JSON_TYPE, date }, body: Buffer.from(body) };
}

const XML = { 'content-type': 'application/xml' };
const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

/** An answer to HEAD has no body. */
export function s3Error(status: number, code: string, method: string): Answer {
  const body =
    method === 'HEAD'
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`;
  return { status, headers: XML, body: Buffer.from(body) };
}

/** A request without the part that the service leaves, and what makes the service's answer tell of it. */
export interface Part {
  /** Undefined where nothing of it is left to do. */
  readonly body: Buffer | undefined;
  readonly amend: (answer: Answer) => Answer;
}

const OBJECT = /<Object>.*?<\/Object>/gs;

/**
 * DeleteObjects. @param disowns whether what is answered with an error is deleted all the same.
 */
export function partOfDeletion(body: Buffer, random: Random, disowns: boolean): Part {
  const text = body.toString();
  const objects = [...text.matchAll(OBJECT)].map(([object]) => object);
  const failing = drawn(objects, random);
  const rest = failing.reduce((left, object) => left.replace(object, ''), text);
  const isEmpty = failing.length === objects.length;
  const errors = failing.map((object) => `<Error>${nameIn(object)}${REASON}</Error>`).join('');
  return {
    body: disowns ? body : isEmpty ? undefined : Buffer.from(rest),
    amend: ({ status, headers, body: answered }) => {
      const whole = answered.length === 0 ? '<DeleteResult></DeleteResult>' : answered.toString();
      const kept = whole.replaceAll(/<Deleted>.*?<\/Deleted>/gs, (deleted) =>
        failing.some((object) => keyIn(object) === keyIn(deleted)) ? '' : deleted,
      );
      // Where nothing is deleted, some services close the element at once.
      const open = kept.replace(/<DeleteResult([^>]*)\/>/, '<DeleteResult$1></DeleteResult>');
      const amended = open.replace('</DeleteResult>', `${errors}</DeleteResult>`);
      return { status, headers: { ...headers, ...XML }, body: Buffer.from(amended) };
    },
  };
}

const REASON = '<Code>InternalError</Code><Message>injected</Message>';
const keyIn = (xml: string): string => /<Key>(.*?)<\/Key>/s.exec(xml)?.[1] ?? '';
const nameIn = (xml: string): string =>
  [...xml.matchAll(/<(Key|VersionId)>.*?<\/\1>/gs)].map(([element]) => element).join('');

/** At least one. */
function drawn<T>(all: readonly T[], random: Random): T[] {
  const some = all.filter(() => random.chance(0.4));
  return some.length > 0 ? some : [...all.slice(0, 1)];
}

/** BatchWriteItem. */
export function partOfWrites(body: Buffer, random: Random): Part {
  const { RequestItems: items, ...more } = JSON.parse(body.toString());
  const [[table = '', writes = []] = []] = Object.entries<object[]>(items);
  const left = drawn(writes, random);
  const rest = writes.filter((write) => !left.includes(write));
  return {
    body: rest.length === 0 ? undefined : json({ ...more, RequestItems: { [table]: rest } }),
    amend: leftOver({ UnprocessedItems: { [table]: left } }, {}),
  };
}

/** BatchGetItem. */
export function partOfReads(body: Buffer, random: Random): Part {
  const { RequestItems: items, ...more } = JSON.parse(body.toString());
  const [[table = '', { Keys: keys, ...how } = { Keys: [] }] = []] = Object.entries<{
    readonly Keys: readonly object[];
  }>(items);
  const left = drawn(keys, random);
  const rest = keys.filter((key) => !left.includes(key));
  return {
    body:
      rest.length === 0 ? undefined : json({ ...more, RequestItems: { [table]: { ...how, Keys: rest } } }),
    amend: leftOver({ UnprocessedKeys: { [table]: { ...how, Keys: left } } }, { Responses: { [table]: [] } }),
  };
}

/** What is said of what was left, beside what the service said of the rest. */
function leftOver(left: object, nothing: object): (answer: Answer) => Answer {
  return ({ status, headers, body }) => {
    const said = body.length === 0 ? nothing : JSON.parse(body.toString());
    const { 'x-amz-crc32': _, ...others } = headers;
    return { status, headers: { ...others, ...JSON_TYPE }, body: json({ ...said, ...left }) };
  };
}

/** PutEvents: the bus takes none of them. */
export function refusedEntries(body: Buffer, random: Random): Answer {
  const { Entries: entries }: { readonly Entries: readonly object[] } = JSON.parse(body.toString());
  const code = random.chance(0.5) ? 'ThrottlingException' : 'InternalFailure';
  const refused = entries.map(() => ({ ErrorCode: code, ErrorMessage: 'injected' }));
  return {
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: json({ FailedEntryCount: refused.length, Entries: refused }),
  };
}

/** SendMessageBatch and DeleteMessageBatch: 200, and what the queue has not taken. */
export function partOfBatch(body: Buffer, random: Random): Part {
  const { Entries: entries, ...more }: { readonly Entries: readonly { readonly Id: string }[] } = JSON.parse(
    body.toString(),
  );
  const left = drawn(entries, random);
  const rest = entries.filter((entry) => !left.includes(entry));
  const failed = left.map(({ Id }) => ({
    ...{ Id, SenderFault: false, Code: 'InternalError', Message: 'injected' },
  }));
  return {
    body: rest.length === 0 ? undefined : json({ ...more, Entries: rest }),
    amend: leftOver({ Failed: failed }, { Successful: [] }),
  };
}

/** Lambda's own words for a function that ran out of time. */
export function failedFunction(): Answer {
  return {
    status: 200,
    headers: { ...JSON_TYPE, 'x-amz-function-error': 'Unhandled' },
    body: json({ errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 30.00 seconds' }),
  };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
