/** Reads and writes of the metadata table in the words of the protocol. No decision is made here. */
import type { Digest } from '../registry/digest.ts';
import {
  type BlobItem,
  blobKey,
  blobPk,
  blobQueue,
  type HeartbeatItem,
  type HolderEdge,
  heartbeatKey,
  holdersPk,
  isBlobKey,
  isInForce,
  type LastSuccessItem,
  type LinkEdge,
  lastSuccessKey,
  linkKey,
  type ManifestItem,
  manifestKey,
  manifestQueue,
  obstacleKey,
  originKey,
  type ReferenceEdge,
  type ReindexItem,
  referrersPk,
  reindexKey,
  repositoriesPk,
  repositoryPk,
  type State,
  type TagItem,
  tagKey,
  toBlob,
  toHeartbeat,
  toHolder,
  toLastSuccess,
  toLink,
  toManifest,
  toReference,
  toReferrer,
  toReindex,
  toTag,
  UnknownItemError,
} from './items.ts';
import { OneForMany } from './one-for-many.ts';
import { nameOf } from './order.ts';
import type { Forgets } from './preview-table.ts';
import type { Change, Item, Key, Table, Value } from './table.ts';

/** How long a tombstone, and the removed edges under it, outlive the deletion (milliseconds). */
export const TOMBSTONE_RETENTION = 90 * 24 * 3_600_000;

/** All that is known of a blob from one consistent query. */
export interface BlobView {
  readonly item: BlobItem | undefined;
  readonly links: readonly LinkEdge[];
  /** Those read; all of them only if `complete`. */
  readonly references: readonly ReferenceEdge[];
  readonly complete: boolean;
}

/** Rows of the first page of a blob's partition, where not all of them may be needed. */
const SOME_ROWS = 250;
/** Repositories in which a reference is looked for by itself. */
const FEW = 4;

/** Whether what was read keeps the blob, and keeps all of its links but a few. */
function tellEnough(links: readonly LinkEdge[], references: readonly ReferenceEdge[]): boolean {
  const referencing = new Set(references.filter(isInForce).map(({ name }) => name));
  const others = links.filter((link) => isInForce(link) && !referencing.has(link.name));
  return referencing.size > 0 && others.length <= FEW;
}

/** What became of a touched target. `absent` targets have only the edge yet. */
export type Touched = 'live' | 'deleting' | 'deleted' | 'absent';

export interface Touch {
  /** Milliseconds since the epoch: when the target gained or lost an edge. */
  readonly at: number;
  /** Milliseconds after which it may be a candidate. */
  readonly grace: number;
  /** False where a run gives back what it took: nobody has wanted it anew. @default true */
  readonly gains?: boolean;
}

/** Which rows of a partition. */
interface PagesOptions {
  readonly prefix?: string;
  /** The row before the first. */
  readonly from?: string;
  /** Rows of the first page at most. @default as many as DynamoDB gives at once */
  readonly first?: number;
}

export class Metadata {
  readonly table: Table;
  readonly #stamp: () => string;
  readonly #forgets: Forgets | undefined;
  readonly #releases = new OneForMany();

  /**
   * @param stamp makes a new unique string for each write, so that a write whose answer was lost is recognised.
   * @param forgets of a preview that does not remember each change. @default all are remembered
   */
  constructor(table: Table, stamp: () => string, forgets?: Forgets) {
    this.table = table;
    this.#stamp = stamp;
    this.#forgets = forgets;
  }

  async manifest(name: string, digest: Digest): Promise<ManifestItem | undefined> {
    const item = await this.table.get(manifestKey(name, digest));
    return item && toManifest(item);
  }

  async tag(name: string, tag: string): Promise<TagItem | undefined> {
    const item = await this.table.get(tagKey(name, tag));
    return item && toTag(item);
  }

  async blobItem(digest: Digest): Promise<BlobItem | undefined> {
    const item = await this.table.get(blobKey(digest));
    return item && toBlob(item);
  }

  /**
   * The item, then all links, then references, in key order. Unless `all` is asked for, it stops after the page that shows a
   * reference in force, which is enough to keep the blob, and one of most of the repositories that link it.
   */
  async blob(digest: Digest, options: { readonly all?: boolean } = {}): Promise<BlobView> {
    let item: BlobItem | undefined;
    const links: LinkEdge[] = [];
    const references: ReferenceEdge[] = [];
    // A layer of many images has as many references: a whole page of them is a megabyte. Where the first rows do not tell
    // enough, many repositories share it.
    for await (const page of this.pages(blobPk(digest), options.all ? {} : { first: SOME_ROWS })) {
      for (const row of page.items) {
        if (isBlobKey(row)) item = toBlob(row);
        else if (row.sk.startsWith('LINK#')) links.push(toLink(row));
        else references.push(toReference(row));
      }
      if (!options.all && page.next !== undefined && tellEnough(links, references))
        return { item, links, references, complete: false };
    }
    return { item, links, references, complete: true };
  }

  /** Whether a manifest of the repository references the blob. */
  async referencedIn(digest: Digest, name: string): Promise<boolean> {
    // One is enough, and a base layer may have thousands.
    for await (const page of this.pages(blobPk(digest), { prefix: `MANIFEST#${name}@`, first: 1 })) {
      if (page.items.map(toReference).some(isInForce)) return true;
    }
    return false;
  }

  async link(digest: Digest, name: string): Promise<LinkEdge | undefined> {
    const item = await this.table.get(linkKey(digest, name));
    return item && toLink(item);
  }

  async holders(name: string, digest: Digest): Promise<HolderEdge[]> {
    return (await this.all(holdersPk(name, digest))).map(toHolder);
  }

  /** Digests of the manifests whose `subject` is this one. */
  async referrers(name: string, digest: Digest): Promise<Digest[]> {
    const rows = await this.all(referrersPk(name, digest));
    return rows.filter((row) => row['removedAt'] === undefined).map(toReferrer);
  }

  /** Digests of those that were, and have been deleted. */
  async formerReferrers(name: string, digest: Digest): Promise<Digest[]> {
    const rows = await this.all(referrersPk(name, digest));
    return rows.filter((row) => row['removedAt'] !== undefined).map(toReferrer);
  }

  /** What in the repository could not be read, with why; empty when nothing stands in the way of deleting. */
  async obstacles(
    name: string,
    limit?: number,
  ): Promise<{ readonly what: string; readonly detail: string }[]> {
    const prefix = 'UNREADABLE#';
    const page = await this.table.query(repositoryPk(name), {
      prefix,
      ...(limit === undefined ? {} : { limit }),
    });
    return page.items.map((row) => ({
      what: row.sk.slice(prefix.length),
      detail: String(row['detail'] ?? ''),
    }));
  }

  /** What stood in the way of deleting in the repository can be read now, or is gone. */
  async clearObstacle(name: string, what: string): Promise<void> {
    const key = obstacleKey(name, what);
    // Hardly ever there: a read costs a fifth of a write.
    if ((await this.table.get(key)) !== undefined) await this.table.remove(key);
  }

  async *repositories(): AsyncGenerator<string> {
    for await (const page of this.pages(repositoriesPk)) yield* page.items.map((row) => row.sk);
  }

  async heartbeat(): Promise<HeartbeatItem | undefined> {
    const item = await this.table.get(heartbeatKey);
    return item && toHeartbeat(item);
  }

  /** The last rebuild that went through the whole bucket. */
  async lastReindex(): Promise<ReindexItem | undefined> {
    const item = await this.table.get(reindexKey);
    return item && toReindex(item);
  }

  /** Gives the table its name, by which a plan knows the one it was made of; once for all. */
  async nameOrigin(): Promise<void> {
    if ((await this.table.get(originKey)) !== undefined) return;
    await this.table.put({ ...originKey, id: this.#stamp() }, { absent: true });
  }

  /** The last prune that was not refused, a partial one too. */
  async lastSuccess(): Promise<LastSuccessItem | undefined> {
    const item = await this.table.get(lastSuccessKey);
    return item && toLastSuccess(item);
  }

  /** Pages of one partition, in key order. @param from the sort key behind which they begin. @default the first */
  async *pages(pk: string, { from, first, ...options }: PagesOptions = {}) {
    let after: Key | undefined = from === undefined ? undefined : { pk, sk: from };
    let limit = first;
    do {
      const page = await this.table.query(pk, {
        ...options,
        ...(limit === undefined ? {} : { limit }),
        ...(after === undefined ? {} : { after }),
      });
      yield page;
      after = page.next;
      limit = undefined;
    } while (after !== undefined);
  }

  async all(pk: string, prefix?: string): Promise<Item[]> {
    const items: Item[] = [];
    for await (const page of this.pages(pk, prefix === undefined ? {} : { prefix }))
      items.push(...page.items);
    return items;
  }

  /**
   * Changes an item on the version that was read, and adds one to it. A lost answer makes a write that took
   * effect look refused; the stamp tells the two apart.
   *
   * @param gained 1 where the item was pushed or gained an edge.
   * @returns the new version, or undefined when somebody else has written since.
   */
  async transition(
    key: Key,
    version: number,
    set: Readonly<Record<string, Value>>,
    remove: readonly string[] = [],
    gained: 0 | 1 = 0,
  ): Promise<number | undefined> {
    const stamp = this.#stamp();
    const add = { version: 1, ...(gained ? { gains: 1 } : {}) };
    const change: Change = { set: { ...set, stamp }, remove, add };
    const condition = version === 0 ? ({ absent: true } as const) : { equals: { version } };
    if (await this.table.update(key, change, condition)) return version + 1;
    const now = await this.table.get(key);
    return now?.['stamp'] === stamp ? version + 1 : undefined;
  }

  /** The manifest was given or has lost a holder: it is queued, and what a run read of it before no longer holds. */
  async touchManifest(name: string, digest: Digest, touch: Touch): Promise<Touched> {
    return await this.#touch(manifestKey(name, digest), manifestQueue(digest), touch);
  }

  /** Likewise for a blob; one that is known only by an edge gets its item. */
  async touchBlob(digest: Digest, touch: Touch): Promise<Touched> {
    const key = blobKey(digest);
    for (;;) {
      const touched = await this.#touch(key, blobQueue(digest), touch);
      if (touched !== 'absent') return touched;
      const created = { ...live(blobQueue(digest), touch), version: 1 };
      if (await this.table.put({ ...key, ...created }, { absent: true })) return 'live';
    }
  }

  /** The manifest lost a holder: it is queued if it is live; one on its way out needs no rescue for that. */
  async releaseManifest(name: string, digest: Digest, touch: Touch): Promise<void> {
    await this.#release(manifestKey(name, digest), manifestQueue(digest), touch);
  }

  /** The blob lost a link or a reference: likewise. */
  async releaseBlob(digest: Digest, touch: Touch): Promise<void> {
    await this.#release(blobKey(digest), blobQueue(digest), touch);
  }

  /**
   * A manifest of the repository no longer references the blob. While another one there does, no link has become stale and
   * nothing is garbage: a base layer of everything is not queued, and so not looked at, for each image that goes. The edge
   * is removed first: of several who remove theirs at a time, the last sees none.
   */
  async releaseReference(digest: Digest, name: string, touch: Touch): Promise<void> {
    await this.#releases.do(`${name}@${digest}`, async () => {
      if (await this.#isForgotten(digest, touch)) return;
      if (!(await this.referencedIn(digest, name))) await this.releaseBlob(digest, touch);
    });
  }

  /** Whether a touch would not be remembered, so that nothing need be looked for before it. */
  async #isForgotten(digest: Digest, { at, grace }: Touch): Promise<boolean> {
    const forgets = this.#forgets;
    if (forgets === undefined) return false;
    const before = await this.table.get(blobKey(digest));
    if (before?.['state'] !== 'live') return false;
    const touch = { at: Math.max(at, Number(before['touchedAt'])), grace };
    return forgets({ ...before, ...live(blobQueue(digest), touch) }, before);
  }

  /** A layer that many images share loses many holders at a time: one touch after all of them serves them all. */
  async #release(key: Key, queue: string, touch: Touch): Promise<void> {
    await this.#releases.do(nameOf(key), async () => {
      await this.#touch(key, queue, touch, 'released');
    });
  }

  async #touch(key: Key, queue: string, touch: Touch, why: 'held' | 'released' = 'held'): Promise<Touched> {
    const { at, grace } = touch;
    const gained = why === 'held' ? gainOf(touch) : 0;
    const add = { version: 1, ...(gained ? { gains: 1 } : {}) };
    // The usual case in one write: live, and last touched no later. A version that is no number is less than none.
    const known = { lessThan: { version: Number.MAX_SAFE_INTEGER } };
    const noLater = { all: [{ equals: { state: 'live' } }, { lessThan: { touchedAt: at + 1 } }, known] };
    if (await this.table.update(key, { set: live(queue, touch), add }, noLater)) return 'live';
    for (;;) {
      const item = await this.table.get(key);
      if (item === undefined) return 'absent';
      const { version, state, touchedAt } = item;
      if (typeof version !== 'number' || typeof touchedAt !== 'number') {
        throw new UnknownItemError(item, 'version or touchedAt is no number');
      }
      if (state === 'live' && touchedAt >= at) {
        // Touched later already: it is queued again, and what was read of it no longer holds. On the touch that was
        // read and not on the version, or all who touch one shared layer at a time make each other start over.
        const again = { set: live(queue, { at: touchedAt, grace }), add };
        if (await this.table.update(key, again, { equals: { state: 'live', touchedAt } })) return 'live';
        continue;
      }
      switch (state as State) {
        case 'deleting':
          if (why === 'released') return 'deleting';
          if ((await this.transition(key, version, { rescue: true }, [], gained)) !== undefined)
            return 'deleting';
          break;
        case 'deleted':
          return 'deleted';
        case 'live':
        case 'condemned': {
          const latest = { at: Math.max(at, touchedAt), grace };
          const set = live(queue, latest);
          const written = await this.transition(key, version, set, ['condemnedAt'], gained);
          if (written !== undefined) return 'live';
          break;
        }
        default:
          throw new UnknownItemError(item, `state is ${JSON.stringify(state)}`);
      }
    }
  }
}

/** What a touch for a new edge adds to `gains`. */
export const gainOf = ({ gains = true }: Touch): 0 | 1 => (gains ? 1 : 0);

/** The attributes of something live and queued. */
export function live(queue: string, { at, grace }: Touch) {
  return { state: 'live', touchedAt: at, queue, dueAt: at + grace } as const;
}

/** When an item may leave the table by itself: seconds since the epoch, as DynamoDB's TTL wants it. */
export const tombstoneExpiry = (now: number): number => Math.ceil((now + TOMBSTONE_RETENTION) / 1000);
