/** Directed graphs of some million edges: numbers in typed arrays, no object for a node or an edge. */

/** The successors of node `v` are `targets[starts[v]]` to before `targets[starts[v + 1]]`. */
export interface Graph {
  readonly nodes: number;
  readonly starts: Uint32Array;
  readonly targets: Uint32Array;
}

/** Edges as they are found, until {@link compress} sorts them by source. */
export class EdgeList {
  readonly sources: number[] = [];
  readonly targets: number[] = [];

  add(source: number, target: number): void {
    this.sources.push(source);
    this.targets.push(target);
  }
}

/** Sorts edges by their source, by counting. An edge that is there twice stays so. */
export function compress(nodes: number, edges: Pick<EdgeList, 'sources' | 'targets'>): Graph {
  return sortedBy(nodes, edges.sources, edges.targets);
}

/** Every edge turned round. */
export function reversed({ nodes, starts, targets }: Graph): Graph {
  const sources = new Uint32Array(targets.length);
  for (let v = 0; v < nodes; v++) sources.fill(v, starts[v], starts[v + 1]);
  return sortedBy(nodes, targets, sources);
}

function sortedBy(nodes: number, keys: ArrayLike<number>, values: ArrayLike<number>): Graph {
  const starts = new Uint32Array(nodes + 1);
  for (let i = 0; i < keys.length; i++) starts[at(keys, i) + 1] = at(starts, at(keys, i) + 1) + 1;
  for (let v = 0; v < nodes; v++) starts[v + 1] = at(starts, v + 1) + at(starts, v);
  const next = starts.slice();
  const targets = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = at(keys, i);
    const place = at(next, key);
    targets[place] = at(values, i);
    next[key] = place + 1;
  }
  return { nodes, starts, targets };
}

/** What an array holds at an index that is inside it. */
export function at(array: ArrayLike<number>, index: number): number {
  return array[index] as number;
}

/** Marks all that can be reached from a node, itself included; what is marked already is not gone into. */
export function markReachable({ starts, targets }: Graph, start: number, marks: Uint8Array): void {
  if (marks[start] === 1) return;
  marks[start] = 1;
  const todo = [start];
  for (let v = todo.pop(); v !== undefined; v = todo.pop()) {
    for (let e = at(starts, v); e < at(starts, v + 1); e++) {
      const target = at(targets, e);
      if (marks[target] === 1) continue;
      marks[target] = 1;
      todo.push(target);
    }
  }
}
