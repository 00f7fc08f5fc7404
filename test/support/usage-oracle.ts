/**
 * Who uses how many bytes, worked out naively from the bucket's contents: what is unique to a thing is found by taking
 * it away and looking at what is left. Nothing of the product, and no cleverness, so that both cannot be wrong together.
 */
import { COSIGN, type Contents, type Repository, sort, understand } from './oracle.ts';

export interface Bytes {
  readonly physical: number;
  readonly unique: number;
}

export interface Usages {
  /** By name; by `<repository>:<tag>`; by `<repository>@<digest>`. */
  readonly repositories: ReadonlyMap<string, Bytes>;
  readonly tags: ReadonlyMap<string, Bytes>;
  readonly images: ReadonlyMap<string, Bytes>;
  readonly total: number;
  /** Of blobs that no repository links and no manifest names. */
  readonly unused: number;
  readonly unheldManifests: ReadonlySet<string>;
  /** What would be freed if all of those went. */
  readonly unheld: number;
}

type Edges = Map<string, Set<string>>;

/** Nodes are `tag <repository>:<tag>`, `manifest <repository>@<digest>` and `blob <digest>`. */
interface Graph {
  readonly down: Edges;
  readonly up: Edges;
  readonly tagRoots: Set<string>;
  /** Linked by a repository in which no manifest names them. */
  readonly blobRoots: Set<string>;
}

/** @param everIndexed `<repository>@<digest>` of manifests that an index run has seen, be they there or not. */
export function usagesOf(contents: Contents, everIndexed: ReadonlySet<string>): Usages {
  const sizes = sizesOf(contents);
  const bytes = (blobs: Iterable<string>) =>
    [...blobs].reduce((sum, blob) => sum + (sizes.get(blob.replace('blob ', '')) ?? 0), 0);
  const repositories = [...sort(contents).values()].filter(
    ({ revisions, tags, layers }) => revisions.size + tags.size + layers.size > 0,
  );
  const uses = new Map(repositories.map((repository) => [repository.name, usedBy(contents, repository)]));
  const graph = draw(contents, repositories, everIndexed);
  const manifests = [...graph.down.keys()].filter((node) => node.startsWith('manifest '));
  const roots = new Set([
    ...graph.tagRoots,
    ...graph.blobRoots,
    // Nothing holds it but what it holds itself.
    ...manifests.filter((node) => reach(graph.up, [node]).isSubsetOf(reach(graph.down, [node]))),
  ]);
  const all = blobsIn(reach(graph.down, roots));

  const figures = (node: string, names: string): Bytes => ({
    physical: bytes(blobsIn(reach(graph.down, [names]))),
    unique: bytes(all.difference(blobsIn(reach(graph.down, roots, node)))),
  });
  const named = (repository: Repository, digest: string) => `manifest ${repository.name}@${digest}`;
  const entries = <T>(of: (repository: Repository) => readonly (readonly [string, T])[]) =>
    new Map(repositories.flatMap(of));
  const tagReached = reach(graph.down, [...graph.tagRoots]);
  const unheld = manifests.filter((node) => !tagReached.has(node));
  const without = reach(graph.down, [...graph.tagRoots, ...graph.blobRoots]);
  const used = new Set([...uses.values()].flatMap((blobs) => [...blobs]));
  return {
    repositories: entries(({ name }) => {
      const others = [...uses].filter(([other]) => other !== name).flatMap(([, blobs]) => [...blobs]);
      const own = uses.get(name) ?? new Set();
      return [[name, { physical: bytes(own), unique: bytes(own.difference(new Set(others))) }]];
    }),
    tags: entries((repository) =>
      [...repository.tags].map(([tag, { digest }]) => {
        const names = repository.revisions.has(digest) ? named(repository, digest) : 'nothing';
        return [`${repository.name}:${tag}`, figures(`tag ${repository.name}:${tag}`, names)];
      }),
    ),
    images: entries((repository) =>
      [...repository.revisions.keys()].map((digest) => {
        const node = named(repository, digest);
        return [`${repository.name}@${digest}`, figures(node, node)];
      }),
    ),
    total: bytes(sizes.keys()),
    unused: bytes(new Set(sizes.keys()).difference(used)),
    unheldManifests: new Set(unheld.map((node) => node.replace('manifest ', ''))),
    unheld: bytes(all.difference(blobsIn(without))),
  };
}

function sizesOf(contents: Contents): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [key, { size }] of contents) {
    const hex = /\/blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/.exec(key)?.[1];
    if (hex !== undefined) sizes.set(`sha256:${hex}`, size);
  }
  return sizes;
}

function namedBy(contents: Contents, { revisions }: Repository): Set<string> {
  return new Set([...revisions.keys()].flatMap((digest) => [digest, ...understand(contents, digest).blobs]));
}

function usedBy(contents: Contents, repository: Repository): Set<string> {
  return namedBy(contents, repository).union(new Set(repository.layers.keys()));
}

function draw(
  contents: Contents,
  repositories: readonly Repository[],
  everIndexed: ReadonlySet<string>,
): Graph {
  const graph: Graph = { down: new Map(), up: new Map(), tagRoots: new Set(), blobRoots: new Set() };
  const hold = (holder: string, held: string) => {
    graph.down.set(holder, (graph.down.get(holder) ?? new Set()).add(held));
    graph.up.set(held, (graph.up.get(held) ?? new Set()).add(holder));
  };
  for (const repository of repositories) {
    const { name, revisions, tags, layers } = repository;
    const node = (digest: string) => `manifest ${name}@${digest}`;
    for (const digest of revisions.keys()) {
      const { blobs, children, subject } = understand(contents, digest);
      for (const blob of [digest, ...blobs]) hold(node(digest), `blob ${blob}`);
      for (const child of children) if (revisions.has(child)) hold(node(digest), node(child));
      if (subject !== undefined && revisions.has(subject)) hold(node(subject), node(digest));
    }
    for (const [tag, { digest }] of tags) {
      const self = `tag ${name}:${tag}`;
      const subject = `sha256:${COSIGN.exec(tag)?.[1]}`;
      if (revisions.has(subject)) hold(node(subject), self);
      else if (everIndexed.has(`${name}@${subject}`)) continue;
      else graph.tagRoots.add(self);
      if (revisions.has(digest)) hold(self, node(digest));
    }
    const named = namedBy(contents, repository);
    for (const blob of layers.keys()) if (!named.has(blob)) graph.blobRoots.add(`blob ${blob}`);
  }
  return graph;
}

/** Everything that can be reached, the start included, without going through one node. */
function reach(edges: Edges, from: Iterable<string>, without?: string): Set<string> {
  const reached = new Set([...from].filter((node) => node !== without));
  for (const node of reached)
    for (const next of edges.get(node) ?? []) if (next !== without) reached.add(next);
  return reached;
}

const blobsIn = (nodes: ReadonlySet<string>): Set<string> =>
  new Set([...nodes].filter((node) => node.startsWith('blob ')));
