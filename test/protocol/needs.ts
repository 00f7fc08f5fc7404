/**
 * What the table says to need a thing when a run takes it. Whoever writes an edge before that is seen by the look that
 * comes after it, however slow it is with the rest: what such an edge needs is not deleted.
 */
import type { Item } from '../../lambdas/store/table.ts';
import type { Digest } from '../support/images.ts';
import { dataKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import type { World } from '../support/world.ts';

/** Whether it still needs what was taken. */
type Need = () => Promise<boolean>;

const GOING = new Set<unknown>(['deleting', 'deleted']);
const text = (body: Uint8Array | undefined): string => new TextDecoder().decode(body);

export class Needs {
  readonly #world: World;
  /** By the key that would be deleted. */
  readonly #taken = new Map<string, ReadonlyMap<string, Need>>();

  constructor(world: World) {
    this.#world = world;
  }

  /** An item was marked `deleting`. */
  async take({ pk, sk }: Item): Promise<void> {
    if (sk === 'BLOB') {
      const { items } = await this.#world.table.query(pk);
      const edges = items.filter((edge) => edge.sk !== 'BLOB' && edge['removedAt'] === undefined);
      const needs = edges.map((edge) => [edge.sk, () => this.#stands(edge)] as const);
      this.#taken.set(dataKey(pk.slice('BLOB#'.length) as Digest), new Map(needs));
    } else if (pk.startsWith('REPO#') && sk.startsWith('MANIFEST#')) {
      await this.#takeManifest(pk.slice('REPO#'.length), sk.slice('MANIFEST#'.length) as Digest);
    }
  }

  async #takeManifest(name: string, digest: Digest): Promise<void> {
    const { bucket, table } = this.#world;
    const needs = new Map<string, Need>();
    const { items } = await table.query(`HOLDERS#${name}@${digest}`);
    for (const edge of items) {
      const [kind, holder = ''] = edge.sk.split(/#(.*)/s);
      if (kind === 'INDEX') {
        needs.set(edge.sk, async () => {
          const item = await table.get({ pk: `REPO#${name}`, sk: `MANIFEST#${holder}` });
          return !GOING.has(item?.['state']) && (await this.#stands(edge));
        });
      }
      // A signature is held by what it signs instead of its tag.
      if (kind !== 'TAG' || holder.startsWith('sha256-')) continue;
      const key = tagLinkKey(name, holder);
      const link = await bucket.get(key);
      if (text(link?.body) !== digest) continue;
      needs.set(edge.sk, async () => (await bucket.head(key))?.versionId === link?.versionId);
    }
    this.#taken.set(revisionKey(name, digest), needs);
  }

  /** What has needed the key since before it was taken. */
  async of(key: string): Promise<string[]> {
    const found: string[] = [];
    for (const [edge, need] of this.#taken.get(key) ?? []) if (await need()) found.push(edge);
    return found;
  }

  /** What has been taken, with what needed it then. */
  get value(): string {
    return [...this.#taken]
      .map(([key, needs]) => `${key} ${[...needs.keys()].sort()}`)
      .sort()
      .join();
  }

  async #stands(edge: Item): Promise<boolean> {
    return JSON.stringify(await this.#world.table.get(edge)) === JSON.stringify(edge);
  }
}
