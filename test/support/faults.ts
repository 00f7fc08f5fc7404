/** What can go wrong between a client and AWS, by a plan that is the same for the same seed. */
import { Random } from '../../bench/random.ts';

export const FAULTS = [
  /** `SlowDown`, `ThrottlingException`, `ProvisionedThroughputExceededException`. */
  'throttled',
  'internal error',
  /** The service has not seen the request. */
  'reset before',
  /** The request took effect, and its answer is lost. */
  'reset after',
  'slow',
  /** The answer ends in the middle. */
  'truncated',
  /** S3 answers 200, and the body is an error. */
  'error in a 200',
  /** DeleteObjects: some keys stay, and S3 says so. */
  'keys refused',
  /** DeleteObjects: some keys go, and S3 says that they did not. */
  'keys disowned',
  /** BatchWriteItem: `UnprocessedItems`. */
  'writes left over',
  /** BatchGetItem: `UnprocessedKeys`. */
  'reads left over',
  /** The request took effect, and the answer never comes: the client has to give up by itself. */
  'unanswered',
  /** PutEvents: `FailedEntryCount`. SQS, of a batch: `Failed`. */
  'entries refused',
  /** Lambda answers 200, and the function has failed, or was ended when it had done all. */
  'function failed',
  /** From then on, until somebody signs in again. */
  'token expired',
  /** The service takes the request's time for wrong. */
  'clock skewed',
] as const;

export type Fault = (typeof FAULTS)[number];

export type Service = 's3' | 'dynamodb' | 'events' | 'sqs' | 'lambda';

/** A request, as far as a fault is chosen by it. */
export interface Call {
  readonly service: Service;
  /** `GetItem`, `PutEvents`; of S3 the method, `LIST`, or `DeleteObjects`. */
  readonly operation: string;
}

/** Of all requests that the fault can meet, from 0 to 1. */
export type Rates = Readonly<Partial<Record<Fault, number>>>;

/** Of what every client sees through, on any bucket: it tries again. */
export const PASSING: Rates = {
  ...{ throttled: 0.005, 'internal error': 0.03, 'reset before': 0.03, 'reset after': 0.04 },
  ...{ truncated: 0.03, 'clock skewed': 0.02, 'error in a 200': 0.1 },
  ...{ 'writes left over': 0.2, 'reads left over': 0.2, 'entries refused': 0.4 },
};
/** Of what it does not: commands fail, or end in part. */
export const LASTING: Rates = {
  ...{ 'reset after': 0.05, 'keys refused': 0.3, 'keys disowned': 0.3, 'token expired': 0.002 },
};

/** Adds up what several plans have injected. */
export function addTo(sums: Map<Fault, number>, injected: ReadonlyMap<Fault, number>): void {
  for (const [fault, count] of injected) sums.set(fault, (sums.get(fault) ?? 0) + count);
}

/**
 * The client of DynamoDB slows down for seconds with each that is throttled, and waits for ten for an answer: enough to see
 * that it goes on.
 */
const MOST: Readonly<Partial<Record<Fault, number>>> = { throttled: 6, unanswered: 1 };

const SERVICES: Readonly<Partial<Record<Fault, readonly Service[]>>> = {
  'error in a 200': ['s3'],
  'keys refused': ['s3'],
  'keys disowned': ['s3'],
  'writes left over': ['dynamodb'],
  'reads left over': ['dynamodb'],
  // The others' clients wait for half a minute and longer: test/faults/timeouts.test.ts.
  unanswered: ['dynamodb', 'events'],
  'entries refused': ['events', 'sqs'],
  'function failed': ['lambda'],
};

const OPERATIONS: Readonly<Partial<Record<Fault, readonly string[]>>> = {
  'error in a 200': ['DeleteObjects', 'LIST'],
  'keys refused': ['DeleteObjects'],
  'keys disowned': ['DeleteObjects'],
  'writes left over': ['BatchWriteItem'],
  'reads left over': ['BatchGetItem'],
  'entries refused': ['PutEvents', 'SendMessageBatch', 'DeleteMessageBatch'],
};

/** An answer to HEAD has no body that could be cut. */
const canMeet = (fault: Fault, { service, operation }: Call): boolean =>
  (SERVICES[fault] ?? [service]).includes(service) &&
  (OPERATIONS[fault] ?? [operation]).includes(operation) &&
  !(fault === 'truncated' && operation === 'HEAD');

/**
 * Decides which request meets which fault. The n-th request of an operation meets the same one for the same seed,
 * whatever else is under way, so that a run's own concurrency changes the plan as little as can be.
 */
export class FaultPlan {
  readonly injected = new Map<Fault, number>();
  readonly #seed: number;
  readonly #rates: Rates;
  readonly #seen = new Map<string, number>();
  #on = false;
  #expired = false;

  constructor(seed: number, rates: Rates) {
    this.#seed = seed;
    this.#rates = rates;
  }

  begin(): void {
    this.#on = true;
  }

  end(): void {
    this.#on = false;
    this.#expired = false;
  }

  /** New credentials, where the old ones have expired. @returns whether they had. */
  signIn(): boolean {
    const had = this.#expired;
    this.#expired = false;
    return had;
  }

  /** @returns undefined where nothing goes wrong; and the randomness of what does. */
  choose(call: Call): { readonly fault: Fault; readonly random: Random } | undefined {
    if (!this.#on) return undefined;
    const name = `${call.service} ${call.operation}`;
    const nth = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, nth);
    const random = new Random(hash(`${this.#seed} ${name} ${nth}`));
    if (this.#expired) return { fault: 'token expired', random };
    let at = random.next();
    for (const fault of FAULTS) {
      const rate = this.#rates[fault];
      if (rate === undefined || !canMeet(fault, call)) continue;
      at -= rate;
      if (at >= 0) continue;
      if ((this.injected.get(fault) ?? 0) >= (MOST[fault] ?? Number.POSITIVE_INFINITY)) return undefined;
      if (fault === 'token expired') this.#expired = true;
      return { fault, random };
    }
    return undefined;
  }

  count(fault: Fault): void {
    this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1);
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}
