import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Choice,
  Condition,
  Fail,
  type IChainable,
  JsonPath,
  Map as MapState,
  Pass,
  Succeed,
  TaskInput,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvocationType, LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';

export interface DistributedSteps {
  readonly start: IFunction;
  readonly worker: IFunction;
  readonly decide: IFunction;
  readonly finish: IFunction;
  readonly pruner: IFunction;
  readonly workers: number;
}

/** By which a function says that trying again changes nothing. */
const FINAL = ['NoSuchRunError', 'DeadlineError'];
/** Of a caller's mistake. */
const REFUSED = ['PruneAlreadyRunningError', 'InvalidRequestError', 'InvalidFilterError'];

/**
 * Start → (workers over all lanes → what next?)… → finish. What can fail leads to finish, which gives the lock back and
 * reports; then the execution fails, with what has failed. Keys and marks alone pass from state to state: what workers find
 * is in the table and the bucket.
 */
export function distributedDefinition(scope: Construct, steps: DistributedSteps): IChainable {
  const finish = finishing(scope, steps.finish);
  const decide = new LambdaInvoke(scope, 'What next?', {
    lambdaFunction: steps.decide,
    payload: TaskInput.fromObject({ runId: JsonPath.stringAt('$.runId'), pass: JsonPath.numberAt('$.pass') }),
    payloadResponseOnly: true,
  });
  decide.addRetry({ errors: FINAL, maxAttempts: 0 });
  decide.addRetry({ errors: ['States.ALL'], maxAttempts: 5, interval: Duration.seconds(2), backoffRate: 2 });
  decide.addCatch(finish, { resultPath: '$.error' });

  const work = new MapState(scope, 'Workers', {
    ...{ itemsPath: '$.lanes', maxConcurrency: steps.workers, resultPath: JsonPath.DISCARD },
  }).itemProcessor(working(scope, steps.worker));
  work.addCatch(finish, { resultPath: '$.error' });

  const pause = new Wait(scope, 'Until nothing of it can arrive', {
    time: WaitTime.timestampPath('$.until'),
  });
  work.next(decide);
  pause.next(decide);
  const which = new Choice(scope, 'Which?')
    .when(Condition.stringEquals('$.step', 'work'), work)
    .when(Condition.stringEquals('$.step', 'wait'), pause)
    .otherwise(finish);
  decide.next(which);
  return starting(scope, steps, finish).next(
    new Choice(scope, 'Worth it?')
      .when(Condition.stringEquals('$.how', 'single'), single(scope, steps.pruner))
      .otherwise(work),
  );
}

function starting(scope: Construct, { start }: DistributedSteps, finish: IChainable): LambdaInvoke {
  const begin = new LambdaInvoke(scope, 'Begin', {
    lambdaFunction: start,
    payload: TaskInput.fromObject({
      request: JsonPath.objectAt('$'),
      execution: JsonPath.stringAt('$$.Execution.Name'),
    }),
    payloadResponseOnly: true,
    // It takes the lock: an attempt whose answer was lost would refuse the next one.
    retryOnServiceExceptions: false,
  });
  begin.addRetry({ errors: ['Lambda.TooManyRequestsException'], interval: Duration.seconds(5) });
  begin.addCatch(new Fail(scope, 'Refused', { errorPath: '$.Error', causePath: '$.Cause' }), {
    errors: REFUSED,
  });
  const nothing = new Pass(scope, 'Nothing begun', {
    parameters: { error: { Error: JsonPath.stringAt('$.Error'), Cause: JsonPath.stringAt('$.Cause') } },
  });
  begin.addCatch(nothing.next(finish));
  return begin;
}

/** One lane: as often as it takes. Who fails is replaced twice; after that the lane is given up for this pass. */
function working(scope: Construct, lambdaFunction: IFunction): IChainable {
  const work = new LambdaInvoke(scope, 'Work', {
    ...{ lambdaFunction, payloadResponseOnly: true },
  });
  work.addRetry({ errors: FINAL, maxAttempts: 0 });
  work.addRetry({ errors: ['Lambda.TooManyRequestsException'], maxAttempts: 6, backoffRate: 2 });
  work.addRetry({
    errors: ['States.ALL'],
    ...{ maxAttempts: 2, interval: Duration.seconds(10), backoffRate: 3 },
  });
  work.addCatch(new Pass(scope, 'Given up'), { resultPath: JsonPath.DISCARD });
  return work.next(
    new Choice(scope, 'Any left?')
      .when(Condition.booleanEquals('$.more', true), work)
      .otherwise(new Pass(scope, 'Worked off')),
  );
}

function finishing(scope: Construct, lambdaFunction: IFunction): LambdaInvoke {
  const finish = new LambdaInvoke(scope, 'Finish', {
    lambdaFunction,
    payload: TaskInput.fromObject({
      state: JsonPath.objectAt('$'),
      execution: JsonPath.stringAt('$$.Execution.Name'),
    }),
    payloadResponseOnly: true,
  });
  finish.addRetry({ errors: ['States.ALL'], maxAttempts: 5, interval: Duration.seconds(5), backoffRate: 2 });
  finish.next(
    new Choice(scope, 'Failed?')
      .when(Condition.isNull('$.error'), new Succeed(scope, 'Pruned'))
      .otherwise(new Fail(scope, 'Failed', { errorPath: '$.error', causePath: '$.cause' })),
  );
  return finish;
}

/** Not waited for: its report may be larger than a state's output. */
function single(scope: Construct, pruner: IFunction): IChainable {
  return new LambdaInvoke(scope, 'Prune with one', {
    lambdaFunction: pruner,
    payload: TaskInput.fromJsonPathAt('$$.Execution.Input'),
    invocationType: LambdaInvocationType.EVENT,
    resultPath: JsonPath.DISCARD,
  });
}
