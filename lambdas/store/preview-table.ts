import { DueIndex } from './due-index.ts';
import {
  applyChange,
  assertCondition,
  assertKey,
  assertLimit,
  holds,
  itemBytes,
  storable,
} from './evaluate.ts';
import { compareUtf8, nameOf, segmentOf } from './order.ts';
import { PageBuilder } from './page-builder.ts';
import { PreviewQueue } from './preview-queue.ts';
import { type Patch, patched, type Shade, Shades } from './shades.ts';
import type { Change, Condition, DueEntry, DuePage, EdgeWrite, Item, Key, Page, Table } from './table.ts';

/** Whether a change of one of the base's items need not be remembered: the preview then shows the item as it was. */
export type Forgets = (after: Item, before: Item) => boolean;

/**
 * A table that is thrown away: reads go through to the base, writes stay in memory and hide what the base has.
 * A dry run is the normal run over one of these, so it decides on exactly what a real run would have left behind.
 * No method that writes is ever called on the base.
 * @example const rehearsal = new PreviewTable(table);
 */
export class PreviewTable implements Table {
  readonly #base: Table;
  readonly #shades = new Shades();
  readonly #index = new DueIndex();
  readonly #queue: PreviewQueue;
  readonly #forgets: Forgets;

  /** @param forgets which changes nobody will look at any more. @default none */
  constructor(base: Table, forgets: Forgets = () => false) {
    this.#base = base;
    this.#forgets = forgets;
    this.#queue = new PreviewQueue(base, this.#index, (key) => this.#shades.get(key) !== undefined);
  }

  async get(key: Key): Promise<Item | undefined> {
    assertKey(key);
    return this.#merged(key, await this.#beneath(key));
  }

  async getMany(keys: readonly Key[]): Promise<Item[]> {
    const unique = new Map(keys.map((key) => [nameOf(key), key]));
    const found: Item[] = [];
    const beneath: Key[] = [];
    for (const key of unique.values()) {
      assertKey(key);
      const shade = this.#shades.get(key);
      if (needsBase(shade)) beneath.push(key);
      else if (shade !== 'removed') found.push(shade.item);
    }
    if (beneath.length === 0) return found;
    const items = await this.#base.getMany(beneath);
    return [...found, ...items.flatMap((item) => this.#merged(item, item) ?? [])];
  }

  async query(
    pk: string,
    options: { readonly prefix?: string; readonly limit?: number; readonly after?: Key } = {},
  ): Promise<Page<Item>> {
    const { prefix = '', limit } = options;
    assertLimit(limit);
    const builder = new PageBuilder<Item>(limit);
    let after = options.after;
    for (;;) {
      const page = await this.#base.query(pk, { ...options, ...(after ? { after } : {}) });
      for (const item of this.#merge(pk, prefix, after, page)) {
        if (builder.take(item, itemBytes(item))) continue;
        const { taken: items, last } = builder;
        return { items, ...(last ? { next: { pk, sk: last.sk } } : {}) };
      }
      if (page.next === undefined) return { items: builder.taken };
      after = page.next;
    }
  }

  async due(
    queue: string,
    options: { readonly until: number; readonly limit?: number; readonly after?: DueEntry },
  ): Promise<DuePage> {
    assertLimit(options.limit);
    return this.#queue.page(queue, options);
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    const next = storable(item);
    if (condition !== undefined) {
      assertCondition(condition);
      const beneath = await this.#beneath(next);
      if (!holds(condition, this.#merged(next, beneath))) return false;
    }
    this.#put(next);
    return true;
  }

  async update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined> {
    assertKey(key);
    const beneath = await this.#beneath(key);
    const after = applyChange(key, this.#merged(key, beneath), change, condition);
    if (after === undefined) return undefined;
    const shade = this.#shades.get(key);
    if (beneath === undefined || !needsBase(shade)) this.#put(after);
    else if (shade !== undefined || !this.#forgets(after, beneath))
      this.#set(key, { sk: key.sk, patch: { ...shade?.patch, ...patchOf(change, after) } });
    return after;
  }

  async remove(key: Key, condition?: Condition): Promise<boolean> {
    assertKey(key);
    if (condition !== undefined) {
      assertCondition(condition);
      const beneath = await this.#beneath(key);
      if (!holds(condition, this.#merged(key, beneath))) return false;
    }
    this.#remove(key);
    return true;
  }

  async write(writes: readonly EdgeWrite[]): Promise<void> {
    const checked = writes.map((write) => ('put' in write ? { put: storable(write.put) } : write));
    for (const write of checked) {
      if ('put' in write) this.#put(write.put);
      else {
        assertKey(write.remove);
        this.#remove(write.remove);
      }
    }
  }

  /** As the base walks; what only the preview has comes with the last page of the segment it belongs to. */
  async scan(options: {
    readonly segment: number;
    readonly segments: number;
    readonly after?: Key;
  }): Promise<Page<Item>> {
    const page = await this.#base.scan(options);
    const items = page.items.flatMap((item) => this.#merged(item, item) ?? []);
    if (page.next) return { items, next: page.next };
    return { items: [...items, ...(await this.#added(options.segment, options.segments))] };
  }

  async #added(segment: number, segments: number): Promise<Item[]> {
    const own: Item[] = [];
    for (const pk of this.#shades.partitions()) {
      if (segmentOf(pk, segments) === segment) own.push(...this.#shades.own(pk, '', false));
    }
    if (own.length === 0) return own;
    const beneath = new Set((await this.#base.getMany(own)).map(nameOf));
    return own.filter((item) => !beneath.has(nameOf(item)));
  }

  /** A page of the base with the preview's items of the same stretch of keys. */
  #merge(pk: string, prefix: string, after: Key | undefined, page: Page<Item>): Item[] {
    const merged: Item[] = [];
    for (const item of page.items) {
      const shade = this.#shades.get(item);
      if (!needsBase(shade)) continue;
      const now = this.#merged(item, item);
      if (now !== undefined) merged.push(now);
    }
    const fromBase = merged.length;
    const afterWins = after !== undefined && compareUtf8(after.sk, prefix) >= 0;
    for (const item of this.#shades.own(pk, afterWins ? after.sk : prefix, afterWins)) {
      if (!item.sk.startsWith(prefix) || (page.next && compareUtf8(item.sk, page.next.sk) > 0)) break;
      merged.push(item);
    }
    return merged.length === fromBase ? merged : merged.sort((a, b) => compareUtf8(a.sk, b.sk));
  }

  /** What the base has, where it matters. */
  async #beneath(key: Key): Promise<Item | undefined> {
    return needsBase(this.#shades.get(key)) ? this.#base.get(key) : undefined;
  }

  /**
   * The item as it is now. Others may have written to the preview while the base was waited for, so this is
   * called after, and nothing is waited for between it and the write: then a conditional write is atomic.
   */
  #merged(key: Key, beneath: Item | undefined): Item | undefined {
    const shade = this.#shades.get(key);
    if (shade === 'removed') return undefined;
    if (shade === undefined) return beneath;
    return 'item' in shade ? shade.item : patched(beneath, shade.patch);
  }

  #put(item: Item): void {
    this.#set(item, { sk: item.sk, item });
  }

  #set(key: Key, shade: Shade): void {
    this.#index.replace(queued(key, this.#shades.get(key)), queued(key, shade));
    this.#shades.set(key.pk, shade);
  }

  #remove(key: Key): void {
    this.#index.replace(queued(key, this.#shades.get(key)), undefined);
    this.#shades.remove(key);
  }
}

/** Whether what the base has under the key is, or is part of, what the preview shows. */
const needsBase = (
  shade: Shade | 'removed' | undefined,
): shade is undefined | Extract<Shade, { readonly patch: Patch }> =>
  shade === undefined || (shade !== 'removed' && 'patch' in shade);

/** What a change has made of the base's item; always with its place in the queue. */
function patchOf({ set = {}, remove = [], add = {} }: Change, after: Item): Patch {
  const names = [...Object.keys(set), ...remove, ...Object.keys(add), 'queue', 'dueAt'];
  return Object.fromEntries(names.map((name) => [name, after[name]]));
}

/** Where a shade is in the queue. */
function queued({ pk, sk }: Key, shade: Shade | 'removed' | undefined): Item | undefined {
  if (shade === undefined || shade === 'removed') return undefined;
  const { queue, dueAt } = 'item' in shade ? shade.item : shade.patch;
  return queue === undefined || dueAt === undefined ? undefined : { pk, sk, queue, dueAt };
}
