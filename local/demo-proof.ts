/** What the demo proves of a prune, worked out from the bucket's bytes alone. */
import { type Digest, digestOf } from './demo-images.ts';
import { dataKey, layerKey, ROOT, revisionKey } from './demo-registry.ts';
import { manifestOf, type Repository, type View } from './demo-view.ts';

/** What a tag leads to, and what of it is missing or damaged. */
export interface Reached {
  /** Keys of the registry that a pull of it reads. */
  readonly keys: ReadonlySet<string>;
  readonly problems: readonly string[];
}

/** Claims, each printed as it is checked; one that fails is remembered. */
export class Proofs {
  readonly #write: (text: string) => void;
  readonly failed: string[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** @param objections what speaks against the claim; none if it holds. */
  check(claim: string, objections: readonly string[]): void {
    const holds = objections.length === 0;
    this.#write(`${holds ? '✓' : '✗'} ${claim}\n${objections.map((text) => `    ${text}\n`).join('')}`);
    if (!holds) this.failed.push(claim);
  }

  equal(claim: string, figures: Readonly<Record<string, number>>): void {
    const same = new Set(Object.values(figures)).size === 1;
    this.check(claim, same ? [] : Object.entries(figures).map(([name, value]) => `${name}: ${value}`));
  }
}

/** Walks from every tag: its manifest, children, config, layers, referrers and signatures. */
export function walkTags(view: View): Map<string, Reached> {
  const found = new Map<string, Reached>();
  for (const repository of view.repositories.values()) {
    for (const [tag, digest] of repository.tags) {
      found.set(`${repository.name}:${tag}`, walk(view, repository, digest));
    }
  }
  return found;
}

function walk(view: View, repository: Repository, root: Digest): Reached {
  const { name, revisions, tags } = repository;
  const keys = new Set<string>();
  const problems: string[] = [];
  const need = (key: string, holds: (body: Uint8Array) => boolean): void => {
    const body = view.objects.get(key);
    if (body === undefined) problems.push(`${key} is missing`);
    else if (!keys.has(key) && !holds(body)) problems.push(`${key} does not have its digest`);
    keys.add(key);
  };
  const needData = (digest: Digest) => need(dataKey(digest), (body) => digestOf(body) === digest);
  const needLink = (key: string, digest: Digest) =>
    need(key, (body) => new TextDecoder().decode(body) === digest);

  const seen = new Set<Digest>();
  for (const open = [root]; open.length > 0; ) {
    const digest = open.pop();
    if (digest === undefined || seen.has(digest)) continue;
    seen.add(digest);
    needLink(revisionKey(name, digest), digest);
    needData(digest);
    const body = manifestOf(view, digest);
    for (const described of [body?.config, ...(body?.layers ?? [])]) {
      if (described === undefined) continue;
      needLink(layerKey(name, described.digest), described.digest);
      needData(described.digest);
    }
    open.push(...(body?.manifests ?? []).map((child) => child.digest));
    open.push(...[...revisions].filter((other) => manifestOf(view, other)?.subject?.digest === digest));
    const signature = tags.get(`${digest.replace(':', '-')}.sig`);
    if (signature !== undefined) open.push(signature);
  }
  return { keys, problems };
}

/** Sizes of the objects that are in one view and not in the other. */
export function goneBetween(before: View, after: View): Map<string, number> {
  const gone = [...before.objects].filter(([key]) => !after.objects.has(key));
  return new Map(gone.map(([key, body]) => [key, body.byteLength]));
}

/** Objects that came, went, or hold other bytes. */
export function differences(before: View, after: View): string[] {
  const keys = new Set([...before.objects.keys(), ...after.objects.keys()]);
  const bodyOf = (view: View, key: string) => Buffer.from(view.objects.get(key) ?? []).toString('base64');
  return [...keys].filter(
    (key) => before.objects.has(key) !== after.objects.has(key) || bodyOf(before, key) !== bodyOf(after, key),
  );
}

/** Every tag that is to stay leads to exactly what it led to before. @param mayGo tags that are to go. */
export function notWhole(
  before: ReadonlyMap<string, Reached>,
  after: ReadonlyMap<string, Reached>,
  mayGo: ReadonlySet<string>,
): string[] {
  const lost = [...before].flatMap(([tag, { keys }]) => {
    if (mayGo.has(tag)) return [];
    const now = after.get(tag)?.keys;
    return now === undefined ? `${tag} is gone` : [...keys.difference(now)].map((key) => `${tag}: ${key}`);
  });
  return [...lost, ...[...after].flatMap(([tag, { problems }]) => problems.map((text) => `${tag}: ${text}`))];
}

/** Manifests, links and data that no tag leads to. @param spared a repository of which nothing may go. */
export function needless(view: View, reached: ReadonlyMap<string, Reached>, spared: string): string[] {
  const needed = new Set([...reached.values()].flatMap(({ keys }) => [...keys]));
  const kept = view.repositories.get(spared);
  for (const digest of [...(kept?.revisions ?? []), ...(kept?.layers ?? [])]) {
    needed.add(dataKey(digest)).add(revisionKey(spared, digest)).add(layerKey(spared, digest));
  }
  const counts = (key: string) => key.startsWith(`${ROOT}blobs/`) || /\/(?:revisions|_layers)\//.test(key);
  return [...view.objects.keys()].filter((key) => counts(key) && !needed.has(key));
}

export const sum = (sizes: ReadonlyMap<string, number>, of: (key: string) => boolean): number =>
  [...sizes].reduce((total, [key, size]) => total + (of(key) ? size : 0), 0);
