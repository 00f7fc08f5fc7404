/** A client that pushes as real ones do, and that pushes anew from the start what the registry refuses. */
import { setTimeout as delay } from 'node:timers/promises';
import { type RegistryClient, RegistryError, sha256 } from '../support/client.ts';
import type { Artifact } from '../support/images.ts';

/**
 * - `check`: asks with `HEAD`, sends what is not there; what most clients do.
 * - `blind`: sends everything.
 * - `trust`: sends the manifest alone, as for a tag on something pushed before.
 * - a repository: mounts from there what is not here.
 */
export type Manner = 'check' | 'blind' | 'trust' | { readonly from: string };

export interface Attempted {
  readonly acknowledged: boolean;
  /** Why the registry refused, once for each time it did. */
  readonly refusals: readonly string[];
}

const TRIES = 10;
const FIRST_PAUSE_MS = 40;
const LONGEST_PAUSE_MS = 1_000;

/** @param put sends the manifest itself; what came before it is in the registry then. */
export async function pushWithRetries(
  client: RegistryClient,
  repo: string,
  artifact: Artifact,
  options: { readonly manner: Manner; readonly put: () => Promise<void> },
): Promise<Attempted> {
  const { put } = options;
  return await withRetries(async (again) => {
    await pushParts(client, repo, artifact, again && options.manner === 'trust' ? 'check' : options.manner);
    await put();
  });
}

/** Does it from the start each time the registry refuses. */
export async function withRetries(attempt: (again: boolean) => Promise<void>): Promise<Attempted> {
  const refusals: string[] = [];
  while (refusals.length < TRIES) {
    try {
      await attempt(refusals.length > 0);
      return { acknowledged: true, refusals };
    } catch (error) {
      refusals.push(reasonOf(error));
      await delay(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** refusals.length));
    }
  }
  return { acknowledged: false, refusals };
}

/** All but the manifest itself: its blobs, then its children whole. */
async function pushParts(
  client: RegistryClient,
  repo: string,
  artifact: Artifact,
  manner: Manner,
): Promise<void> {
  if (manner === 'trust') return;
  for (const bytes of artifact.blobs) await pushBlob(client, repo, bytes, manner);
  for (const child of artifact.children) {
    await pushParts(client, repo, child, manner);
    await client.putManifest(repo, child.digest, child.mediaType, child.bytes);
  }
}

async function pushBlob(
  client: RegistryClient,
  repo: string,
  bytes: Uint8Array,
  manner: Manner,
): Promise<void> {
  if (typeof manner === 'object' && (await client.mountBlob(repo, sha256(bytes), manner.from))) return;
  await client.pushBlob(repo, bytes, { check: manner === 'check' });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof RegistryError)) return error instanceof Error ? error.message : String(error);
  const [method] = error.message.split(' ');
  const code = /"code":"(\w+)"/.exec(error.body)?.[1];
  return `${method} ${error.status}${code === undefined ? '' : ` ${code}`}`;
}
