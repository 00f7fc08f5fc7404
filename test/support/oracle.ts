/**
 * What an offline prune must leave and what it must take, worked out naively from the bucket's contents: everything
 * in memory, the whole graph at once, and nothing shared with the product, so that both cannot be wrong together.
 */
import { createHash } from 'node:crypto';
import type { MemoryBucket } from '../../local/memory-bucket.ts';

export interface StoredText {
  readonly size: number;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly modified: number;
}

export type Contents = ReadonlyMap<string, StoredText>;

export interface Question {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** `<repository>@<digest>` of manifests that an index run has seen, be they there or not. */
  readonly everIndexed: ReadonlySet<string>;
  readonly filters?: {
    readonly dangling?: boolean;
    readonly label?: readonly string[];
    readonly labelNot?: readonly string[];
    /** Milliseconds since the epoch. */
    readonly until?: number;
  };
  /** Repositories that the prune is about. @default all */
  readonly scope?: ReadonlySet<string>;
}

export interface Verdict {
  readonly live: ReadonlySet<string>;
  readonly garbage: ReadonlySet<string>;
  /** `<repository>@<digest>`. */
  readonly deadManifests: ReadonlySet<string>;
  /** `<repository>:<tag>`. */
  readonly deadTags: ReadonlySet<string>;
  /** Bytes of the blob data that goes. */
  readonly bytes: number;
}

export interface Repository {
  readonly name: string;
  readonly revisions: Map<string, string>;
  readonly layers: Map<string, string>;
  readonly tags: Map<string, { readonly key: string; readonly digest: string }>;
  readonly histories: { readonly key: string; readonly tag: string; readonly digest: string }[];
  readonly uploads: Map<string, string[]>;
}

/** A manifest as far as it can be understood. */
export interface Understood {
  readonly kind: 'known' | 'doubtful' | 'unreadable';
  readonly blobs: readonly string[];
  readonly children: readonly string[];
  readonly subject?: string;
  /** Undefined where there is no configuration to have any. */
  readonly labels?: ReadonlyMap<string, string>;
}

const WEEK = 7 * 24 * 3_600_000;
const ROOT = 'docker/registry/v2/';
const DIGESTS = /sha256:[0-9a-f]{64}/g;
export const COSIGN = /^sha256-([0-9a-f]{64})(\.sig|\.att|\.sbom)?$/;
const MANIFEST_TYPES =
  /^application\/vnd\.(docker\.distribution\.manifest\.(v1|v2|list\.v2)|oci\.image\.(manifest|index)\.v1)\+json$/;
const INDEX_TYPES = /manifest\.list|image\.index/;
const IMAGE_CONFIGS = /^application\/vnd\.(docker\.container\.image|oci\.image\.config)\.v1\+json$/;

export async function contentsOf(bucket: MemoryBucket): Promise<Map<string, StoredText>> {
  const contents = new Map<string, StoredText>();
  let next: string | undefined;
  do {
    const page = await bucket.list(ROOT, next === undefined ? {} : { next });
    for (const { key, size, lastModified } of page.objects) {
      const body = (await bucket.get(key))?.body;
      contents.set(key, { size, text: new TextDecoder().decode(body), modified: lastModified.getTime() });
    }
    next = page.next;
  } while (next !== undefined);
  return contents;
}

export function judge(contents: Contents, question: Question): Verdict {
  const repositories = sort(contents);
  const garbage = new Set<string>();
  const deadManifests = new Set<string>();
  const deadTags = new Set<string>();
  const neededData = new Set<string>();

  for (const repository of repositories.values()) {
    const { name, revisions, layers, tags, histories, uploads } = repository;
    const manifests = new Map([...revisions.keys()].map((digest) => [digest, understand(contents, digest)]));
    const inScope = question.scope?.has(name) ?? true;
    const isBlocked = [...manifests.values()].some(({ kind }) => kind === 'unreadable');
    const untouched = !inScope || isBlocked;
    const live = untouched ? new Set(revisions.keys()) : walk(contents, repository, manifests, question);

    const needed = new Set<string>();
    for (const [digest, key] of revisions) {
      if (!live.has(digest)) {
        garbage.add(key);
        deadManifests.add(`${name}@${digest}`);
        continue;
      }
      needed.add(digest);
      for (const blob of manifests.get(digest)?.blobs ?? []) needed.add(blob);
    }
    for (const digest of needed) neededData.add(digest);
    const isDead = (digest: string) => revisions.has(digest) && !live.has(digest);
    const gone = new Set([...tags].filter(([, { digest }]) => isDead(digest)).map(([tag]) => tag));
    for (const tag of gone) {
      garbage.add(tags.get(tag)?.key ?? '');
      deadTags.add(`${name}:${tag}`);
    }
    for (const { key, tag, digest } of histories) if (gone.has(tag) || isDead(digest)) garbage.add(key);
    for (const [digest, key] of layers) {
      if (untouched || needed.has(digest)) neededData.add(digest);
      else garbage.add(key);
    }
    for (const keys of uploads.values()) {
      const written = Math.max(...keys.map((key) => contents.get(key)?.modified ?? 0));
      if (inScope && written + WEEK <= question.now) for (const key of keys) garbage.add(key);
    }
  }
  let bytes = 0;
  for (const [key, { size }] of contents) {
    const hex = /^blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/.exec(key.slice(ROOT.length))?.[1];
    if (hex === undefined || neededData.has(`sha256:${hex}`)) continue;
    garbage.add(key);
    bytes += size;
  }
  const live = new Set([...contents.keys()].filter((key) => !garbage.has(key)));
  return { live, garbage, deadManifests, deadTags, bytes };
}

/** Down from everything that must stay, to everything that this holds. */
function walk(
  contents: Contents,
  { name, revisions, tags }: Repository,
  manifests: ReadonlyMap<string, Understood>,
  question: Question,
): Set<string> {
  const filters = question.filters ?? {};
  const dangling = filters.dangling ?? true;
  const holds = new Map<string, string[]>();
  const hold = (holder: string, held: string) => {
    holds.set(holder, [...(holds.get(holder) ?? []), held]);
  };
  const tagged = new Set<string>();
  for (const [tag, { digest }] of tags) {
    const hex = COSIGN.exec(tag)?.[1];
    const subject = `sha256:${hex}`;
    if (hex === undefined || !(revisions.has(subject) || question.everIndexed.has(`${name}@${subject}`)))
      tagged.add(digest);
    else if (revisions.has(subject)) hold(subject, digest);
  }
  const todo: string[] = [];
  for (const [digest, manifest] of manifests) {
    for (const child of manifest.children) hold(digest, child);
    if (manifest.subject !== undefined && revisions.has(manifest.subject)) hold(manifest.subject, digest);
    const pushed = contents.get(revisions.get(digest) ?? '')?.modified ?? 0;
    const stays =
      manifest.kind !== 'known' ||
      (dangling && tagged.has(digest)) ||
      (filters.until !== undefined && pushed > filters.until) ||
      sparedByLabels(manifest.labels, filters.label ?? [], filters.labelNot ?? []);
    if (stays) todo.push(digest);
  }
  const live = new Set<string>();
  for (let digest = todo.pop(); digest !== undefined; digest = todo.pop()) {
    if (live.has(digest) || !revisions.has(digest)) continue;
    live.add(digest);
    todo.push(...(holds.get(digest) ?? []));
  }
  return live;
}

function sparedByLabels(
  labels: ReadonlyMap<string, string> | undefined,
  wanted: readonly string[],
  unwanted: readonly string[],
): boolean {
  if (wanted.length + unwanted.length === 0) return false;
  if (labels === undefined) return true;
  const has = (entry: string) => {
    const [key = '', ...rest] = entry.split('=');
    return entry.includes('=') ? labels.get(key) === rest.join('=') : labels.has(key);
  };
  return !wanted.every(has) || (unwanted.length > 0 && unwanted.every(has));
}

export function understand(contents: Contents, digest: string): Understood {
  const unreadable: Understood = { kind: 'unreadable', blobs: [], children: [] };
  const text = dataOf(contents, digest);
  if (text === undefined || `sha256:${createHash('sha256').update(text).digest('hex')}` !== digest)
    return unreadable;
  const parsed = parse(text);
  if (parsed === undefined) return unreadable;
  const mediaType = get(parsed, 'mediaType');
  if (get(parsed, 'schemaVersion') === 1) {
    const layers = list(get(parsed, 'fsLayers')).map((entry) => String(get(entry, 'blobSum')));
    const embedded = parse(String(get(list(get(parsed, 'history'))[0], 'v1Compatibility')));
    return { kind: 'known', blobs: layers, children: [], labels: labelsOf(embedded) };
  }
  const subject = get(get(parsed, 'subject'), 'digest');
  const about = typeof subject === 'string' ? { subject } : {};
  if (typeof mediaType !== 'string' || !MANIFEST_TYPES.test(mediaType)) {
    const all = text.match(DIGESTS) ?? [];
    return { kind: 'doubtful', blobs: all, children: all, ...about };
  }
  if (INDEX_TYPES.test(mediaType)) {
    const entries = list(get(parsed, 'manifests'));
    const digests = (some: readonly unknown[]) => some.map((entry) => String(get(entry, 'digest')));
    const blobs = entries.filter((entry) => !MANIFEST_TYPES.test(String(get(entry, 'mediaType'))));
    return { kind: 'known', blobs: digests(blobs), children: digests(entries), ...about };
  }
  const config = get(get(parsed, 'config'), 'digest');
  if (typeof config !== 'string') return unreadable;
  const layers = list(get(parsed, 'layers')).map((entry) => String(get(entry, 'digest')));
  const stored = dataOf(contents, config);
  const isImage = IMAGE_CONFIGS.test(String(get(get(parsed, 'config'), 'mediaType')));
  return {
    kind: stored === undefined ? 'doubtful' : 'known',
    blobs: [config, ...layers],
    children: [],
    ...about,
    labels: isImage && stored !== undefined ? labelsOf(parse(stored)) : new Map(),
  };
}

function labelsOf(config: unknown): Map<string, string> {
  const labels = get(get(config, 'config'), 'Labels');
  return new Map(Object.entries(typeof labels === 'object' && labels !== null ? labels : {}));
}

function dataOf(contents: Contents, digest: string): string | undefined {
  const hex = digest.slice('sha256:'.length);
  return contents.get(`${ROOT}blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)?.text;
}

export function sort(contents: Contents): Map<string, Repository> {
  const repositories = new Map<string, Repository>();
  for (const [key, { text }] of contents) {
    const match = /^repositories\/(.+?)\/_(manifests|layers|uploads)\/(.+)$/.exec(key.slice(ROOT.length));
    const [, name = '', area, rest = ''] = match ?? [];
    if (area === undefined) continue;
    const repository: Repository = repositories.get(name) ?? {
      name,
      ...{ revisions: new Map(), layers: new Map(), tags: new Map(), histories: [], uploads: new Map() },
    };
    repositories.set(name, repository);
    const [first = '', tag = '', place] = rest.split('/');
    if (area === 'layers') repository.layers.set(text, key);
    else if (area === 'uploads') {
      repository.uploads.set(first, [...(repository.uploads.get(first) ?? []), key]);
    } else if (first === 'revisions') repository.revisions.set(text, key);
    else if (place === 'current') repository.tags.set(tag, { key, digest: text });
    else repository.histories.push({ key, tag, digest: text });
  }
  return repositories;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function get(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
