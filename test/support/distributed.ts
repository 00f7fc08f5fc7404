/** A distributed run over a world in memory: the functions behind its state machine, and a machine without Step Functions. */
import { decide, type Question } from '../../lambdas/distributed/decide.ts';
import { finishDistributed } from '../../lambdas/distributed/finish.ts';
import {
  type End,
  type Ended,
  endOf,
  failureOf,
  type Order,
  type Orders,
  ownerOf,
} from '../../lambdas/distributed/orders.ts';
import type { DistributedSettings } from '../../lambdas/distributed/settings.ts';
import { runWorker, type SliceDone } from '../../lambdas/distributed/slice.ts';
import { type Started, startDistributed } from '../../lambdas/distributed/start.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { MINUTE } from './clock.ts';
import type { Body, World } from './world.ts';

export const WORKER_LIFETIME = 15 * MINUTE;

export interface DistributedOptions {
  readonly settings?: Partial<DistributedSettings>;
  readonly execution?: string;
  /** Of a worker, milliseconds. @default that of a function */
  readonly lifetime?: number;
  /** Dependencies of a worker to be replaced. */
  readonly faults?: (order: Order, invocation: number) => Partial<PruneDependencies>;
}

/** What is behind the tasks, as the handlers call it. */
export class Functions {
  readonly #world: World;
  readonly #options: DistributedOptions;
  /** Of the last run that was finished: the machine is told but a part of it. */
  report: Report | undefined;
  /** Orders of workers, one for each invocation. */
  readonly orders: Order[] = [];

  constructor(world: World, options: DistributedOptions = {}) {
    this.#world = world;
    this.#options = options;
  }

  get #deadline(): number {
    return this.#world.clock.now() + WORKER_LIFETIME;
  }

  #dependencies(execution: string): PruneDependencies {
    return { ...this.#world.dependencies, owner: ownerOf(execution) };
  }

  async start({ request, execution }: { request: unknown; execution: string }): Promise<Started> {
    const settings = { when: 'always', depth: 1, workers: 16, ...this.#options.settings } as const;
    return await startDistributed(
      { prune: this.#dependencies(execution), settings },
      request,
      this.#deadline,
    );
  }

  async slice(order: Order): Promise<SliceDone> {
    this.orders.push(order);
    const faults = this.#options.faults?.(order, this.orders.length);
    const { lifetime = WORKER_LIFETIME } = this.#options;
    const deadline = this.#world.clock.now() + lifetime;
    return await runWorker({ ...this.#world.dependencies, ...faults }, order, deadline);
  }

  async decide(question: Question): Promise<Orders> {
    return await decide(this.#world.dependencies, question, WORKER_LIFETIME);
  }

  async finish({ state, execution }: End): Promise<Ended> {
    const ending = { runId: state.runId, failure: failureOf(state) };
    const report = await finishDistributed(this.#dependencies(execution), ending, this.#deadline);
    this.report = report ?? this.report;
    return endOf(state, report);
  }
}

/** Runs it as the state machine does, workers in a row. */
export async function distribute(
  world: World,
  request: Body = {},
  options: DistributedOptions = {},
): Promise<{ readonly report: Report | undefined; readonly functions: Functions }> {
  const functions = new Functions(world, options);
  const execution = options.execution ?? 'execution';
  const started = await functions.start({ request, execution });
  if (started.how === 'single') return { report: undefined, functions };
  let orders: Orders = started;
  while (orders.step !== 'finish') {
    if (orders.step === 'wait') world.clock.advance(Date.parse(orders.until) - world.clock.now());
    else for (const lane of orders.lanes) await laneOf(functions, lane);
    orders = await functions.decide({ runId: orders.runId, pass: orders.pass });
  }
  await functions.finish({ state: { runId: orders.runId }, execution });
  return { report: functions.report, functions };
}

/** Twice more after an error, as the machine does. */
async function laneOf(functions: Functions, lane: Order): Promise<void> {
  let order = lane;
  for (let failures = 0; failures < 3; ) {
    try {
      const done = await functions.slice(order);
      if (!done.more) return;
      order = done;
    } catch {
      failures++;
    }
  }
}
