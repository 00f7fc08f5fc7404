/**
 * The measured process's side of the services: the ports, sent to the process that plays them, each call taking the
 * time that the model gives it.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ObjectStore } from '../lambdas/store/object-store.ts';
import type { Table } from '../lambdas/store/table.ts';
import { receive, send } from './framing.ts';
import { Capacity, type Limits, type Need, type Used, waitBefore } from './limits.ts';
import { type RemoteCall, remoteBucket, remoteControl, remoteTable } from './ports.ts';
import type { Answer, Call, Control } from './protocol.ts';
import type { Timeline } from './timeline.ts';

export type Service = 'table' | 'bucket';

/** The connections of one process. */
interface Pool {
  readonly free: Record<Service, number>;
  readonly queued: Record<Service, Waiting[]>;
  calls: number;
}

interface Waiting {
  readonly pool: Pool;
  readonly call: Call;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Since when it has had a connection. */
  begun?: number;
}

/** What one process of the product has. */
export interface Client {
  readonly table: Table;
  /** @param guard called right before each destructive request. */
  bucket(guard?: () => void): ObjectStore;
}

export interface Load {
  /** Milliseconds by service, of all connections together. */
  readonly busy: Readonly<Record<Service, number>>;
  /** Processes at work. */
  readonly processes: number;
  /** The most that was taken of any resource of a kind. */
  readonly used: readonly Used[];
}

export interface ServicesOptions {
  readonly timeline: Timeline;
  readonly limits: Limits;
  /** Of the other process, MiB. It holds the whole registry. */
  readonly heapMib: number;
}

/** DynamoDB and S3, in a process of their own. */
export class Services implements Client {
  readonly table: Table;
  readonly control: Control;
  /** Requests that were refused for a rate and sent again. */
  throttled = 0;
  /** Spent on talking to the other process, which is no part of what is measured (microseconds). */
  talking = 0;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #timeline: Timeline;
  readonly #limits: Limits;
  readonly #capacity = new Capacity();
  /** Milliseconds for which connections were in use, by the model. */
  readonly #busy: Record<Service, number> = { table: 0, bucket: 0 };
  readonly #pools: Pool[] = [];
  readonly #own: Client;
  readonly #sent = new Map<number, Waiting>();
  #outbox: Waiting[] = [];
  #arrived: (() => void) | undefined;
  #serial = 0;

  constructor({ timeline, limits, heapMib }: ServicesOptions) {
    this.#timeline = timeline;
    this.#limits = limits;
    const path = fileURLToPath(new URL('./services-process.ts', import.meta.url));
    // Without this process's own flags: a profile, for one, is of this process alone.
    this.#process = spawn(process.execPath, [`--max-old-space-size=${heapMib}`, path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    receive(this.#process.stdout, (answers) => this.#settle(answers as readonly Answer[]));
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code) => this.#fail(new Error(`the services ended with ${code}`)));
    timeline.beforeLeap(() => this.#exchange());
    timeline.onFailure((error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#own = this.client();
    this.table = this.#own.table;
    this.control = remoteControl(this.#callOver(this.#newPool()));
  }

  bucket(guard?: () => void): ObjectStore {
    return this.#own.bucket(guard);
  }

  /** Of another process of the product, with connections of its own; the rates are shared. */
  client(): Client {
    const call = this.#callOver(this.#newPool());
    return { table: remoteTable(call), bucket: (guard = () => {}) => remoteBucket(call, guard) };
  }

  #newPool(): Pool {
    const { connections } = this.#limits;
    const pool = {
      ...{ free: { table: connections, bucket: connections }, queued: { table: [], bucket: [] } },
      calls: 0,
    };
    this.#pools.push(pool);
    return pool;
  }

  /** What is called before time goes on travels together. */
  #callOver(pool: Pool): RemoteCall {
    return async <T>(target: Call['target'], method: string, args: readonly unknown[]) => {
      const id = ++this.#serial;
      const answered = new Promise<unknown>((resolve, reject) => {
        const waiting: Waiting = { pool, call: { id, target, method, args }, resolve, reject };
        if (target === 'control') this.#outbox.push(waiting);
        else this.#begin(target, waiting);
      });
      this.#timeline.wake();
      return (await answered) as T;
    };
  }

  /** What has been taken of every resource since it was asked last. */
  load(): Load {
    const busy = { ...this.#busy };
    this.#busy.table = 0;
    this.#busy.bucket = 0;
    const processes = this.#pools.filter(({ calls }) => calls > 0).length;
    for (const pool of this.#pools) pool.calls = 0;
    return { busy, processes, used: this.#capacity.used() };
  }

  close(): void {
    this.#process.stdin.end();
  }

  #begin(service: Service, waiting: Waiting): void {
    const { free, queued } = waiting.pool;
    waiting.pool.calls++;
    if (free[service] === 0) {
      queued[service].push(waiting);
      return;
    }
    free[service]--;
    this.#outbox.push(waiting);
  }

  /** Sends what is to be sent and waits for all answers, which takes no time by the model. */
  async #exchange(): Promise<boolean> {
    const waiting = this.#outbox;
    if (waiting.length === 0) return false;
    this.#outbox = [];
    for (const one of waiting) this.#sent.set(one.call.id, one);
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
    const before = process.threadCpuUsage();
    send(this.#process.stdin, { now: this.#timeline.now(), calls: waiting.map(({ call }) => call) });
    await arrived;
    const { user, system } = process.threadCpuUsage(before);
    this.talking += user + system;
    return true;
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const waiting = this.#sent.get(answer.id);
      if (waiting === undefined) continue;
      this.#sent.delete(answer.id);
      if (waiting.call.target === 'control') finish(waiting, answer);
      else this.#answer(waiting.call.target, waiting, answer, 0);
    }
    this.#arrived?.();
  }

  /** Now, or later where a rate does not allow it now. */
  #answer(service: Service, waiting: Waiting, answer: Answer, attempt: number): void {
    const { latency, latencyPerKey } = this.#limits;
    const { call } = waiting;
    const now = this.#timeline.exactly();
    waiting.begun ??= now;
    const needs = service === 'table' ? this.#unitsOf(answer) : this.#keysOf(call);
    if (!this.#capacity.take(needs, now)) {
      this.throttled++;
      const again = now + latency + waitBefore(attempt);
      this.#timeline.at(again, () => this.#answer(service, waiting, answer, attempt + 1));
      return;
    }
    const keys = call.method.startsWith('delete') && Array.isArray(call.args[0]) ? call.args[0].length : 0;
    const rounds = Math.max(1, service === 'table' ? Math.ceil(answer.requests / AT_ONCE) : answer.requests);
    this.#timeline.at(now + rounds * latency + keys * latencyPerKey, () => {
      this.#busy[service] += this.#timeline.exactly() - (waiting.begun ?? now);
      const { free, queued } = waiting.pool;
      const next = queued[service].shift();
      if (next === undefined) free[service]++;
      else this.#outbox.push(next);
      finish(waiting, answer);
    });
  }

  #unitsOf({ uses }: Answer): Need[] {
    const { partition, table } = this.#limits;
    const sums = new Map<string, Need>();
    const add = (resource: string, { kind, units }: Answer['uses'][number], rate: number): void => {
      const name = `${kind} ${resource}`;
      const amount = (sums.get(name)?.amount ?? 0) + units;
      sums.set(name, { resource, kind, amount, rate });
    };
    for (const use of uses) {
      add(`partition ${use.partition}`, use, partition[use.kind]);
      add('the table', use, table[use.kind]);
    }
    return [...sums.values()];
  }

  #keysOf({ method, args: [first] }: Call): Need[] {
    const kind = /^(put|delete|abort)/.test(method) ? 'write' : 'read';
    const rate = this.#limits.prefix[kind];
    const sums = new Map<string, number>();
    for (const one of Array.isArray(first) ? first : [first]) {
      const key = typeof one === 'string' ? one : String(Reflect.get(Object(one), 'key') ?? '');
      const resource = `prefix ${prefixOf(key)}`;
      sums.set(resource, (sums.get(resource) ?? 0) + 1);
    }
    return [...sums].map(([resource, amount]) => ({ resource, kind, amount, rate }));
  }

  #fail(error: Error): void {
    const queued = this.#pools.flatMap(({ queued: { table, bucket } }) => [...table, ...bucket]);
    for (const { reject } of [...this.#sent.values(), ...this.#outbox, ...queued]) reject(error);
    this.#sent.clear();
    this.#arrived?.();
  }
}

/** Batches that the adapter sends side by side (`store/dynamodb-table.ts`). */
const AT_ONCE = 4;

/** S3 splits a busy bucket by prefix: blobs by the first digit of their digest, repositories each. */
function prefixOf(key: string): string {
  const blob = /\/blobs\/sha256\/([0-9a-f])/.exec(key);
  if (blob !== null) return `blobs ${blob[1]}`;
  return /\/repositories\/(.*?)(?:\/_|$)/.exec(key)?.[1] ?? key.slice(0, key.indexOf('/'));
}

function finish({ resolve, reject }: Waiting, answer: Answer): void {
  if ('error' in answer) reject(new Error(answer.error));
  else resolve(answer.value);
}
