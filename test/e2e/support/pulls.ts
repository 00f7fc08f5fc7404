import pMap from 'p-map';
import { MANIFEST_TYPES, type RegistryClient } from './client.ts';

export interface Pull {
  readonly repo: string;
  readonly tag: string;
  /** The manifest the tag names, then everything fetched through it. */
  readonly digests: readonly string[];
}

export interface PullFailure {
  readonly repo: string;
  readonly tag: string;
  /** The digest, or the tag itself, that could not be fetched or was not what it claims to be. */
  readonly reference: string;
  readonly reason: string;
}

export interface Pulls {
  readonly pulls: readonly Pull[];
  readonly failures: readonly PullFailure[];
}

interface Links {
  readonly manifests: readonly string[];
  readonly blobs: readonly string[];
}

const CONCURRENCY = 8;

/**
 * Fetches every tag of every repository down to the last layer and back to the subject, as a client with no cache
 * would. Failures are returned, not thrown, so that a test can say which ones it expects.
 */
export async function pullEverything(client: RegistryClient): Promise<Pulls> {
  const pulls: Pull[] = [];
  const failures: PullFailure[] = [];
  const tags = await pMap(
    await client.catalog(),
    async (repo) => (await client.listTags(repo)).map((tag) => ({ repo, tag })),
    { concurrency: CONCURRENCY },
  );
  await pMap(
    tags.flat(),
    async ({ repo, tag }) => {
      const digests = new Set<string>();
      await walk(client, repo, tag, digests, (reference, error) => {
        failures.push({
          repo,
          tag,
          reference,
          reason: error instanceof Error ? error.message : String(error),
        });
      });
      pulls.push({ repo, tag, digests: [...digests] });
    },
    { concurrency: CONCURRENCY },
  );
  const order = (a: { repo: string; tag: string }, b: { repo: string; tag: string }) =>
    `${a.repo}:${a.tag}`.localeCompare(`${b.repo}:${b.tag}`);
  return { pulls: pulls.sort(order), failures: failures.sort(order) };
}

/** `repo:tag reference` of each failure, sorted. */
export function failureLines(failures: readonly PullFailure[]): string[] {
  return failures.map(({ repo, tag, reference }) => `${repo}:${tag} ${reference}`).sort();
}

async function walk(
  client: RegistryClient,
  repo: string,
  reference: string,
  seen: Set<string>,
  fail: (reference: string, error: unknown) => void,
): Promise<void> {
  let links: Links;
  try {
    const manifest = await client.getManifest(repo, reference);
    if (seen.has(manifest.digest)) return;
    seen.add(manifest.digest);
    links = linksOf(JSON.parse(new TextDecoder().decode(manifest.bytes)));
  } catch (error) {
    fail(reference, error);
    return;
  }
  for (const digest of links.blobs) {
    if (seen.has(digest)) continue;
    try {
      await client.getBlob(repo, digest);
      seen.add(digest);
    } catch (error) {
      fail(digest, error);
    }
  }
  for (const digest of links.manifests) {
    if (!seen.has(digest)) await walk(client, repo, digest, seen, fail);
  }
}

function linksOf(manifest: unknown): Links {
  const manifests: string[] = [];
  const blobs: string[] = [];
  for (const entry of list(field(manifest, 'manifests'))) {
    const type = field(entry, 'mediaType');
    // An index may list what are only blobs; BuildKit's cache does.
    const target = MANIFEST_TYPES.some((known) => known === type) ? manifests : blobs;
    target.push(digestOf(entry));
  }
  for (const entry of [field(manifest, 'config'), ...list(field(manifest, 'layers'))]) {
    if (entry !== undefined) blobs.push(digestOf(entry));
  }
  const subject = field(manifest, 'subject');
  if (subject !== undefined) manifests.push(digestOf(subject));
  return { manifests, blobs };
}

function digestOf(descriptor: unknown): string {
  const digest = field(descriptor, 'digest');
  if (typeof digest !== 'string') throw new Error(`descriptor without digest: ${JSON.stringify(descriptor)}`);
  return digest;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
