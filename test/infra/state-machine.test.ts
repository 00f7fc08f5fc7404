import { type App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code, Function as Lambda, Runtime } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  Fail,
  type IChainable,
  JsonPath,
  Map as MapState,
  Succeed,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { describe, expect, test } from 'vitest';
import { Workflow } from '../../infra/workflow.ts';
import { type LocalFunction, runStateMachine } from '../support/state-machine.ts';
import { temporaryApp } from './temporary-app.ts';

/** A machine in which a map's workers go on until each of them is done. */
function template(app: App = temporaryApp()): Template {
  const stack = new Stack(app, 'Test');
  const lambda = (id: string) =>
    new Lambda(stack, id, {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {};'),
    });
  const start = lambda('Start');
  const work = lambda('Work');
  const invoke = (id: string, lambdaFunction: Lambda, result: object) =>
    new LambdaInvoke(stack, id, { lambdaFunction, ...result });
  const slice = invoke('Slice', work, { payloadResponseOnly: true });
  slice.addRetry({ errors: ['Sandbox.Timedout'], maxAttempts: 2, interval: Duration.minutes(1) });
  const pause = new Wait(stack, 'Pause', { time: WaitTime.duration(Duration.hours(1)) });
  const loop: IChainable = slice.next(
    new Choice(stack, 'Done?')
      .when(Condition.booleanEquals('$.done', true), new Succeed(stack, 'Worked'))
      .otherwise(pause.next(slice)),
  );
  const map = new MapState(stack, 'Workers', {
    itemsPath: '$.units',
    maxConcurrency: 2,
    itemSelector: {
      unit: JsonPath.stringAt('$$.Map.Item.Value'),
      of: JsonPath.stringAt('$.of'),
      name: JsonPath.stringAt('$$.Execution.Name'),
    },
    resultPath: JsonPath.DISCARD,
  }).itemProcessor(loop);
  const failed = new Fail(stack, 'Failed', { errorPath: '$.Error', causePath: '$.Cause' });
  const finish = invoke('Finish', start, { outputPath: '$.Payload' });
  const definition = invoke('Begin', start, { outputPath: '$.Payload' }).next(
    map.addCatch(failed).next(finish),
  );
  new Workflow(stack, 'Flow', {
    ...{ description: 'A test', definition, functions: [start, work], timeout: Duration.days(1) },
  });
  return Template.fromStack(stack);
}

const start: LocalFunction = async (input) =>
  (input as { of?: string }).of === undefined ? { units: ['a', 'b', 'c'], of: 'run' } : input;

describe('the interpreter', () => {
  test('goes through map, choice and wait with what the functions answer', async () => {
    const seen: unknown[] = [];
    const work: LocalFunction = async (input) => {
      const { unit, left = 2, of, name } = input as { unit: string; left?: number; of: string; name: string };
      seen.push([unit, left, of, name]);
      return left === 0 ? { done: true } : { unit, of, name, left: left - 1, done: false };
    };
    const end = await runStateMachine({
      ...{ template: template(), machine: 'Flow', name: 'first', functions: { Start: start, Work: work } },
    });
    expect(end).toMatchObject({ status: 'SUCCEEDED', output: { units: ['a', 'b', 'c'], of: 'run' } });
    const of = (unit: string) => [2, 1, 0].map((left) => [unit, left, 'run', 'first']);
    expect(seen.sort()).toEqual([...of('a'), ...of('b'), ...of('c')].sort());
    expect(end.entered.filter((state) => state === 'Pause')).toHaveLength(6);
  });

  test('retries what is named, and catches the rest by its name', async () => {
    const named = (name: string) => Object.assign(new Error('it failed'), { name });
    let calls = 0;
    const run = (fails: (call: number) => string | undefined) => {
      calls = 0;
      const work: LocalFunction = async () => {
        const name = fails(++calls);
        if (name !== undefined) throw named(name);
        return { done: true };
      };
      return runStateMachine({
        ...{ template: template(), machine: 'Flow', functions: { Start: start, Work: work } },
      });
    };
    expect(await run((call) => (call === 1 ? 'Sandbox.Timedout' : undefined))).toMatchObject({
      ...{ status: 'SUCCEEDED', retried: ['Slice'] },
    });
    expect(calls).toBe(4);
    expect(await run(() => 'Broken')).toMatchObject({
      ...{ status: 'FAILED', error: 'Broken', cause: expect.stringContaining('it failed') },
    });
  });

  test('refuses data that Step Functions would not carry', async () => {
    const work: LocalFunction = async () => ({ done: true, much: 'x'.repeat(300_000) });
    expect(
      await runStateMachine({
        ...{ template: template(), machine: 'Flow', functions: { Start: start, Work: work } },
      }),
    ).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
  });

  test('names what has nothing behind it', async () => {
    await expect(
      runStateMachine({ template: template(), machine: 'Flow', functions: { Start: start } }),
    ).rejects.toThrow(/function Work.*nothing/);
    await expect(runStateMachine({ template: template(), machine: 'Other', functions: {} })).rejects.toThrow(
      /Other/,
    );
  });
});
