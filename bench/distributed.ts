/** A distributed run as its state machine does it (`infra/distributed-definition.ts`), by the model's time. */
import { decide } from '../lambdas/distributed/decide.ts';
import { finishDistributed } from '../lambdas/distributed/finish.ts';
import type { Order, Orders } from '../lambdas/distributed/orders.ts';
import { runWorker, type SliceDone } from '../lambdas/distributed/slice.ts';
import { startDistributed } from '../lambdas/distributed/start.ts';
import type { PruneDependencies } from '../lambdas/prune/engine.ts';
import type { Report } from '../lambdas/prune/report.ts';
import type { Table } from '../lambdas/store/table.ts';

export interface Machine {
  /** The dependencies of one more process. */
  readonly process: () => PruneDependencies;
  readonly workers: number;
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Of a process, milliseconds. */
  readonly lifetime: number;
  /** Calls to the table after which the first worker that makes so many dies. */
  readonly deadly?: number | undefined;
}

export interface DistributedRun {
  readonly report: Report;
  /** Of all functions, by the model. */
  readonly functionSeconds: number;
  /** Of the state machine, as its definition has them; retries are left out. */
  readonly transitions: number;
  /** Workers that have died. */
  readonly deaths: number;
}

/** @throws what ends the execution otherwise than by its report. */
export async function distributedRun(machine: Machine, request: object): Promise<DistributedRun> {
  const { process, workers, now, sleep, lifetime } = machine;
  const cost = { functionSeconds: 0, transitions: 0, deaths: 0 };
  const billed = async <T>(states: number, work: () => Promise<T>): Promise<T> => {
    const begun = now();
    cost.transitions += states;
    try {
      return await work();
    } finally {
      cost.functionSeconds += (now() - begun) / 1000;
    }
  };
  const deadline = (): number => now() + lifetime;
  const settings = { when: 'always', depth: 1, workers } as const;
  // Begin, Worth it?
  const started = await billed(2, () =>
    startDistributed({ prune: process(), settings }, request, deadline()),
  );
  if (started.how === 'single') throw new Error('the run was left to one function');
  const lane = async (first: Order): Promise<void> => {
    for (let order: Order | undefined = first; order !== undefined; ) {
      const mine = process();
      const death = Promise.withResolvers<'dead'>();
      const dies = (): boolean => {
        if (cost.deaths > 0) return false;
        cost.deaths++;
        death.resolve('dead');
        return true;
      };
      const table = machine.deadly === undefined ? mine.table : mortal(mine.table, machine.deadly, dies);
      const sent: Order = order;
      // Work, Any left?
      const done: SliceDone | 'dead' = await billed(2, () =>
        Promise.race([runWorker({ ...mine, table }, sent, deadline()), death.promise]),
      );
      // Step Functions sends another.
      if (done !== 'dead') order = done.more ? done : undefined;
    }
    // Worked off
    cost.transitions++;
  };
  let orders: Orders = started;
  while (orders.step !== 'finish') {
    // Workers or Until nothing of it can arrive, What next?, Which?
    cost.transitions++;
    if (orders.step === 'work') await Promise.all(orders.lanes.map(lane));
    else await sleep(Date.parse(orders.until) - now());
    const over = { runId: orders.runId, pass: orders.pass };
    orders = await billed(2, () => decide(process(), over, lifetime));
  }
  const { runId } = orders;
  // Finish, Failed?, Pruned
  const report = await billed(3, () => finishDistributed(process(), { runId }, deadline()));
  if (report === undefined) throw new Error('the run was not reported');
  return { report, ...cost };
}

/** A table that answers so often, and then its process is dead. @param dies says whether it is. */
function mortal(table: Table, calls: number, dies: () => boolean): Table {
  let left = calls;
  let isDead = false;
  return new Proxy(table, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]) => {
        isDead ||= left-- <= 0 && dies();
        return isDead ? new Promise(() => {}) : Reflect.apply(member, target, args);
      };
    },
  });
}
