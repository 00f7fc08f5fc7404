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
import { SortedList } from './sorted-list.ts';
import type { Change, Condition, DueEntry, DuePage, EdgeWrite, Item, Key, Page, Table } from './table.ts';

/** What the preview holds for one key: an item, or that there is none, whatever the base says. */
interface Shade {
  readonly sk: string;
  readonly item: Item | undefined;
}

/**
 * A table that is thrown away: reads go through to the base, writes stay in memory and hide what the base has.
 * A dry run is the normal run over one of these, so it decides on exactly what a real run would have left behind.
 * No method that writes is ever called on the base.
 * @example const rehearsal = new PreviewTable(table);
 */
export class PreviewTable implements Table {
  readonly #base: Table;
  readonly #shades = new Map<string, SortedList<Shade, string>>();
  readonly #index = new DueIndex();
  readonly #queue: PreviewQueue;

  constructor(base: Table) {
    this.#base = base;
    this.#queue = new PreviewQueue(base, this.#index, (key) => this.#shade(key) !== undefined);
  }

  async get(key: Key): Promise<Item | undefined> {
    assertKey(key);
    const shade = this.#shade(key);
    return shade ? shade.item : this.#base.get(key);
  }

  async getMany(keys: readonly Key[]): Promise<Item[]> {
    const unique = new Map(keys.map((key) => [nameOf(key), key]));
    const found: Item[] = [];
    const beneath: Key[] = [];
    for (const key of unique.values()) {
      assertKey(key);
      const shade = this.#shade(key);
      if (shade === undefined) beneath.push(key);
      else if (shade.item) found.push(shade.item);
    }
    return beneath.length === 0 ? found : [...found, ...(await this.#base.getMany(beneath))];
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
    this.#set(next, next);
    return true;
  }

  async update(key: Key, change: Change, condition?: Condition): Promise<Item | undefined> {
    assertKey(key);
    const beneath = await this.#beneath(key);
    const after = applyChange(key, this.#merged(key, beneath), change, condition);
    if (after) this.#set(key, after);
    return after;
  }

  async remove(key: Key, condition?: Condition): Promise<boolean> {
    assertKey(key);
    if (condition !== undefined) {
      assertCondition(condition);
      const beneath = await this.#beneath(key);
      if (!holds(condition, this.#merged(key, beneath))) return false;
    }
    this.#set(key, undefined);
    return true;
  }

  async write(writes: readonly EdgeWrite[]): Promise<void> {
    const checked = writes.map((write) => ('put' in write ? { put: storable(write.put) } : write));
    for (const write of checked) {
      if ('put' in write) this.#set(write.put, write.put);
      else {
        assertKey(write.remove);
        this.#set(write.remove, undefined);
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
    const items = page.items.flatMap((item) => {
      const shade = this.#shade(item);
      if (shade === undefined) return [item];
      return shade.item ? [shade.item] : [];
    });
    if (page.next) return { items, next: page.next };
    return { items: [...items, ...(await this.#added(options.segment, options.segments))] };
  }

  async #added(segment: number, segments: number): Promise<Item[]> {
    const own: Item[] = [];
    for (const [pk, shades] of this.#shades) {
      if (segmentOf(pk, segments) !== segment) continue;
      for (const { item } of shades) if (item) own.push(item);
    }
    if (own.length === 0) return own;
    const beneath = new Set((await this.#base.getMany(own)).map(nameOf));
    return own.filter((item) => !beneath.has(nameOf(item)));
  }

  /** A page of the base with the preview's items of the same stretch of keys. */
  #merge(pk: string, prefix: string, after: Key | undefined, page: Page<Item>): Item[] {
    const shades = this.#shades.get(pk);
    if (shades === undefined) return [...page.items];
    const afterWins = after !== undefined && compareUtf8(after.sk, prefix) >= 0;
    const merged = page.items.filter((item) => !shades.has(item.sk));
    for (const { sk, item } of shades.from(afterWins ? after.sk : prefix, afterWins)) {
      if (!sk.startsWith(prefix) || (page.next && compareUtf8(sk, page.next.sk) > 0)) break;
      if (item) merged.push(item);
    }
    return merged.sort((a, b) => compareUtf8(a.sk, b.sk));
  }

  /** What the base has, where it matters. */
  async #beneath(key: Key): Promise<Item | undefined> {
    return this.#shade(key) === undefined ? this.#base.get(key) : undefined;
  }

  /**
   * The item as it is now. Others may have written to the preview while the base was waited for, so this is
   * called after, and nothing is waited for between it and the write: then a conditional write is atomic.
   */
  #merged(key: Key, beneath: Item | undefined): Item | undefined {
    const shade = this.#shade(key);
    return shade ? shade.item : beneath;
  }

  #shade(key: Key): Shade | undefined {
    return this.#shades.get(key.pk)?.get(key.sk);
  }

  #set(key: Key, item: Item | undefined): void {
    let shades = this.#shades.get(key.pk);
    if (shades === undefined) {
      shades = new SortedList<Shade, string>((shade) => shade.sk, compareUtf8);
      this.#shades.set(key.pk, shades);
    }
    this.#index.replace(shades.get(key.sk)?.item, item);
    shades.set({ sk: key.sk, item });
  }
}
