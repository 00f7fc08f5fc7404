/** Who holds whom: tags, manifests and blobs as one graph under a root that stands for the whole registry. */
import { cosignSubject } from '../../../lambdas/registry/cosign.ts';
import type { Inventory, Tag } from '../inventory.ts';
import { at, compress, EdgeList, type Graph, markReachable, reversed } from './compressed.ts';

export const ROOT = 0;

/**
 * The graph, its nodes numbered: the root, then the tags, then the manifests, then the blobs, each in the inventory's
 * order. A manifest is one node for each repository that has it, a blob one for all of them.
 */
export interface Holding {
  /** The root, tags and manifests only: what keeps what. */
  readonly holds: Graph;
  /** With the blobs: an edge from each manifest that names one, and from the root to one that only a link keeps. */
  readonly whole: Graph;
  /** By manifest: 1 when no tag leads to it. */
  readonly unheld: Uint8Array;
  readonly tagNode: (tag: number) => number;
  readonly manifestNode: (manifest: number) => number;
  readonly blobNode: (blob: number) => number;
}

/**
 * Builds the graph by the rules by which a prune keeps things (docs/safety.md, section 2).
 *
 * - The root holds every tag, and a tag its manifest. A cosign-style tag hangs from its subject instead; when the
 *   subject was deleted, nothing is held by it.
 * - A manifest holds its children, the manifests whose subject it is, and the blobs it names.
 * - What no tag leads to is there all the same: the root holds each manifest that nothing holds but what it holds
 *   itself. Those are the unheld manifests that have no holder, and all of a cycle that has none outside.
 * - The root holds a blob that is linked by a repository in which no manifest names it. Any other link is stale as soon
 *   as the manifests are gone, and keeps nothing.
 */
export function holdingOf(inventory: Inventory): Holding {
  const { tags, manifests, digests } = inventory;
  const tagNode = (tag: number) => 1 + tag;
  const manifestNode = (manifest: number) => 1 + tags.length + manifest;
  const blobNode = (blob: number) => 1 + tags.length + manifests.length + blob;

  const edges = new EdgeList();
  for (const [t, tag] of tags.entries()) addTag(inventory, edges, tag, { tagNode: tagNode(t), manifestNode });
  addManifests(inventory, edges, manifestNode);
  const holders = 1 + tags.length + manifests.length;
  const entries = entriesOfUnheld(compress(holders, edges));
  // A tag is never without a holder, so whatever enters here besides manifests is a tag in a cycle with its subject.
  for (const node of entries.nodes) if (node >= manifestNode(0)) edges.add(ROOT, node);
  const holds = compress(holders, edges);

  for (const [m, { blobs }] of manifests.entries())
    for (const blob of blobs) edges.add(manifestNode(m), blobNode(blob));
  for (const blob of blobsOnlyLinked(inventory)) edges.add(ROOT, blobNode(blob));
  return {
    holds,
    whole: compress(holders + digests.size, edges),
    unheld: entries.unheld.slice(manifestNode(0)),
    ...{ tagNode, manifestNode, blobNode },
  };
}

interface Places {
  readonly tagNode: number;
  readonly manifestNode: (manifest: number) => number;
}

function addTag(inventory: Inventory, edges: EdgeList, tag: Tag, { tagNode, manifestNode }: Places): void {
  const manifest = inventory.manifestOf(tag.repository, tag.digest);
  const about = cosignSubject(tag.name);
  const number = about && inventory.digests.find(about);
  const subject = number === undefined ? undefined : inventory.manifestOf(tag.repository, number);
  edges.add(subject === undefined ? ROOT : manifestNode(subject), tagNode);
  const lost = about !== undefined && subject === undefined && inventory.wasDeleted(tag.repository, about);
  if (manifest !== undefined && !lost) edges.add(tagNode, manifestNode(manifest));
}

function addManifests(inventory: Inventory, edges: EdgeList, nodeOf: (manifest: number) => number): void {
  for (const [m, { repository, children, subject }] of inventory.manifests.entries()) {
    for (const child of children) {
      const held = inventory.manifestOf(repository, child);
      if (held !== undefined) edges.add(nodeOf(m), nodeOf(held));
    }
    const holder = subject === undefined ? undefined : inventory.manifestOf(repository, subject);
    if (holder !== undefined) edges.add(nodeOf(holder), nodeOf(m));
  }
}

/**
 * The nodes through which everything that the root does not reach is entered: those whose holders, all the way up, are
 * all held by themselves.
 */
function entriesOfUnheld(holds: Graph): { readonly nodes: readonly number[]; readonly unheld: Uint8Array } {
  const reached = new Uint8Array(holds.nodes);
  markReachable(holds, ROOT, reached);
  const unheld = reached.map((mark) => 1 - mark);
  if (!unheld.includes(1)) return { nodes: [], unheld };
  const held = reversed(holds);
  const nodes: number[] = [];
  // Holders come before what they hold, except within a cycle, which is met first where it is entered.
  for (const node of holdersFirst(holds, unheld)) {
    if (reached[node] === 1) continue;
    nodes.push(...ancestors(held, node));
    markReachable(holds, node, reached);
  }
  return { nodes, unheld };
}

/** The marked nodes in reverse postorder of a depth-first walk among them. */
function holdersFirst({ nodes, starts, targets }: Graph, marked: Uint8Array): number[] {
  const finished: number[] = [];
  const seen = new Uint8Array(nodes);
  const nextEdge = starts.slice();
  for (let start = 0; start < nodes; start++) {
    if (marked[start] !== 1 || seen[start] === 1) continue;
    seen[start] = 1;
    for (const path = [start]; path.length > 0; ) {
      const v = path[path.length - 1] as number;
      const edge = at(nextEdge, v);
      if (edge === at(starts, v + 1)) {
        finished.push(v);
        path.pop();
        continue;
      }
      nextEdge[v] = edge + 1;
      const w = at(targets, edge);
      if (seen[w] === 1) continue;
      seen[w] = 1;
      path.push(w);
    }
  }
  return finished.reverse();
}

/** A node and everything from which it can be reached, in a graph that is turned round. */
function ancestors({ starts, targets }: Graph, node: number): Set<number> {
  const found = new Set([node]);
  for (const v of found) for (let e = at(starts, v); e < at(starts, v + 1); e++) found.add(at(targets, e));
  return found;
}

/** By repository, the blobs that its manifests name. */
export function namedBy({ repositories, manifests }: Inventory): Graph {
  const edges = new EdgeList();
  for (const { repository, blobs } of manifests) for (const blob of blobs) edges.add(repository, blob);
  return compress(repositories.size, edges);
}

/** By repository, the blobs that it links. */
export function linkedBy({ repositories, links }: Inventory): Graph {
  return compress(repositories.size, { sources: links.repositories, targets: links.blobs });
}

/** Blobs with a link of a repository in which no manifest names them. */
function blobsOnlyLinked(inventory: Inventory): Set<number> {
  const [named, linked] = [namedBy(inventory), linkedBy(inventory)];
  const only = new Set<number>();
  // By blob: the last repository that was seen to name it.
  const namedLast = new Int32Array(inventory.digests.size).fill(-1);
  for (let r = 0; r < inventory.repositories.size; r++) {
    for (let e = at(named.starts, r); e < at(named.starts, r + 1); e++) namedLast[at(named.targets, e)] = r;
    for (let e = at(linked.starts, r); e < at(linked.starts, r + 1); e++) {
      const blob = at(linked.targets, e);
      if (namedLast[blob] !== r) only.add(blob);
    }
  }
  return only;
}
