/** The process that plays DynamoDB and S3: the stores in memory, with a generated registry in the bucket. */
import { RegistryLayout } from '../lambdas/registry/layout.ts';
import { MemoryBucket } from '../local/memory-bucket.ts';
import { MemoryTable } from '../local/memory-table.ts';
import type { Answer, Batch, Call, Control } from './protocol.ts';
import { Random } from './random.ts';
import { GeneratedRegistry } from './registry.ts';
import { releases } from './releases.ts';

/** Pushes end this long before the registry is looked at, so that all have rested (milliseconds). */
const REST = 10 * 24 * 3_600_000;

let now = 0;
const table = new MemoryTable();
const bucket = new MemoryBucket({ versioned: true, now: () => new Date(now) });
const registry = new GeneratedRegistry(bucket, new RegistryLayout(''));

const control: Control = {
  generate: async (options) => {
    const random = new Random(options.seed);
    for (const release of releases(options, random, options.now - REST)) registry.push(release);
    const facts = await registry.finish();
    bucket.requests.clear();
    return facts;
  },
  counted: async () => ({
    dynamodb: table.requests,
    s3: bucket.requests,
    units: table.units,
    rss: process.memoryUsage.rss(),
  }),
  inspect: async () => {
    const before = new Map(bucket.requests);
    const inspection = await registry.inspect();
    // Looking is no part of what is measured.
    bucket.requests.clear();
    for (const [operation, count] of before) bucket.requests.set(operation, count);
    return inspection;
  },
};

const targets = { table, bucket, control };

async function answer({ id, target, method, args }: Call): Promise<Answer> {
  try {
    const called: unknown = Reflect.get(targets[target], method);
    if (typeof called !== 'function') throw new TypeError(`${target} has no ${method}`);
    const value: unknown = await Reflect.apply(called, targets[target], args);
    return { id, value: isAsyncIterable(value) ? await collect(value) : value };
  } catch (error) {
    return { id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

async function collect(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

process.on('message', async (batch: Batch) => {
  now = batch.now;
  const answers = await Promise.all(batch.calls.map(answer));
  if (process.connected) process.send?.(answers);
});
