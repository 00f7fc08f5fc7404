/** A small Lambda: a function's bundle in a process of its own, with the function's environment and no other. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeployedFunction } from './assembly.ts';

/** What the function threw, by the name that callers see. */
export class FunctionError extends Error {
  override readonly name: string;
  /** As the function's log has it. */
  readonly trace: string;

  constructor({
    name,
    message,
    stack,
  }: { readonly name: string; readonly message: string; readonly stack: string }) {
    super(message);
    this.name = name;
    this.trace = stack;
  }
}

export interface Runtime {
  /** Milliseconds of processor time that the import of the bundle took. */
  readonly coldImport: number;
  /** @returns what the handler returned, by way of JSON. @throws FunctionError */
  readonly invoke: (event: unknown) => Promise<unknown>;
  /** Lines of JSON that the function has written so far: its log and its metrics. */
  readonly lines: () => Record<string, unknown>[];
  readonly stop: () => Promise<void>;
}

const CHILD = fileURLToPath(new URL('./runtime-process.ts', import.meta.url));

/** @param environment of the function, resolved, and what else the SDK needs. */
export async function startFunction(
  { name, directory, timeout, memorySize }: DeployedFunction,
  environment: Readonly<Record<string, string>>,
): Promise<Runtime> {
  const functionName = `RegistryPrune-${name}`;
  const child = fork(CHILD, [join(directory, 'index.mjs')], {
    env: {
      PATH: process.env['PATH'] ?? '',
      AWS_LAMBDA_FUNCTION_NAME: functionName,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memorySize),
      ...environment,
    },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  const exit = once(child, 'exit').then(([code]) => {
    throw new Error(`the function ${name} ended with ${code}\n${output}`);
  });
  exit.catch(() => {});
  const waiting = new Map<number, (answer: Answer) => void>();
  let serial = 0;
  const [{ imported }] = (await Promise.race([once(child, 'message'), exit])) as [{ imported: number }];
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const invoke = async (event: unknown): Promise<unknown> => {
    const id = ++serial;
    const awsRequestId = `00000000-0000-0000-0000-${String(id).padStart(12, '0')}`;
    const invokedFunctionArn = `arn:aws:lambda:us-east-1:123456789012:function:${functionName}`;
    const context = {
      ...{ awsRequestId, functionName, invokedFunctionArn, functionVersion: '$LATEST' },
      memoryLimitInMB: String(memorySize),
      deadline: Date.now() + timeout * 1000,
    };
    const answered = new Promise<Answer>((done) => waiting.set(id, done));
    child.send({ id, event: JSON.parse(JSON.stringify(event ?? null)), context });
    const answer = await Promise.race([answered, exit]);
    if (answer.error !== undefined) throw new FunctionError(answer.error);
    return JSON.parse(answer.result ?? 'null');
  };
  return {
    coldImport: imported,
    invoke,
    lines: () =>
      output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

interface Answer {
  readonly id: number;
  readonly result?: string;
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string };
}
