import type { Digest } from './digest.ts';

/** What is known of one manifest: what roots it, if anything, and the manifests that hold it. */
export interface Standing<R> {
  readonly root?: R;
  readonly holders: readonly Digest[];
}

/** Where a walk ended. */
export type Walk<R> =
  | {
      readonly held: true;
      readonly root: R;
      /** From the start up to the rooted manifest, both included, by a shortest way. */
      readonly path: readonly Digest[];
    }
  | {
      readonly held: false;
      /** The start first, then every manifest above it, nearest first. */
      readonly ancestors: readonly Digest[];
    };

/**
 * Walks from a manifest up through its holders to the nearest root, breadth first.
 *
 * A manifest is held when some path of holders leads to a root. Holders can form a cycle (an index may list its own
 * subject), which no count of references ever sees the end of; here each manifest is looked at once.
 *
 * @param look - reads one manifest's standing; what it rejects with, the walk rejects with
 * @example
 * const walk = await walkToRoot(digest, async (d) => ({ root: tagOf(d), holders: holdersOf(d) }));
 * if (walk.held) keep(digest, walk.root);
 */
export async function walkToRoot<R>(
  start: Digest,
  look: (digest: Digest) => Promise<Standing<R>>,
): Promise<Walk<R>> {
  const cameFrom = new Map<Digest, Digest | undefined>([[start, undefined]]);
  // A Map iterates over what is added meanwhile, in order: it is the queue and the visited set in one.
  for (const digest of cameFrom.keys()) {
    const { root, holders } = await look(digest);
    if (root !== undefined) return { held: true, root, path: pathTo(digest, cameFrom) };
    for (const holder of holders) if (!cameFrom.has(holder)) cameFrom.set(holder, digest);
  }
  return { held: false, ancestors: [...cameFrom.keys()] };
}

function pathTo(end: Digest, cameFrom: ReadonlyMap<Digest, Digest | undefined>): Digest[] {
  const path: Digest[] = [];
  for (let at: Digest | undefined = end; at !== undefined; at = cameFrom.get(at)) path.push(at);
  return path.reverse();
}
