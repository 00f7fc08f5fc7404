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

/** @throws what ends the execution otherwise than by its report. */
export async function distributedRun(machine: Machine, request: object): Promise<Report> {
  const { process, workers, now, sleep, lifetime } = machine;
  const deadline = (): number => now() + lifetime;
  const settings = { when: 'always', depth: 1, workers } as const;
  const started = await startDistributed({ prune: process(), settings }, request, deadline());
  if (started.how === 'single') throw new Error('the run was left to one function');
  let toDie = machine.deadly;
  const lane = async (first: Order): Promise<void> => {
    for (let order: Order | undefined = first; order !== undefined; ) {
      const mine = process();
      const death = Promise.withResolvers<'dead'>();
      const calls = toDie;
      toDie = undefined;
      const table = calls === undefined ? mine.table : mortal(mine.table, calls, () => death.resolve('dead'));
      const done: SliceDone | 'dead' = await Promise.race([
        runWorker({ ...mine, table }, order, deadline()),
        death.promise,
      ]);
      // Step Functions sends another.
      if (done !== 'dead') order = done.more ? done : undefined;
    }
  };
  let orders: Orders = started;
  while (orders.step !== 'finish') {
    if (orders.step === 'work') await Promise.all(orders.lanes.map(lane));
    else await sleep(Date.parse(orders.until) - now());
    orders = await decide(process(), { runId: orders.runId, pass: orders.pass }, lifetime);
  }
  const report = await finishDistributed(process(), { runId: orders.runId }, deadline());
  if (report === undefined) throw new Error('the run was not reported');
  return report;
}

/** A table that answers so often, and then its process is dead. */
function mortal(table: Table, calls: number, dies: () => void): Table {
  let left = calls;
  return new Proxy(table, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]) => {
        if (left-- > 0) return Reflect.apply(member, target, args);
        dies();
        return new Promise(() => {});
      };
    },
  });
}
