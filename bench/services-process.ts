/** The process that plays DynamoDB and S3: the stores in memory, with a generated registry in the bucket. */
import { RegistryLayout } from '../lambdas/registry/layout.ts';
import { MemoryBucket } from '../local/memory-bucket.ts';
import { MemoryTable, type Use } from '../local/memory-table.ts';
import { receive, send } from './framing.ts';
import type { Answer, Batch, Call, Control } from './protocol.ts';
import { Random } from './random.ts';
import { GeneratedRegistry } from './registry.ts';
import { releases } from './releases.ts';

/** Pushes end this long before the registry is looked at, so that all have rested (milliseconds). */
const REST = 10 * 24 * 3_600_000;

let now = 0;
let uses: Use[] = [];
const table = new MemoryTable((use) => uses.push(use));
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

const requestsSoFar = (): number =>
  [...table.requests.values(), ...bucket.requests.values()].reduce((sum, count) => sum + count, 0);

async function answer({ id, target, method, args }: Call): Promise<Answer> {
  const before = requestsSoFar();
  uses = [];
  const taken = () => ({ id, requests: requestsSoFar() - before, uses });
  try {
    const called: unknown = Reflect.get(targets[target], method);
    if (typeof called !== 'function') throw new TypeError(`${target} has no ${method}`);
    const returned: unknown = await Reflect.apply(called, targets[target], args);
    const value = isAsyncIterable(returned) ? await collect(returned) : returned;
    return { ...taken(), value };
  } catch (error) {
    return { ...taken(), error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

async function collect(values: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** One after the other: what each has used is told apart. */
async function work(batch: Batch): Promise<void> {
  now = batch.now;
  const answers: Answer[] = [];
  for (const call of batch.calls) answers.push(await answer(call));
  send(process.stdout, answers);
}

let working = Promise.resolve();
receive(process.stdin, (batch) => {
  working = working.then(() => work(batch as Batch));
});
process.stdin.on('end', () => process.exit());
