/** What each thing uses, and what would be freed if it alone went. */
import type { Inventory } from '../inventory.ts';
import { at, compress, EdgeList, type Graph, markReachable } from './compressed.ts';
import { dominatorTree } from './dominators.ts';
import { type Holding, holdingOf, linkedBy, namedBy, ROOT } from './holding.ts';

/** Bytes, by the number of the thing. */
export interface Figures {
  /** Of all blobs that it uses, each counted once. */
  readonly physical: Float64Array;
  /** Of those that would be freed if it alone were deleted, with all that nothing would hold then. */
  readonly unique: Float64Array;
}

/** Some blobs. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export interface Measured {
  readonly repositories: Figures;
  readonly tags: Figures;
  readonly images: Figures;
  /** By manifest: 1 when no tag leads to it. */
  readonly unheld: Uint8Array;
  /** What would be freed if all of those went. */
  readonly freedWithUnheld: Amount;
  /** By blob: the repository that uses it alone, or {@link SHARED} or {@link UNUSED}. */
  readonly users: Int32Array;
  /** By blob: the outermost manifest with which it would go, or {@link SHARED}. */
  readonly goesWith: Int32Array;
}

/** In place of a number: several use it. */
export const SHARED = -2;
/** In place of a number: none uses it. */
export const UNUSED = -1;

/**
 * Computes everything at once.
 *
 * A repository uses each blob that it links and each that one of its manifests names; such a blob is unique to it when no
 * other repository uses it. An image uses what it and all that it holds name. What is unique to an image or a tag is its
 * retained size: the bytes that its node dominates in the graph of {@link holdingOf}, as in a heap profile.
 */
export function measure(inventory: Inventory): Measured {
  const holding = holdingOf(inventory);
  const uses = usesOf(inventory);
  const users = usersOf(uses, inventory.digests.size);
  const { retained, outermost } = dominated(inventory, holding);
  const images: Figures = {
    physical: physicalOfImages(inventory, holding),
    unique: retained.slice(holding.manifestNode(0), holding.blobNode(0)),
  };
  return {
    repositories: figuresOfRepositories(inventory, uses, users),
    tags: {
      physical: Float64Array.from(inventory.tags, ({ repository, digest }) => {
        const manifest = inventory.manifestOf(repository, digest);
        return manifest === undefined ? 0 : at(images.physical, manifest);
      }),
      unique: retained.slice(holding.tagNode(0), holding.manifestNode(0)),
    },
    images,
    unheld: holding.unheld,
    freedWithUnheld: freedWithUnheld(inventory, holding),
    users,
    goesWith: outermost,
  };
}

/** By node, the bytes of the blobs that it dominates; and by blob, the outermost manifest that dominates it. */
function dominated(inventory: Inventory, { whole, manifestNode, blobNode }: Holding) {
  const { order, parent } = dominatorTree(whole, ROOT);
  const retained = new Float64Array(whole.nodes);
  const outermost = new Int32Array(whole.nodes).fill(SHARED);
  for (let blob = 0; blob < inventory.digests.size; blob++)
    retained[blobNode(blob)] = inventory.bytesOf(blob);
  // Last come first: what a node dominates is complete when it is handed on.
  for (let i = order.length - 1; i > 0; i--) {
    const node = at(order, i);
    retained[at(parent, node)] = at(retained, at(parent, node)) + at(retained, node);
  }
  for (let i = 1; i < order.length; i++) {
    const node = at(order, i);
    const above = at(outermost, at(parent, node));
    const isManifest = node >= manifestNode(0) && node < blobNode(0);
    outermost[node] = above !== SHARED || !isManifest ? above : node - manifestNode(0);
  }
  return { retained, outermost: outermost.slice(blobNode(0)) };
}

/** Each image goes down through what it holds; marks tell by which image a manifest or blob was seen last. */
function physicalOfImages(inventory: Inventory, { holds, manifestNode }: Holding): Float64Array {
  const { manifests, digests } = inventory;
  const physical = new Float64Array(manifests.length);
  const seenNode = new Int32Array(holds.nodes).fill(-1);
  const seenBlob = new Int32Array(digests.size).fill(-1);
  for (let image = 0; image < manifests.length; image++) {
    let bytes = 0;
    const todo = [manifestNode(image)];
    seenNode[manifestNode(image)] = image;
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      for (const blob of manifests[node - manifestNode(0)]?.blobs ?? []) {
        if (seenBlob[blob] === image) continue;
        seenBlob[blob] = image;
        bytes += inventory.bytesOf(blob);
      }
      for (let e = at(holds.starts, node); e < at(holds.starts, node + 1); e++) {
        const held = at(holds.targets, e);
        if (seenNode[held] === image) continue;
        seenNode[held] = image;
        todo.push(held);
      }
    }
    physical[image] = bytes;
  }
  return physical;
}

/** Each use of a blob by a repository, once. */
function usesOf(inventory: Inventory): Graph {
  const { repositories, digests } = inventory;
  const all = new EdgeList();
  const [named, linked] = [namedBy(inventory), linkedBy(inventory)];
  const seen = new Int32Array(digests.size).fill(-1);
  for (let repository = 0; repository < repositories.size; repository++) {
    for (const { starts, targets } of [named, linked]) {
      for (let e = at(starts, repository); e < at(starts, repository + 1); e++) {
        const blob = at(targets, e);
        if (seen[blob] === repository) continue;
        seen[blob] = repository;
        all.add(repository, blob);
      }
    }
  }
  return compress(repositories.size, all);
}

function usersOf({ starts, targets, nodes }: Graph, digests: number): Int32Array {
  const users = new Int32Array(digests).fill(UNUSED);
  for (let repository = 0; repository < nodes; repository++) {
    for (let e = at(starts, repository); e < at(starts, repository + 1); e++) {
      const blob = at(targets, e);
      users[blob] = users[blob] === UNUSED ? repository : SHARED;
    }
  }
  return users;
}

function figuresOfRepositories(inventory: Inventory, uses: Graph, users: Int32Array): Figures {
  const [physical, unique] = [new Float64Array(uses.nodes), new Float64Array(uses.nodes)];
  for (let repository = 0; repository < uses.nodes; repository++) {
    for (let e = at(uses.starts, repository); e < at(uses.starts, repository + 1); e++) {
      const blob = at(uses.targets, e);
      const bytes = inventory.bytesOf(blob);
      physical[repository] = at(physical, repository) + bytes;
      if (users[blob] === repository) unique[repository] = at(unique, repository) + bytes;
    }
  }
  return { physical, unique };
}

/** The blobs that only manifests which no tag leads to name, and no link keeps. */
function freedWithUnheld(inventory: Inventory, { whole, unheld, manifestNode, blobNode }: Holding): Amount {
  const kept = new Uint8Array(whole.nodes);
  // Marked beforehand, they are not gone into.
  for (const [manifest, mark] of unheld.entries()) kept[manifestNode(manifest)] = mark;
  markReachable(whole, ROOT, kept);
  const freed = { blobs: 0, bytes: 0 };
  const counted = new Set<number>();
  for (const [manifest, mark] of unheld.entries()) {
    if (mark === 0) continue;
    for (const blob of inventory.manifests[manifest]?.blobs ?? []) {
      if (kept[blobNode(blob)] === 1 || inventory.blobs[blob] === undefined || counted.has(blob)) continue;
      counted.add(blob);
      freed.blobs++;
      freed.bytes += inventory.bytesOf(blob);
    }
  }
  return freed;
}
