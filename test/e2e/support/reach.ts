import pMap from 'p-map';
import { readObject, type Snapshot } from './bucket.ts';

/**
 * What must survive a prune, worked out from the bucket alone and sharing no code with the product, so that the two
 * cannot be wrong together. It reads everything and keeps everything in memory: right for a test, and only there.
 */
export interface Reach {
  readonly live: Reached;
  readonly garbage: Reached;
  /** Every key that has to go, the history links of dead manifests included. */
  readonly garbageKeys: ReadonlySet<string>;
  /** `repo@digest` of the manifests that have to go. */
  readonly deadManifests: ReadonlySet<string>;
  readonly liveManifests: ReadonlySet<string>;
  /** The bytes of all blob data that has to go, each blob once. */
  readonly reclaimable: number;
}

/** Keys, by what they are. */
export interface Reached {
  readonly blobs: ReadonlySet<string>;
  readonly revisions: ReadonlySet<string>;
  readonly layers: ReadonlySet<string>;
  readonly tags: ReadonlySet<string>;
  readonly history: ReadonlySet<string>;
}

export interface ReachOptions {
  readonly endpoint: string;
  readonly bucket: string;
  readonly snapshot: Snapshot;
  /** Distribution's `rootdirectory`. @default none */
  readonly rootDirectory?: string;
  /** `repo@digest` of manifests that were once pushed, which the bucket no longer shows. */
  readonly everExisted?: ReadonlySet<string>;
}

interface Repository {
  readonly name: string;
  readonly revisions: Map<string, string>;
  readonly layers: Map<string, string>;
  readonly tags: Map<string, { key: string; digest: string }>;
  readonly history: { key: string; digest: string }[];
}

interface Parsed {
  readonly blobs: readonly string[];
  readonly listed: readonly string[];
  readonly subject: string | undefined;
}

const COSIGN_TAG = /^sha256-([0-9a-f]{64})(?:\.sig|\.att|\.sbom)?$/;
const READS = 16;

export function registryRoot(rootDirectory = ''): string {
  const trimmed = rootDirectory.replaceAll(/^\/+|\/+$/g, '');
  return `${trimmed === '' ? '' : `${trimmed}/`}docker/registry/v2/`;
}

export async function reach(options: ReachOptions): Promise<Reach> {
  const root = registryRoot(options.rootDirectory);
  const dataKeys = new Map<string, string>();
  const repositories = new Map<string, Repository>();
  for (const [key, object] of options.snapshot) {
    if (key.startsWith(root)) sort(key, key.slice(root.length), object.link, dataKeys, repositories);
  }
  const manifests = await parseAll(options, dataKeys, repositories);

  const live = sets();
  const garbage = sets();
  const liveDigests = new Set<string>();
  const deadManifests = new Set<string>();
  const liveManifests = new Set<string>();
  for (const repository of repositories.values()) {
    const isLive = walk(repository, manifests, options.everExisted ?? new Set());
    const needed = new Set<string>();
    for (const [digest, key] of repository.revisions) {
      (isLive.has(digest) ? live : garbage).revisions.add(key);
      (isLive.has(digest) ? liveManifests : deadManifests).add(`${repository.name}@${digest}`);
      if (!isLive.has(digest)) continue;
      liveDigests.add(digest);
      const parsed = manifests.get(digest);
      for (const blob of parsed?.blobs ?? []) needed.add(blob);
      for (const entry of parsed?.listed ?? []) if (!repository.revisions.has(entry)) needed.add(entry);
    }
    for (const [digest, key] of repository.layers) {
      (needed.has(digest) ? live : garbage).layers.add(key);
      if (needed.has(digest)) liveDigests.add(digest);
    }
    const dead = (digest: string) => repository.revisions.has(digest) && !isLive.has(digest);
    for (const { key, digest } of repository.tags.values()) (dead(digest) ? garbage : live).tags.add(key);
    for (const { key, digest } of repository.history) (dead(digest) ? garbage : live).history.add(key);
  }
  for (const [digest, key] of dataKeys) (liveDigests.has(digest) ? live : garbage).blobs.add(key);

  let reclaimable = 0;
  for (const key of garbage.blobs) reclaimable += options.snapshot.get(key)?.size ?? 0;
  const garbageKeys = new Set(Object.values(garbage).flatMap((keys) => [...keys]));
  return { live, garbage, garbageKeys, deadManifests, liveManifests, reclaimable };
}

/** The manifests of one repository that some tag leads to. */
function walk(
  repository: Repository,
  manifests: ReadonlyMap<string, Parsed>,
  everExisted: ReadonlySet<string>,
): Set<string> {
  const holds = new Map<string, Set<string>>();
  const hold = (holder: string, held: string) => {
    holds.set(holder, (holds.get(holder) ?? new Set()).add(held));
  };
  for (const digest of repository.revisions.keys()) {
    const parsed = manifests.get(digest);
    for (const child of parsed?.listed ?? []) hold(digest, child);
    if (parsed?.subject !== undefined) hold(parsed.subject, digest);
  }
  const todo: string[] = [];
  for (const [tag, { digest }] of repository.tags) {
    const signed = COSIGN_TAG.exec(tag)?.[1];
    const subject = `sha256:${signed}`;
    const known = repository.revisions.has(subject) || everExisted.has(`${repository.name}@${subject}`);
    if (signed !== undefined && known) hold(subject, digest);
    else todo.push(digest);
  }
  const reached = new Set<string>();
  for (let digest = todo.pop(); digest !== undefined; digest = todo.pop()) {
    if (reached.has(digest) || !repository.revisions.has(digest)) continue;
    reached.add(digest);
    todo.push(...(holds.get(digest) ?? []));
  }
  return reached;
}

function sort(
  key: string,
  path: string,
  link: string | undefined,
  dataKeys: Map<string, string>,
  repositories: Map<string, Repository>,
): void {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/[^/]+\/([^/]+)\/data$/.exec(path) ?? [];
  if (algorithm !== undefined) dataKeys.set(`${algorithm}:${hex}`, key);

  const [, name, kind, rest] = /^repositories\/(.+)\/(_manifests|_layers)\/(.+)$/.exec(path) ?? [];
  if (name === undefined || rest === undefined || link === undefined) return;
  const repository: Repository = repositories.get(name) ?? {
    name,
    revisions: new Map(),
    layers: new Map(),
    tags: new Map(),
    history: [],
  };
  repositories.set(name, repository);
  const parts = rest.split('/');
  if (kind === '_layers') repository.layers.set(link, key);
  else if (parts[0] === 'revisions') repository.revisions.set(link, key);
  else if (parts[2] === 'current') repository.tags.set(parts[1] ?? '', { key, digest: link });
  else if (parts[2] === 'index') repository.history.push({ key, digest: link });
}

async function parseAll(
  { endpoint, bucket }: ReachOptions,
  dataKeys: ReadonlyMap<string, string>,
  repositories: ReadonlyMap<string, Repository>,
): Promise<Map<string, Parsed>> {
  const digests = new Set([...repositories.values()].flatMap(({ revisions }) => [...revisions.keys()]));
  const entries = await pMap(
    digests,
    async (digest): Promise<[string, Parsed]> => {
      const key = dataKeys.get(digest);
      if (key === undefined) throw new Error(`${digest} has a revision and no data`);
      const bytes = await readObject(endpoint, bucket, key);
      return [digest, parse(JSON.parse(new TextDecoder().decode(bytes)))];
    },
    { concurrency: READS },
  );
  return new Map(entries);
}

function parse(manifest: unknown): Parsed {
  const layers = [field(manifest, 'config'), ...list(field(manifest, 'layers'))];
  return {
    blobs: layers.flatMap(digestsOf),
    listed: list(field(manifest, 'manifests')).flatMap(digestsOf),
    subject: digestsOf(field(manifest, 'subject'))[0],
  };
}

function digestsOf(descriptor: unknown): string[] {
  const digest = field(descriptor, 'digest');
  return typeof digest === 'string' ? [digest] : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function sets() {
  const empty = () => new Set<string>();
  return { blobs: empty(), revisions: empty(), layers: empty(), tags: empty(), history: empty() };
}
