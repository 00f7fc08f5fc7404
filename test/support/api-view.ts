/** What a registry would serve from the bucket, worked out from its layout and nothing of the product. */
import type { MemoryBucket } from '../../local/memory-bucket.ts';
import { ROOT } from './registry-writer.ts';

const REPOSITORIES = `${ROOT}repositories/`;
const REVISION = /^(.+)\/_manifests\/revisions\/(\w+)\/(\w+)\/link$/;
const TAG = /^(.+)\/_manifests\/tags\/([^/]+)\/current\/link$/;
const LISTED = /^(.+)\/_manifests\/tags\/([^/]+)\//;
const LAYER = /^(.+)\/_layers\/(\w+)\/(\w+)\/link$/;

/** Every answer to a GET, by what is asked for; `undefined` where the registry would answer 404. */
export async function apiView(bucket: MemoryBucket): Promise<Map<string, string | undefined>> {
  const view = new Map<string, string | undefined>();
  for (const key of await keysOf(bucket, REPOSITORIES)) {
    const path = key.slice(REPOSITORIES.length);
    const [, listed, listedTag] = LISTED.exec(path) ?? [];
    if (listed !== undefined) view.set(`${listed} lists`, sorted(view.get(`${listed} lists`), listedTag));
    const [, repo, algorithm, hex] = REVISION.exec(path) ?? LAYER.exec(path) ?? [];
    if (repo !== undefined) {
      const kind = path.includes('/_layers/') ? 'blob' : 'manifest';
      view.set(`${kind} ${repo}@${algorithm}:${hex}`, await data(bucket, `${algorithm}:${hex}`));
    }
    const [, name, tag] = TAG.exec(path) ?? [];
    if (name === undefined) continue;
    const digest = await text(bucket, key);
    const revision = `${REPOSITORIES}${name}/_manifests/revisions/${digest?.replace(':', '/')}/link`;
    const served = (await bucket.head(revision)) === undefined ? undefined : await data(bucket, digest ?? '');
    view.set(`tag ${name}:${tag}`, served);
  }
  return view;
}

const sorted = (list = '', tag = ''): string => [...new Set([...list.split(' '), tag])].sort().join(' ');

async function data(bucket: MemoryBucket, digest: string): Promise<string | undefined> {
  const [algorithm, hex = ''] = digest.split(':');
  return await body(bucket, `${ROOT}blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`);
}

async function body(bucket: MemoryBucket, key: string): Promise<string | undefined> {
  const object = await bucket.get(key);
  return object && Buffer.from(object.body).toString('base64');
}

async function keysOf(bucket: MemoryBucket, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let next: string | undefined;
  do {
    const page = await bucket.list(prefix, next === undefined ? {} : { next });
    keys.push(...page.objects.map(({ key }) => key));
    next = page.next;
  } while (next !== undefined);
  return keys;
}

async function text(bucket: MemoryBucket, key: string): Promise<string | undefined> {
  const object = await bucket.get(key);
  return object && new TextDecoder().decode(object.body);
}
