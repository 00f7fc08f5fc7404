/** The process that plays DynamoDB and S3: the stores in memory, over a generated registry. */
import { receive, send } from './framing.ts';
import type { Answer, Batch, Call, Control } from './protocol.ts';
import { World } from './registry/world.ts';

let now = 0;
let world: World | undefined;

const there = (): World => {
  if (world === undefined) throw new Error('no registry was generated');
  return world;
};

const control: Control = {
  generate: async (options) => {
    world = new World(options, () => now);
    return world.facts;
  },
  counted: async () => there().counted(),
  inspect: async () => await there().inspect(),
  push: async (releases) => there().push(releases),
};

async function answer({ id, target, method, args }: Call): Promise<Answer> {
  const before = world?.requests ?? 0;
  world?.uses.splice(0);
  const taken = () => ({ id, requests: (world?.requests ?? 0) - before, uses: [...(world?.uses ?? [])] });
  try {
    const on = target === 'control' ? control : there()[target];
    const called: unknown = Reflect.get(on, method);
    if (typeof called !== 'function') throw new TypeError(`${target} has no ${method}`);
    const returned: unknown = await Reflect.apply(called, on, args);
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
