import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { heldLock, PruneLock } from '../../lambdas/store/lock.ts';
import { MINUTE } from '../support/clock.ts';
import { type DistributedOptions, Functions } from '../support/distributed.ts';
import { goneBy, mixedRegistry, totalsOf } from '../support/distributed-world.ts';
import { Crash } from '../support/intercept.ts';
import { type LocalFunction, runStateMachine } from '../support/state-machine.ts';
import type { World } from '../support/world.ts';
import { idOf, templateOf } from './temporary-app.ts';

const OFFLINE = { mode: 'offline' };
const MACHINE = 'PruneDistributedRun';

let made: Template | undefined;
/** Made once, in the first test that asks for it. */
const machine = (): { readonly template: Template; readonly machine: string } => {
  made ??= templateOf({ distributed: { when: 'deep', workers: 16 } });
  return { template: made, machine: MACHINE };
};

/** Runs the machine of the template over a world. A wait is as long as it has to be. */
async function execute(
  world: World,
  input: object,
  { pruner, ...options }: DistributedOptions & { readonly pruner?: LocalFunction } = {},
) {
  const functions = new Functions(world, { execution: 'execution', ...options });
  const answering =
    <I>(answer: (input: I) => Promise<unknown>): LocalFunction =>
    async (given) =>
      await answer.call(functions, given as I);
  const decide = answering(functions.decide);
  const end = await runStateMachine({
    ...{ ...machine(), input },
    functions: {
      PruneDistributedStart: answering(functions.start),
      PruneDistributedWorker: answering(functions.slice),
      PruneDistributedDecide: async (question) => {
        const orders = await decide(question);
        const { until } = Object(orders);
        if (until !== undefined) world.clock.advance(Date.parse(until) - world.clock.now());
        return orders;
      },
      PruneDistributedFinish: answering(functions.finish),
      PrunePruner: pruner ?? (async () => ({})),
    },
  });
  return { end, functions };
}

describe('a distributed run by the state machine of the template', () => {
  test.each([{ body: OFFLINE }, { body: { mode: 'offline', all: true } }, { body: {} }])(
    'over 16 workers comes to what one function comes to: $body',
    async ({ body }) => {
      const [one, many] = [await mixedRegistry(), await mixedRegistry()];
      const single = await one.prune(body);
      const { end, functions } = await execute(many, body);
      expect(end).toMatchObject({
        status: 'SUCCEEDED',
        output: { run: { status: 'completed' }, error: null },
      });
      expect(new Set(functions.orders.map(({ lane }) => lane)).size).toBe(16);
      if (body.mode === 'offline') {
        expect(totalsOf(functions.report)).toEqual(totalsOf(single));
        expect(await many.keys()).toEqual(await one.keys());
      } else {
        expect(functions.report?.manifests.deleted).toBeGreaterThan(0);
      }
      expect(many.bus.events).toHaveLength(1);
      expect(await heldLock(many.table, many.clock.now())).toBeUndefined();
    },
  );

  test('replaces a worker that is killed, and counts once', async () => {
    const [one, many] = [await mixedRegistry(), await mixedRegistry()];
    const single = await one.prune(OFFLINE);
    const crash = new Crash(25, 'after');
    const faults: DistributedOptions['faults'] = ({ lane }, invocation) =>
      lane === 3 && invocation <= 16 ? { table: crash.over(many.table) } : {};
    const { end, functions } = await execute(many, OFFLINE, { faults });
    expect(crash.happened).toBe(true);
    expect(end.retried).toEqual(['Work']);
    expect(end.entered).toContain('Until nothing of it can arrive');
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: { run: { status: 'completed' } } });
    expect(goneBy(functions.report)).toEqual(goneBy(single));
    expect(await many.keys()).toEqual(await one.keys());
  });

  test('always finishes, though workers fail each time', async () => {
    const world = await mixedRegistry();
    const objects = () => {
      throw new Error('no connection');
    };
    const { end, functions } = await execute(world, OFFLINE, { faults: () => ({ objects }) });
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: { run: { status: 'partial' } } });
    expect(functions.orders).toHaveLength(3 * 16);
    expect(functions.report).toMatchObject({ status: 'partial', manifests: { deleted: 0 } });
    expect(await heldLock(world.table, world.clock.now())).toBeUndefined();
  });

  test('finishes, and fails, where what comes next cannot be decided', async () => {
    const world = await mixedRegistry();
    const functions = new Functions(world, { execution: 'execution' });
    const end = await runStateMachine({
      ...{ ...machine(), input: OFFLINE },
      functions: {
        PruneDistributedStart: async (given) =>
          await functions.start(given as { request: unknown; execution: string }),
        PruneDistributedWorker: async (order) => await functions.slice(order as never),
        PruneDistributedDecide: async () => {
          throw new Error('no table');
        },
        PruneDistributedFinish: async (given) => await functions.finish(given as never),
        PrunePruner: async () => ({}),
      },
    });
    expect(end).toMatchObject({ status: 'FAILED', error: 'Error', cause: 'no table' });
    expect(functions.report).toMatchObject({ status: 'partial' });
    expect(functions.report?.refusals).toContainEqual({ code: 'failed', message: 'Error: no table' });
    expect(world.bus.events).toMatchObject([{ detail: { status: 'partial' } }]);
    expect(await heldLock(world.table, world.clock.now())).toBeUndefined();
  });

  test('does not begin while another run holds the lock, and leaves that alone', async () => {
    const world = await mixedRegistry();
    const deadline = world.clock.now() + 15 * MINUTE;
    await PruneLock.take(world.table, world.clock.now, { owner: 'another', runId: 'another', deadline });
    const before = await heldLock(world.table, world.clock.now());
    const { end, functions } = await execute(world, OFFLINE);
    expect(end).toMatchObject({ status: 'FAILED', error: 'PruneAlreadyRunningError' });
    expect(end.entered).not.toContain('Finish');
    expect(functions.report).toBeUndefined();
    expect(await heldLock(world.table, world.clock.now())).toEqual(before);
  });

  test.each([
    [{ dryRun: true }, 'InvalidRequestError'],
    [{ action: 'plan' }, 'InvalidRequestError'],
    [{ runId: 'another', pass: 1 }, 'InvalidRequestError'],
    [{ filters: { nothing: ['1'] } }, 'InvalidFilterError'],
  ])('refuses %j', async (input, error) => {
    const world = await mixedRegistry(1);
    const { end } = await execute(world, input);
    expect(end).toMatchObject({ status: 'FAILED', error });
    expect(world.bus.events).toEqual([]);
  });

  test('gives a scheduled run that is small to the one function, with its request', async () => {
    const world = await mixedRegistry(1);
    const asked: unknown[] = [];
    const pruner: LocalFunction = async (input) => asked.push(input);
    const settings = { when: 'deep', depth: 1_000 } as const;
    const request = { trigger: 'schedule', mode: 'offline' };
    const { end, functions } = await execute(world, request, { settings, pruner });
    expect(end.status).toBe('SUCCEEDED');
    expect(asked).toEqual([request]);
    expect(functions.orders).toEqual([]);
    const deep = await execute(world, request, { settings: { when: 'deep', depth: 2 }, pruner });
    expect(deep.functions.report).toMatchObject({ status: 'completed', trigger: 'schedule' });
    const byHand = await execute(await mixedRegistry(1), OFFLINE, { settings, pruner });
    expect(byHand.functions.report).toMatchObject({ status: 'completed', trigger: 'manual' });
    expect(asked).toHaveLength(1);
  });
});

describe('the schedule', () => {
  const targetOf = (when: 'never' | 'deep' | 'always') => {
    const made = templateOf({ distributed: { when } });
    const [, schedule] = Object.values(made.findResources('AWS::Scheduler::Schedule'));
    return { made, target: schedule?.['Properties'].Target };
  };

  test('starts the machine where it may be distributed, and the function where it may not', () => {
    for (const when of ['deep', 'always'] as const) {
      const { made, target } = targetOf(when);
      const machine = idOf(made, 'AWS::StepFunctions::StateMachine', MACHINE);
      expect(target.Arn).toEqual({ Ref: machine });
      expect(JSON.parse(target.Input)).toEqual({ trigger: 'schedule' });
    }
    const { made, target } = targetOf('never');
    expect(target.Arn).toEqual({
      'Fn::GetAtt': [idOf(made, 'AWS::Lambda::Function', 'PrunePruner'), 'Arn'],
    });
  });

  test('has a role that can start the machine and nothing else', () => {
    const { made } = targetOf('always');
    made.hasResourceProperties('AWS::IAM::Role', {
      Policies: [
        {
          PolicyDocument: {
            Statement: [
              {
                Action: 'states:StartExecution',
                Effect: 'Allow',
                Resource: { Ref: idOf(made, 'AWS::StepFunctions::StateMachine', MACHINE) },
              },
              { Action: 'sqs:SendMessage', Effect: 'Allow', Resource: Match.anyValue() },
            ],
          },
        },
      ],
    });
  });
});

describe('the figures', () => {
  test('are what the functions are told', () => {
    const made = templateOf({
      distributed: { when: 'deep', depth: 7, workers: 4, pace: 100, concurrency: 9 },
    });
    const variables = (prefix: string) =>
      made.findResources('AWS::Lambda::Function')[idOf(made, 'AWS::Lambda::Function', prefix)]?.['Properties']
        .Environment.Variables;
    expect(variables('PruneDistributedStart')).toMatchObject({
      ...{ DISTRIBUTED: 'deep', DEPTH: '7', WORKERS: '4', PACE: '100' },
    });
    expect(variables('PruneDistributedWorker')).toMatchObject({ CONCURRENCY: '9' });
  });

  test.each([
    [{ workers: 17 }, /distributed.workers is out of range: got 17/],
    [{ workers: 0 }, /distributed.workers is out of range: got 0/],
    [{ depth: 0 }, /distributed.depth is out of range: got 0/],
    [
      { workers: 8, pace: 79 },
      /distributed.pace is out of range: got 79, allowed are whole numbers from 80 to 1000000/,
    ],
    [{ concurrency: 0 }, /distributed.concurrency is out of range/],
    [
      { when: 'sometimes' as never },
      /distributed.when cannot be "sometimes": allowed are never, deep, always/,
    ],
  ])('are checked: %j', (distributed, message) => {
    expect(() => templateOf({ distributed })).toThrow(message);
  });
});
