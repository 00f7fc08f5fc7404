/** The measured process's side of the services: the ports, sent to the process that plays them. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MultipartUpload, ObjectStore, ObjectVersion } from '../lambdas/store/object-store.ts';
import type { Table } from '../lambdas/store/table.ts';
import type { Answer, Call, Control } from './protocol.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** DynamoDB and S3, in a process of their own. */
export class Services {
  readonly table: Table;
  readonly control: Control;
  readonly #process: ChildProcess;
  readonly #now: () => number;
  readonly #waiting = new Map<number, Waiting>();
  #batch: Call[] = [];
  #serial = 0;

  /** @param now milliseconds since the epoch, for what the bucket stores. */
  constructor(now: () => number) {
    this.#now = now;
    const path = fileURLToPath(new URL('./services-process.ts', import.meta.url));
    // Without this process's own flags: a profile, for one, is of this process alone.
    this.#process = fork(path, { serialization: 'advanced', execArgv: [] });
    this.#process.on('message', (answers: readonly Answer[]) => {
      for (const answer of answers) this.#settle(answer);
    });
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code) => this.#fail(new Error(`the services ended with ${code}`)));
    this.table = remoteTable(this);
    this.control = remoteControl(this);
  }

  /** @param guard called right before each destructive request. */
  bucket(guard: () => void = () => {}): ObjectStore {
    return remoteBucket(this, guard);
  }

  /** What is called in one turn of the event loop travels together. */
  async call<T>(target: Call['target'], method: string, args: readonly unknown[]): Promise<T> {
    const id = ++this.#serial;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (this.#batch.length === 0) setImmediate(() => this.#send());
    this.#batch.push({ id, target, method, args });
    return (await answered) as T;
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  #send(): void {
    const calls = this.#batch;
    this.#batch = [];
    this.#process.send({ now: this.#now(), calls }, (error) => {
      if (error !== null) this.#fail(error);
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.value);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function remoteTable(services: Services): Table {
  return {
    get: (key) => services.call('table', 'get', [key]),
    getMany: (keys) => services.call('table', 'getMany', [keys]),
    query: (pk, options) => services.call('table', 'query', [pk, options]),
    due: (queue, options) => services.call('table', 'due', [queue, options]),
    put: (item, condition) => services.call('table', 'put', [item, condition]),
    update: (key, change, condition) => services.call('table', 'update', [key, change, condition]),
    remove: (key, condition) => services.call('table', 'remove', [key, condition]),
    write: (writes) => services.call('table', 'write', [writes]),
    scan: (options) => services.call('table', 'scan', [options]),
  };
}

function remoteBucket(services: Services, guard: () => void): ObjectStore {
  const destroy = async <T>(method: string, ...args: readonly unknown[]): Promise<T> => {
    guard();
    return await services.call<T>('bucket', method, args);
  };
  return {
    head: (key) => services.call('bucket', 'head', [key]),
    get: (key, maxBytes) => services.call('bucket', 'get', [key, maxBytes]),
    put: (key, body, options) => services.call('bucket', 'put', [key, body, options]),
    list: (prefix, options) => services.call('bucket', 'list', [prefix, options]),
    versions: (key) => services.call('bucket', 'versions', [key]),
    async *versionsUnder(prefix) {
      yield* await services.call<ObjectVersion[][]>('bucket', 'versionsUnder', [prefix]);
    },
    delete: (key, ifMatch) => destroy('delete', key, ifMatch),
    deleteMany: (keys) => destroy('deleteMany', keys),
    deleteVersion: (key, versionId) => destroy('deleteVersion', key, versionId),
    deleteVersions: (versions) => destroy('deleteVersions', versions),
    versioning: () => services.call('bucket', 'versioning', []),
    async *multipartUploads(prefix) {
      yield* await services.call<MultipartUpload[]>('bucket', 'multipartUploads', [prefix]);
    },
    multipartBytes: (upload) => services.call('bucket', 'multipartBytes', [upload]),
    abortUpload: (upload) => destroy('abortUpload', upload),
  };
}

function remoteControl(services: Services): Control {
  return {
    generate: (options) => services.call('control', 'generate', [options]),
    counted: () => services.call('control', 'counted', []),
    inspect: () => services.call('control', 'inspect', []),
  };
}
