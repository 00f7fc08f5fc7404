import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  Choice,
  Condition,
  Fail,
  type IChainable,
  JitterType,
  JsonPath,
  Map as MapState,
  Succeed,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { LONGEST } from '../lambdas/rebuild/state.ts';
import { check } from './checks.ts';
import { NEVER_ASYNCHRONOUS, RegistryFunction } from './function.ts';
import { acknowledge } from './permission.ts';
import { type RebuildResources, rebuildNextPermissions, rebuildSlicePermissions } from './permissions.ts';
import { Workflow } from './workflow.ts';

export interface RebuilderProps extends RebuildResources {
  /** The variables that all functions have. */
  readonly environment: Readonly<Record<string, string>>;
  /** The function that removes delete markers. */
  readonly restorer: IFunction;
  /**
   * Units that are done side by side.
   *
   * @default 16
   */
  readonly workers?: number;
  /** @default - as RegistryFunction has it */
  readonly logRetention?: RetentionDays;
}

/** The longest there is. A slice ends three minutes before, and the next goes on. */
const TIMEOUT = Duration.minutes(15);
/** More than Step Functions runs of an inline map at a time. */
const WORKERS = { minimum: 1, maximum: 40 } as const;

/** By their names, so that what cannot get better by another try ends the execution at once. */
const FINAL = [
  'RebuildSupersededError',
  'RebuildTooOldError',
  'InvalidRebuildError',
  'InventoryError',
  'ConfigurationError',
  'WorkFilesGoneError',
];

/**
 * The rebuild of the index by many at once: what is to be done is asked of one function, and done by another, slice by
 * slice, until there is nothing left. How far it is, is in the table: an execution that failed is begun again, and goes on.
 */
export class Rebuilder extends Construct {
  readonly next: RegistryFunction;
  readonly slice: RegistryFunction;
  readonly workflow: Workflow;

  /** @throws Error when the number of workers cannot be. */
  constructor(scope: Construct, id: string, props: RebuilderProps) {
    super(scope, id);
    const { bucket, environment, restorer, workers = 16, inventoryBucket, logRetention } = props;
    check.wholeNumber('reindexWorkers', workers, WORKERS);
    if (inventoryBucket !== undefined) check.bucketName('inventoryBucket', inventoryBucket);
    const common = {
      ...{ timeout: TIMEOUT, environment: { ...environment, RESTORE_FUNCTION: restorer.functionName } },
      ...(logRetention === undefined ? {} : { logRetention }),
    };
    const told = inventoryBucket === undefined ? {} : { INVENTORY_BUCKET: inventoryBucket };
    this.next = new RegistryFunction(this, 'Next', {
      ...{ ...common, environment: { ...common.environment, ...told } },
      handler: 'rebuild/next-handler.ts',
      description: `Says what a rebuild of the index of ${bucket.bucketName} has to do next`,
      memorySize: 512,
      permissions: rebuildNextPermissions(props),
    });
    this.slice = new RegistryFunction(this, 'Slice', {
      ...common,
      handler: 'rebuild/slice-handler.ts',
      description: `Does a slice of a rebuild of the index of ${bucket.bucketName}`,
      // An inventory's file is read whole.
      memorySize: 2048,
      permissions: rebuildSlicePermissions(props),
    });
    for (const one of [this.next, this.slice]) acknowledge(one.function, NEVER_ASYNCHRONOUS);
    this.workflow = new Workflow(this, 'Workflow', {
      description: `Rebuilds the index of ${bucket.bucketName}`,
      definition: this.#definition(workers),
      functions: [this.next.function, this.slice.function],
      timeout: Duration.millis(LONGEST),
      ...(logRetention === undefined ? {} : { logRetention }),
    });
  }

  #definition(workers: number): IChainable {
    // Apart, since states are called by their ids.
    const states = new Construct(this, 'States');
    const failed = new Fail(states, 'Failed', {
      errorPath: JsonPath.stringAt('$.Error'),
      causePath: JsonPath.stringAt('$.Cause'),
    });
    const done = new Succeed(states, 'Done');
    const begin = taskOf(states, 'Begin', this.next).addCatch(failed);
    const goOn = taskOf(states, 'Go on', this.next, TaskInput.fromObject({ id: JsonPath.stringAt('$.id') }));
    const units = new MapState(states, 'Units', {
      itemsPath: JsonPath.stringAt('$.units'),
      itemSelector: {
        id: JsonPath.stringAt('$.id'),
        phase: JsonPath.stringAt('$.phase'),
        unit: JsonPath.stringAt('$$.Map.Item.Value'),
      },
      maxConcurrency: workers,
      resultPath: JsonPath.DISCARD,
    });
    const slice = taskOf(states, 'Slice', this.slice);
    const isDone = new Choice(states, 'Unit done?')
      .when(Condition.booleanEquals('$.done', true), new Succeed(states, 'Unit done'))
      .otherwise(slice);
    units.itemProcessor(slice.next(isDone));
    const isFinished = new Choice(states, 'Finished?')
      .when(Condition.booleanEquals('$.finished', true), done)
      .otherwise(units);
    units.addCatch(failed).next(goOn.addCatch(failed));
    goOn.next(isFinished);
    return begin.next(isFinished);
  }
}

/** @param payload what its function gets; without one, all that the state does. */
function taskOf(
  scope: Construct,
  name: string,
  { function: lambdaFunction }: RegistryFunction,
  payload?: TaskInput,
): LambdaInvoke {
  const task = new LambdaInvoke(scope, name, {
    ...{ lambdaFunction, payloadResponseOnly: true, retryOnServiceExceptions: false },
    ...(payload === undefined ? {} : { payload }),
  });
  task.addRetry({ errors: FINAL, maxAttempts: 0 });
  // What S3 and DynamoDB throw, the service's own errors, and functions that were killed: nothing is half done.
  task.addRetry({
    errors: ['States.ALL'],
    interval: Duration.seconds(5),
    backoffRate: 3,
    maxAttempts: 6,
    maxDelay: Duration.minutes(15),
    jitterStrategy: JitterType.FULL,
  });
  return task;
}
