/** The ports to DynamoDB and S3 and to what plays them, each call sent elsewhere. */
import type { MultipartUpload, ObjectStore, ObjectVersion } from '../lambdas/store/object-store.ts';
import type { Table } from '../lambdas/store/table.ts';
import type { Call, Control } from './protocol.ts';

export type RemoteCall = <T>(target: Call['target'], method: string, args: readonly unknown[]) => Promise<T>;

export function remoteTable(call: RemoteCall): Table {
  return {
    get: (key) => call('table', 'get', [key]),
    getMany: (keys) => call('table', 'getMany', [keys]),
    query: (pk, options) => call('table', 'query', [pk, options]),
    due: (queue, options) => call('table', 'due', [queue, options]),
    put: (item, condition) => call('table', 'put', [item, condition]),
    update: (key, change, condition) => call('table', 'update', [key, change, condition]),
    remove: (key, condition) => call('table', 'remove', [key, condition]),
    write: (writes) => call('table', 'write', [writes]),
    scan: (options) => call('table', 'scan', [options]),
  };
}

export function remoteBucket(call: RemoteCall, guard: () => void): ObjectStore {
  const destroy = async <T>(method: string, ...args: readonly unknown[]): Promise<T> => {
    guard();
    return await call<T>('bucket', method, args);
  };
  return {
    head: (key) => call('bucket', 'head', [key]),
    get: (key, maxBytes) => call('bucket', 'get', [key, maxBytes]),
    put: (key, body, options) => call('bucket', 'put', [key, body, options]),
    list: (prefix, options) => call('bucket', 'list', [prefix, options]),
    versions: (key) => call('bucket', 'versions', [key]),
    async *versionsUnder(prefix) {
      yield* await call<ObjectVersion[][]>('bucket', 'versionsUnder', [prefix]);
    },
    delete: (key, ifMatch) => destroy('delete', key, ifMatch),
    deleteMany: (keys) => destroy('deleteMany', keys),
    deleteVersion: (key, versionId) => destroy('deleteVersion', key, versionId),
    deleteVersions: (versions) => destroy('deleteVersions', versions),
    versioning: () => call('bucket', 'versioning', []),
    async *multipartUploads(prefix) {
      yield* await call<MultipartUpload[]>('bucket', 'multipartUploads', [prefix]);
    },
    multipartBytes: (upload) => call('bucket', 'multipartBytes', [upload]),
    abortUpload: (upload) => destroy('abortUpload', upload),
  };
}

export function remoteControl(call: RemoteCall): Control {
  return {
    generate: (options) => call('control', 'generate', [options]),
    counted: () => call('control', 'counted', []),
    inspect: () => call('control', 'inspect', []),
    push: (releases) => call('control', 'push', [releases]),
  };
}
