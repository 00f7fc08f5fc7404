#!/usr/bin/env node
/** `node bench/cost.ts`: what the measured requests cost, as the table of docs/operations.md. */

/**
 * Of `npm run bench` with 10,000 images, half of them garbage, seed 1, November 2026: the scenarios `reindex` (its first
 * rebuild), `live` and `prune`. Functions are in gigabyte-seconds; a first index is not run by one.
 */
export const MEASURED = {
  index: { blobs: 53_429, readUnits: 312_599, writeUnits: 641_002, gets: 298_557, puts: 407, functions: 0 },
  live: { blobs: 6_267, readUnits: 46_792, writeUnits: 150_083, gets: 51_976, puts: 0, functions: 297 },
  prune: { blobs: 26_648, readUnits: 213_525, writeUnits: 326_105, gets: 89_424, puts: 179, functions: 53 },
} as const;

/** US dollars, list prices of us-east-1 as they were known in 2025. Deletions are free. */
export const PRICES = {
  readUnit: 0.125e-6,
  writeUnit: 0.625e-6,
  get: 0.4e-6,
  /** PUT and LIST. */
  put: 5e-6,
  /** S3's on EventBridge, which are opt-in. */
  event: 1e-6,
  sqsRequest: 0.4e-6,
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 13.3334e-6,
  /** Of a standard workflow. */
  stateTransition: 25e-6,
  tableGbMonth: 0.25,
  recoveryGbMonth: 0.2,
  storageGbMonth: 0.023,
  alarm: 0.1,
  metric: 0.3,
  dashboard: 3,
} as const;

/** What is not measured. */
export const ASSUMED = {
  /** Share of the registry that is pushed anew in a month, and that becomes garbage. */
  churn: 0.1,
  /** Of the bucket, for each blob of a push: its upload comes and goes, its data and links come. */
  eventsPerBlob: 10,
  /** Of the table. */
  bytesPerBlob: 1_500,
  /** Of a blob: the benchmark's 83.6 GB of 53,429. */
  blobBytes: 1_565_000,
  alarms: 12,
  metrics: 20,
} as const;

/** What S3 bills as the cheaper kind of request; deletions are free, all others are PUT, LIST and the like. */
const READS = new Set(['GetObject', 'HeadObject']);
const FREE = new Set(['DeleteObject', 'DeleteObjects', 'AbortMultipartUpload']);

/** Dollars of requests, S3's by operation. */
export function requestDollars({
  units,
  s3,
}: {
  readonly units: { readonly read: number; readonly write: number };
  readonly s3: Readonly<Record<string, number>>;
}): number {
  let dollars = units.read * PRICES.readUnit + units.write * PRICES.writeUnit;
  for (const [operation, count] of Object.entries(s3)) {
    if (!FREE.has(operation)) dollars += count * (READS.has(operation) ? PRICES.get : PRICES.put);
  }
  return dollars;
}

/** Processors of a function with 1 GB, as those of the runs have: one is given for each 1,769 MB. */
export const PROCESSORS = 1024 / 1769;

/** Dollars of functions. */
export const functionDollars = (gigabyteSeconds: number): number => gigabyteSeconds * PRICES.lambdaGbSecond;

export interface Cost {
  readonly blobs: number;
  /** Dollars, once. */
  readonly firstIndex: number;
  /** Dollars a month, each. */
  readonly indexing: number;
  readonly pruning: number;
  readonly standing: number;
  /** What a month's garbage would cost in each month that it stays. */
  readonly garbage: number;
}

type Requests = (typeof MEASURED)[keyof typeof MEASURED];

/** Dollars for each blob that is indexed or pruned. */
function each({ blobs, readUnits, writeUnits, gets, puts, functions }: Requests): number {
  const { readUnit, writeUnit, get, put } = PRICES;
  const requests = readUnits * readUnit + writeUnits * writeUnit + gets * get + puts * put;
  return (requests + functionDollars(functions)) / blobs;
}

/** @param blobs in the registry. */
export function costOf(blobs: number): Cost {
  const changed = blobs * ASSUMED.churn;
  const { event, sqsRequest, lambdaRequest } = PRICES;
  // Sent, received and deleted; ten messages a batch at best, so each is counted as one.
  const perEvent = event + 3 * sqsRequest + lambdaRequest;
  const gigabytes = (blobs * ASSUMED.bytesPerBlob) / 1e9;
  return {
    blobs,
    firstIndex: blobs * each(MEASURED.index),
    indexing: changed * (each(MEASURED.live) + ASSUMED.eventsPerBlob * perEvent),
    pruning: changed * each(MEASURED.prune),
    standing:
      gigabytes * (PRICES.tableGbMonth + PRICES.recoveryGbMonth) +
      ASSUMED.alarms * PRICES.alarm +
      ASSUMED.metrics * PRICES.metric +
      PRICES.dashboard,
    garbage: ((changed * ASSUMED.blobBytes) / 1e9) * PRICES.storageGbMonth,
  };
}

/** As docs/operations.md has it. */
export function costTable(): string {
  const dollars = (amount: number): string =>
    `$${amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const rows = [10_000, 1_000_000, 100_000_000]
    .map(costOf)
    .map((cost) => [
      cost.blobs.toLocaleString('en'),
      dollars(cost.firstIndex),
      dollars(cost.indexing),
      dollars(cost.pruning),
      dollars(cost.standing),
      dollars(cost.garbage),
    ]);
  const head = ['blobs', 'first index, once', 'indexing', 'pruning', 'standing', 'the garbage, if it stayed'];
  return [head, ['--:', '--:', '--:', '--:', '--:', '--:'], ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

if (import.meta.main) process.stdout.write(`${costTable()}\n`);
