import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compress, EdgeList, type Graph, markReachable } from '../../cli/usage/graph/compressed.ts';
import { dominatorTree } from '../../cli/usage/graph/dominators.ts';
import { runs } from '../support/runs.ts';

const NODES = 24;

function graphOf(nodes: number, pairs: Iterable<readonly [number, number]>): Graph {
  const edges = new EdgeList();
  for (const [source, target] of pairs) edges.add(source, target);
  return compress(nodes, edges);
}

/** By taking each node away in turn: what is not reached then, it dominates. */
function dominatedBy(
  pairs: readonly (readonly [number, number])[],
  without: number | undefined,
): Set<number> {
  const marks = new Uint8Array(NODES);
  if (without !== 0) {
    const left = pairs.filter(([source, target]) => source !== without && target !== without);
    markReachable(graphOf(NODES, left), 0, marks);
  }
  return new Set([...marks.keys()].filter((node) => marks[node] === 0));
}

const node = fc.nat(NODES - 1);

it('finds what every way from the root goes through', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(node, node), { maxLength: 60, size: 'max' }), (pairs) => {
      const { order, parent } = dominatorTree(graphOf(NODES, pairs), 0);
      const unreachable = dominatedBy(pairs, undefined);
      expect(new Set(order)).toEqual(new Set(Array(NODES).keys()).difference(unreachable));
      const below = new Map<number, Set<number>>([...Array(NODES).keys()].map((n) => [n, new Set()]));
      for (const start of order)
        for (let n = start; n !== -1; n = parent[n] as number) below.get(n)?.add(start);
      for (const n of order) expect(below.get(n)).toEqual(dominatedBy(pairs, n).difference(unreachable));
      for (const n of unreachable) expect(parent[n]).toBe(-1);
    }),
    runs(500),
  );
});

it('puts a node behind what dominates it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(node, node), { maxLength: 60, size: 'max' }), (pairs) => {
      const { order, parent } = dominatorTree(graphOf(NODES, pairs), 0);
      const place = new Map([...order].map((n, i) => [n, i]));
      for (const n of order.slice(1)) {
        expect(place.get(parent[n] as number)).toBeLessThan(place.get(n) as number);
      }
    }),
    runs(200),
  );
});

it('goes down a chain that no stack could hold', () => {
  const length = 500_000;
  const pairs = function* (): Iterable<[number, number]> {
    for (let n = 1; n < length; n++) yield [n - 1, n];
    yield [0, length - 1];
  };
  const { order, parent } = dominatorTree(graphOf(length, pairs()), 0);
  expect(order.length).toBe(length);
  expect([parent[length - 2], parent[length - 1]]).toEqual([length - 3, 0]);
});
