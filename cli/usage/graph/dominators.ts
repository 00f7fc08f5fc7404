/**
 * Dominators, after T. Lengauer and R. E. Tarjan, "A fast algorithm for finding dominators in a flowgraph" (1979), the
 * version with simple path compression: O(edges · log nodes) whatever the shape. Nothing here recurses, so that no
 * chain of referrers is too long for the stack.
 */
import { at, type Graph, reversed } from './compressed.ts';

/** Node `v` dominates `w` when every way from the root to `w` goes through `v`. */
export interface DominatorTree {
  /** The nodes that the root reaches, a node always behind what dominates it; the root is the first. */
  readonly order: Int32Array;
  /** By node: the nearest node that dominates it; -1 for the root and for what it does not reach. */
  readonly parent: Int32Array;
}

const NONE = -1;

/** The tree of immediate dominators of all that `root` reaches. */
export function dominatorTree(graph: Graph, root: number): DominatorTree {
  const walk = depthFirst(graph, root);
  const dominators = immediateDominators(walk, reversed(graph));
  const parent = new Int32Array(graph.nodes).fill(NONE);
  for (let i = 1; i < walk.order.length; i++) parent[at(walk.order, i)] = at(walk.order, at(dominators, i));
  return { order: walk.order, parent };
}

/** A depth-first walk. Nodes are known by their number in it from here on. */
interface Walk {
  /** Number to node. */
  readonly order: Int32Array;
  /** Node to number; -1 where the walk did not come. */
  readonly numbers: Int32Array;
  /** Number to the number of the node that the walk came from. */
  readonly parents: Int32Array;
}

function depthFirst({ nodes, starts, targets }: Graph, root: number): Walk {
  const numbers = new Int32Array(nodes).fill(NONE);
  const order = new Int32Array(nodes);
  const parents = new Int32Array(nodes);
  const nextEdge = starts.slice();
  let count = 0;
  numbers[root] = 0;
  order[count++] = root;
  for (const path = [root]; path.length > 0; ) {
    const v = path[path.length - 1] as number;
    const edge = at(nextEdge, v);
    if (edge === at(starts, v + 1)) {
      path.pop();
      continue;
    }
    nextEdge[v] = edge + 1;
    const w = at(targets, edge);
    if (numbers[w] !== NONE) continue;
    numbers[w] = count;
    parents[count] = at(numbers, v);
    order[count++] = w;
    path.push(w);
  }
  return { order: order.slice(0, count), numbers, parents: parents.slice(0, count) };
}

/** By number in the walk, of everything but the root, whose number is 0. */
function immediateDominators({ order, numbers, parents }: Walk, predecessors: Graph): Int32Array {
  const count = order.length;
  const semi = Int32Array.from({ length: count }, (_, i) => i);
  const forest = new Forest(semi);
  const dominators = new Int32Array(count);
  // By semidominator, the nodes that have it, as linked lists.
  const first = new Int32Array(count).fill(NONE);
  const next = new Int32Array(count).fill(NONE);

  for (let w = count - 1; w > 0; w--) {
    const node = at(order, w);
    for (let e = at(predecessors.starts, node); e < at(predecessors.starts, node + 1); e++) {
      const v = at(numbers, at(predecessors.targets, e));
      if (v !== NONE) semi[w] = Math.min(at(semi, w), at(semi, forest.lowest(v)));
    }
    next[w] = at(first, at(semi, w));
    first[at(semi, w)] = w;
    const parent = at(parents, w);
    forest.link(parent, w);
    for (let v = at(first, parent); v !== NONE; v = at(next, v)) {
      const u = forest.lowest(v);
      dominators[v] = at(semi, u) < at(semi, v) ? u : parent;
    }
    first[parent] = NONE;
  }
  for (let w = 1; w < count; w++) {
    if (dominators[w] !== semi[w]) dominators[w] = at(dominators, at(dominators, w));
  }
  return dominators;
}

/** The part of the walk's tree that was gone through, in which a path is shortened when it is asked for. */
class Forest {
  readonly #semi: Int32Array;
  readonly #ancestors: Int32Array;
  readonly #labels: Int32Array;

  constructor(semi: Int32Array) {
    this.#semi = semi;
    this.#ancestors = new Int32Array(semi.length).fill(NONE);
    this.#labels = Int32Array.from(semi);
  }

  link(parent: number, child: number): void {
    this.#ancestors[child] = parent;
  }

  /** On the way from `v` up to its tree's root, without that root: the node with the lowest semidominator. */
  lowest(v: number): number {
    const [semi, ancestors, labels] = [this.#semi, this.#ancestors, this.#labels];
    if (ancestors[v] === NONE) return v;
    const path: number[] = [];
    for (let u = v; ancestors[at(ancestors, u)] !== NONE; u = at(ancestors, u)) path.push(u);
    for (let u = path.pop(); u !== undefined; u = path.pop()) {
      const above = at(ancestors, u);
      if (at(semi, at(labels, above)) < at(semi, at(labels, u))) labels[u] = at(labels, above);
      ancestors[u] = at(ancestors, above);
    }
    return at(labels, v);
  }
}
