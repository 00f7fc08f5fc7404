import { createHash } from 'node:crypto';
import pMap from 'p-map';
import type { Snapshot } from './bucket.ts';
import { type RegistryClient, RegistryError } from './client.ts';
import { registryRoot } from './reach.ts';

/** What is asked of a registry: nothing in its API lists untagged manifests or blobs, so the bucket tells them. */
export interface Questions {
  readonly manifests: readonly { readonly repo: string; readonly digest: string }[];
  readonly blobs: readonly { readonly repo: string; readonly digest: string }[];
}

const CONCURRENCY = 8;

/** Everything that a snapshot of the bucket has a link for. */
export function questionsFrom(snapshot: Snapshot, rootDirectory?: string): Questions {
  const root = `${registryRoot(rootDirectory)}repositories/`;
  const manifests: { repo: string; digest: string }[] = [];
  const blobs: { repo: string; digest: string }[] = [];
  for (const key of snapshot.keys()) {
    if (!key.startsWith(root)) continue;
    const match = /^(.+)\/(_layers|_manifests\/revisions)\/(\w+)\/(\w+)\/link$/.exec(key.slice(root.length));
    const [, repo = '', area, algorithm, hex] = match ?? [];
    if (area === undefined) continue;
    (area === '_layers' ? blobs : manifests).push({ repo, digest: `${algorithm}:${hex}` });
  }
  return { manifests, blobs };
}

/** The registry's answers, each as the hash of its bytes, or the status it refused with. */
export async function served(
  client: RegistryClient,
  { manifests, blobs }: Questions,
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const catalog = await client.catalog();
  answers.set('catalog', catalog.join(' '));
  const ask = async (name: string, get: () => Promise<Uint8Array>) => {
    answers.set(name, await get().then(hashOf, statusOf));
  };
  for (const repo of catalog) {
    const tags = await client.listTags(repo);
    answers.set(`tags ${repo}`, tags.join(' '));
    for (const tag of tags) {
      await ask(`tag ${repo}:${tag}`, async () => (await client.getManifest(repo, tag)).bytes);
    }
  }
  const all = [
    ...manifests.map(({ repo, digest }) => ({
      name: `manifest ${repo}@${digest}`,
      get: async () => (await client.getManifest(repo, digest)).bytes,
    })),
    ...blobs.map(({ repo, digest }) => ({
      name: `blob ${repo}@${digest}`,
      get: () => client.getBlob(repo, digest),
    })),
  ];
  await pMap(all, ({ name, get }) => ask(name, get), { concurrency: CONCURRENCY });
  return new Map([...answers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const hashOf = (bytes: Uint8Array): string =>
  `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;

function statusOf(error: unknown): string {
  if (error instanceof RegistryError) return String(error.status);
  throw error;
}
