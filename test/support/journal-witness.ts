/** Watches a bucket for deletions that no stored journal line has announced. */
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import type { Digest } from './images.ts';
import { type Call, intercept } from './intercept.ts';
import { dataKey, historyKey, layerKey, revisionKey, tagDirectory } from './registry-writer.ts';
import { HEARTBEATS, JOURNAL } from './world.ts';

interface Line {
  readonly action: string;
  readonly digest: Digest;
  readonly repository: string;
  readonly tag: string;
  readonly taggedAs: readonly string[];
  readonly keys: readonly string[];
  readonly key: string;
}

export class JournalWitness {
  /** Keys of the registry that S3 was asked to delete with no line about them. */
  readonly unannounced: string[] = [];
  readonly #keys = new Set<string>();
  readonly #directories: string[] = [];

  over(store: ObjectStore): ObjectStore {
    return intercept(store, {
      before: (call) => this.deletes(deleted(call)),
      after: ({ operation, arguments: [key, body] }) => {
        if (operation === 'put') this.stored(String(key), String(body));
      },
    });
  }

  /** S3 is asked to delete these. */
  deletes(keys: readonly string[]): void {
    for (const key of keys) {
      if (!key.startsWith(HEARTBEATS) && !this.#isAnnounced(key)) this.unannounced.push(key);
    }
  }

  /** Only a line that is stored counts. */
  stored(key: string, body: string): void {
    if (!key.startsWith(JOURNAL)) return;
    for (const line of body.trim().split('\n')) this.#announce(JSON.parse(line));
  }

  #isAnnounced(key: string): boolean {
    return this.#keys.has(key) || this.#directories.some((directory) => key.startsWith(directory));
  }

  #announce({ action, digest, repository, tag, taggedAs, keys, key }: Line): void {
    switch (action) {
      case 'delete-manifest':
        this.#keys.add(revisionKey(repository, digest));
        for (const name of taggedAs) this.#keys.add(historyKey(repository, name, digest));
        return;
      case 'untag':
        this.#directories.push(tagDirectory(repository, tag));
        return;
      case 'unlink':
        this.#keys.add(layerKey(repository, digest));
        return;
      case 'delete-blob':
        this.#keys.add(dataKey(digest));
        return;
      case 'delete-upload':
        for (const part of keys) this.#keys.add(part);
        return;
      case 'abort-multipart':
        this.#keys.add(key);
        return;
    }
  }
}

function deleted({ operation, arguments: [what] }: Call): string[] {
  switch (operation) {
    case 'delete':
      return [String(what)];
    case 'deleteMany':
      return Array.isArray(what) ? what.map(String) : [];
    case 'deleteVersions':
      return Array.isArray(what) ? what.map(({ key }) => String(key)) : [];
    case 'abortUpload':
      return typeof what === 'object' && what !== null ? [String(Reflect.get(what, 'key'))] : [];
    default:
      return [];
  }
}
