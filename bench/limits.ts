/**
 * What DynamoDB and S3 allow, as a model: milliseconds a request, connections of a process, and rates. A request beyond
 * a rate is throttled: it is sent again, later each time, until there is capacity.
 *
 * Rates: "Amazon DynamoDB Developer Guide, Best practices for partition keys" (1,000 write and 3,000 read units a
 * second for each partition), "Service quotas" (40,000 of each for a table on demand); "Amazon S3 User Guide, Best
 * practices design patterns" (3,500 writes and 5,500 reads a second for each partitioned prefix).
 */
export interface Limits {
  /** Milliseconds of each request. */
  readonly latency: number;
  /** Milliseconds more for each key of a deletion. */
  readonly latencyPerKey: number;
  /** To each of the two services. */
  readonly connections: number;
  /** Units a second, of one partition key and of the whole table. */
  readonly partition: Rates;
  readonly table: Rates;
  /** Keys a second, of one prefix of the bucket. */
  readonly prefix: Rates;
}

export interface Rates {
  readonly read: number;
  readonly write: number;
}

export const LIMITS: Limits = {
  latency: 10,
  latencyPerKey: 0.2,
  connections: 64,
  partition: { read: 3_000, write: 1_000 },
  table: { read: 40_000, write: 40_000 },
  prefix: { read: 5_500, write: 3_500 },
};

/** What a request takes of a resource. */
export interface Need {
  readonly resource: string;
  readonly kind: keyof Rates;
  readonly amount: number;
  readonly rate: number;
}

/** Capacity that was not used is kept for that long, as DynamoDB's burst capacity is for five minutes (seconds). */
const BURST = 5;
/** The SDK's first wait before it tries again, doubled each time (milliseconds). */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 20_000;
/** Buckets that are full are forgotten when there are as many. */
const MANY = 50_000;

/** What was taken of the resource of its kind of which most was taken, as a share of what it gives steadily. */
export interface Used {
  /** `partition`, `the table` or `prefix`, with its name. */
  readonly resource: string;
  readonly kind: keyof Rates;
  /** Seconds of its whole rate. */
  readonly seconds: number;
}

interface Bucket {
  tokens: number;
  at: number;
  taken: number;
  readonly rate: number;
  readonly resource: string;
  readonly kind: keyof Rates;
}

/** Rates of any number of resources, by a token bucket each. */
export class Capacity {
  readonly #buckets = new Map<string, Bucket>();
  /** By kind of resource. */
  #most = new Map<string, Used>();

  /**
   * Takes what is needed at a time (milliseconds), or nothing. A need greater than a bucket is met by a full one, which
   * owes the rest.
   *
   * @returns whether there was enough.
   */
  take(needs: readonly Need[], now: number): boolean {
    const buckets = needs.map((need) => ({ need, bucket: this.#filled(need, now) }));
    const enough = buckets.every(
      ({ need, bucket }) => bucket.tokens >= Math.min(need.amount, need.rate * BURST),
    );
    if (!enough) return false;
    for (const { need, bucket } of buckets) {
      bucket.tokens -= need.amount;
      bucket.taken += need.amount;
      this.#note(bucket);
    }
    return true;
  }

  /** The most that was taken of any resource of each kind since it was asked last. */
  used(): Used[] {
    const used = [...this.#most.values()];
    this.#most = new Map();
    for (const bucket of this.#buckets.values()) bucket.taken = 0;
    return used;
  }

  #note({ resource, kind, taken, rate }: Bucket): void {
    const group = `${kind} ${resource.slice(0, resource.indexOf(' '))}`;
    const seconds = taken / rate;
    if (seconds > (this.#most.get(group)?.seconds ?? 0)) this.#most.set(group, { resource, kind, seconds });
  }

  #filled({ resource, kind, rate }: Need, now: number) {
    const name = `${kind} ${resource}`;
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      if (this.#buckets.size >= MANY) this.#forgetFull(now);
      bucket = { tokens: rate * BURST, at: now, taken: 0, rate, resource, kind };
      this.#buckets.set(name, bucket);
    }
    bucket.tokens = Math.min(rate * BURST, bucket.tokens + ((now - bucket.at) / 1000) * rate);
    bucket.at = now;
    return bucket;
  }

  #forgetFull(now: number): void {
    for (const [name, { tokens, at, rate }] of this.#buckets) {
      if (tokens + ((now - at) / 1000) * rate >= rate * BURST) this.#buckets.delete(name);
    }
  }
}

/** How long to wait before the next attempt, without jitter (milliseconds). @param attempt from 0. */
export const waitBefore = (attempt: number): number => Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt);
