import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../lambdas/registry/digest.ts';
import { type Standing, walkToRoot } from '../../lambdas/registry/holders.ts';
import { digest } from './documents.ts';

/** A graph by names: who holds whom, and which tag roots whom. */
function graph(holders: Record<string, string[]>, tags: Record<string, string> = {}) {
  const looked: Digest[] = [];
  const standings = new Map<Digest, Standing<string>>();
  for (const [name, above] of Object.entries(holders)) {
    const root = tags[name];
    standings.set(digest(name), { holders: above.map(digest), ...(root !== undefined && { root }) });
  }
  const look = async (d: Digest): Promise<Standing<string>> => {
    looked.push(d);
    return standings.get(d) ?? { holders: [] };
  };
  return { look, looked };
}

const digests = (...names: string[]) => names.map(digest);

describe('walkToRoot', () => {
  it('stops at once at a root', async () => {
    const { look, looked } = graph({ a: ['b'], b: [] }, { a: 'v1', b: 'v2' });
    expect(await walkToRoot(digest('a'), look)).toEqual({ held: true, root: 'v1', path: digests('a') });
    expect(looked).toEqual(digests('a'));
  });

  it('climbs from a child over its index, and from a referrer over its subject', async () => {
    const { look } = graph({ signature: ['image'], image: ['index'], index: [] }, { index: 'latest' });
    expect(await walkToRoot(digest('signature'), look)).toEqual({
      held: true,
      root: 'latest',
      path: digests('signature', 'image', 'index'),
    });
  });

  it('takes the nearest root, and looks no further', async () => {
    const { look, looked } = graph(
      { a: ['far', 'near'], far: ['farther'], near: [], farther: [] },
      { near: 'near', farther: 'far' },
    );
    expect(await walkToRoot(digest('a'), look)).toMatchObject({ root: 'near', path: digests('a', 'near') });
    expect(looked).toEqual(digests('a', 'far', 'near'));
  });

  it('names all ancestors of what is not held, nearest first', async () => {
    const { look } = graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] });
    expect(await walkToRoot(digest('a'), look)).toEqual({
      held: false,
      ancestors: digests('a', 'b', 'c', 'd'),
    });
  });

  it('ends on cycles, where counting references would not', async () => {
    const cycle = graph({ image: ['referrers', 'image'], referrers: ['image'] });
    expect(await walkToRoot(digest('image'), cycle.look)).toEqual({
      held: false,
      ancestors: digests('image', 'referrers'),
    });
    expect(cycle.looked).toEqual(digests('image', 'referrers'));
    const rooted = graph({ image: ['referrers'], referrers: ['image', 'index'], index: [] }, { index: 'v1' });
    expect(await walkToRoot(digest('image'), rooted.look)).toMatchObject({ held: true, root: 'v1' });
  });

  it('takes a holder nobody knows for one without a root', async () => {
    const { look } = graph({ a: ['gone'] });
    expect(await walkToRoot(digest('a'), look)).toEqual({ held: false, ancestors: digests('a', 'gone') });
  });

  it('does not mistake an empty root for none', async () => {
    expect(await walkToRoot(digest('a'), async () => ({ root: '', holders: [] }))).toMatchObject({
      held: true,
    });
  });

  it('fails when a look fails', async () => {
    const failure = new Error('throttled');
    await expect(walkToRoot(digest('a'), () => Promise.reject(failure))).rejects.toBe(failure);
  });

  it('agrees with plain reachability on any graph', async () => {
    const nodes = Array.from({ length: 12 }, (_, i) => String(i));
    const node = fc.constantFrom(...nodes);
    const edges = fc.array(fc.tuple(node, node), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(edges, fc.uniqueArray(node, { maxLength: 3 }), async (pairs, roots) => {
        const holders = Object.fromEntries(
          nodes.map((n) => [n, pairs.filter(([below]) => below === n).map(([, above]) => above)]),
        );
        const { look, looked } = graph(holders, Object.fromEntries(roots.map((n) => [n, n])));
        const distance = distances('0', holders);
        const rooted = roots.flatMap((n) => distance.get(n) ?? []);

        const walk = await walkToRoot(digest('0'), look);

        expect(new Set(looked).size).toBe(looked.length);
        expect(walk.held).toBe(rooted.length > 0);
        if (walk.held) {
          expect(walk.path).toHaveLength(Math.min(...rooted) + 1);
          expect(walk.path.at(-1)).toBe(digest(walk.root));
          expect(walk.path[0]).toBe(digest('0'));
          for (const [i, below] of walk.path.slice(0, -1).entries())
            expect((await look(below)).holders).toContain(walk.path[i + 1]);
        } else {
          expect(new Set(walk.ancestors)).toEqual(new Set([...distance.keys()].map(digest)));
          const steps = walk.ancestors.map((d) => [...distance].find(([n]) => digest(n) === d)?.[1]);
          expect(steps).toEqual(steps.toSorted());
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** How many steps up each node is, found by relaxing every edge until nothing changes. */
function distances(start: string, holders: Record<string, string[]>): Map<string, number> {
  const found = new Map([[start, 0]]);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [below, above] of Object.entries(holders))
      for (const holder of above) {
        const through = (found.get(below) ?? Number.POSITIVE_INFINITY) + 1;
        if (through < (found.get(holder) ?? Number.POSITIVE_INFINITY)) {
          found.set(holder, through);
          changed = true;
        }
      }
  }
  return found;
}
