/**
 * Runs a state machine as the template has it, with a local function behind each Lambda task. The interpreter knows the
 * JSONPath language, `Map` inline, `Choice`, `Retry`, `Catch`, `Wait` and `Pass`; not JSONata, not a distributed `Map`. It
 * runs no iteration further once another has failed, but does not end its task; neither does Step Functions.
 */
import type { Template } from 'aws-cdk-lib/assertions';
import { StateMachine } from 'aws-local-stepfunctions';

/** @param input what JSON can say. @returns what JSON can say. */
export type LocalFunction = (input: unknown) => Promise<unknown>;

export interface MachineRun {
  readonly template: Template;
  /** How the machine's logical id begins. */
  readonly machine: string;
  /** What is behind a function, by how its logical id begins. */
  readonly functions: Readonly<Record<string, LocalFunction>>;
  readonly input?: unknown;
  /** The execution's name, `$$.Execution.Name`. @default 'execution' */
  readonly name?: string;
}

export type MachineEnd = (
  | { readonly status: 'SUCCEEDED'; readonly output: unknown }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string }
) & {
  /** States in the order in which they were entered, iterations among them. */
  readonly entered: readonly string[];
  /** Retries, by the state that was retried. */
  readonly retried: readonly string[];
};

/** What a state's input or output may have at most, in bytes of JSON. */
const DATA_LIMIT = 256 * 1024;

const ACCOUNT = 'arn:aws:lambda:eu-central-1:111122223333:function:';
const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-central-1',
  'AWS::AccountId': '111122223333',
};

/**
 * Runs it to its end, with no time between retries and in waits. An error that a local function throws has its `name`
 * in `Retry` and `Catch`, as one of a Lambda function has.
 *
 * @throws Error when the template has no such machine, or a task's function has nothing behind it.
 */
export async function runStateMachine(run: MachineRun): Promise<MachineEnd> {
  const definition = definitionOf(run.template, run.machine);
  const states = statesOf(definition);
  const running = new Set<Promise<unknown>>();
  const tasks = states.filter(([, { Type }]) => Type === 'Task');
  const machine = new StateMachine(timed(definition));
  const name = run.name ?? 'execution';
  const execution = machine.run(json(run.input ?? {}), {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(
        tasks.map(([state, task]) => [state, handlerOf(task, run.functions, running)]),
      ),
      waitTimeOverrides: only(states, ({ Type }) => Type === 'Wait'),
      retryIntervalOverrides: only(states, ({ Retry }) => Retry !== undefined),
    },
    context: {
      Execution: {
        Id: `arn:aws:states:eu-central-1:111122223333:execution:${run.machine}:${name}`,
        Input: json(run.input ?? {}),
        Name: name,
        StartTime: new Date().toISOString(),
      },
    },
  });
  const [events, end] = await Promise.all([readAll(execution.eventLogs), endOf(execution.result)]);
  await Promise.allSettled(running);
  const of = (type: 'StateEntered' | 'StateRetried') =>
    events.flatMap((event) => (event.type === type && 'state' in event ? [event.state.name] : []));
  return { ...end, entered: of('StateEntered'), retried: of('StateRetried') };
}

/** A timer of Node that is longer goes off at once. */
const LONGEST_TIMER = Math.floor((2 ** 31 - 1) / 1000);

const timed = <T extends { readonly TimeoutSeconds?: number }>(definition: T): T => ({
  ...definition,
  ...(definition.TimeoutSeconds === undefined
    ? {}
    : { TimeoutSeconds: Math.min(definition.TimeoutSeconds, LONGEST_TIMER) }),
});

interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Parameters?: { readonly FunctionName?: string };
  readonly Retry?: unknown;
  readonly ItemProcessor?: Definition;
  readonly Iterator?: Definition;
  readonly Branches?: readonly Definition[];
}

interface Definition {
  readonly States: Readonly<Record<string, State>>;
}

type Runnable = ConstructorParameters<typeof StateMachine>[0];

/** The definition of the one machine whose logical id begins so, with ARNs in the place of what is not known yet. */
export function definitionOf(template: Template, prefix: string): Runnable & Definition {
  const machines = Object.entries(template.findResources('AWS::StepFunctions::StateMachine')).filter(([id]) =>
    id.startsWith(prefix),
  );
  const [machine] = machines;
  if (machine === undefined || machines.length > 1) {
    throw new Error(
      `state machine ${prefix}: the template has ${machines.length} of that name, allowed is one`,
    );
  }
  return JSON.parse(resolved(machine[1]['Properties'].DefinitionString));
}

function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const [intrinsic, argument] = Object.entries(value ?? {})[0] ?? [];
  if (intrinsic === 'Fn::Join') return argument[1].map(resolved).join(argument[0]);
  if (intrinsic === 'Fn::GetAtt' && argument[1] === 'Arn') return `${ACCOUNT}${argument[0]}`;
  if (intrinsic === 'Ref') return PSEUDO[argument] ?? argument;
  throw new Error(
    `a definition with ${JSON.stringify(value)}: allowed are Fn::Join, Fn::GetAtt of Arn, and Ref`,
  );
}

/** Those of all maps and branches too. Their names are different throughout, as Step Functions asks for. */
function statesOf({ States }: Definition): [string, State][] {
  return Object.entries(States).flatMap(([name, state]) => {
    const inner = [state.ItemProcessor, state.Iterator, ...(state.Branches ?? [])];
    return [[name, state] as [string, State], ...inner.flatMap((one) => (one ? statesOf(one) : []))];
  });
}

const only = (states: readonly [string, State][], is: (state: State) => boolean): Record<string, number> =>
  Object.fromEntries(states.filter(([, state]) => is(state)).map(([name]) => [name, 0]));

/** Both ways of a task: the function's ARN as its resource, and the service's `invoke`, whose answer is an envelope. */
function handlerOf(
  { Resource = '', Parameters }: State,
  functions: MachineRun['functions'],
  running: Set<Promise<unknown>>,
): (input: unknown) => Promise<Json> {
  const isEnveloped = Resource.endsWith(':states:::lambda:invoke');
  const arn = isEnveloped ? (Parameters?.FunctionName ?? '') : Resource;
  const call = functionBehind(arn.slice(ACCOUNT.length), functions);
  return async (input) => {
    const payload = isEnveloped ? (input as { Payload?: unknown }).Payload : input;
    const invocation = call(json(payload ?? {})).then(json, asLambdaSays);
    running.add(invocation);
    const result = await invocation.finally(() => running.delete(invocation));
    return isEnveloped ? { StatusCode: 200, Payload: result } : result;
  };
}

function functionBehind(id: string, functions: MachineRun['functions']): LocalFunction {
  const [found, ...more] = Object.entries(functions).filter(([prefix]) => id.startsWith(prefix));
  if (found !== undefined && more.length === 0) return found[1];
  throw new Error(
    `function ${id}: got ${found === undefined ? 'nothing' : 'several'} behind it, needed is one`,
  );
}

/** A function's error as Step Functions gets it: the cause is JSON. */
function asLambdaSays(thrown: unknown): never {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const error = new Error(JSON.stringify({ errorType: name, errorMessage: message }), { cause: thrown });
  error.name = name;
  throw error;
}

type Json = Parameters<StateMachine['run']>[0];

function json(value: unknown): Json {
  const text = JSON.stringify(value ?? null);
  if (Buffer.byteLength(text) <= DATA_LIMIT) return JSON.parse(text);
  const error = new Error(`${Buffer.byteLength(text)} bytes of data, allowed are ${DATA_LIMIT}`);
  error.name = 'States.DataLimitExceeded';
  throw error;
}

type Ended =
  | { readonly status: 'SUCCEEDED'; readonly output: unknown }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string };

async function endOf(result: Promise<unknown>): Promise<Ended> {
  try {
    return { status: 'SUCCEEDED', output: await result };
  } catch (thrown) {
    // The interpreter's own error has the state's as its cause, which has the name of the language.
    const failed = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
    if (!(failed instanceof Error)) throw failed;
    return { status: 'FAILED', error: failed.name, cause: failed.message };
  }
}

async function readAll<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
