/** What a preview of the table holds, kept small: a dry run of a large registry holds millions of changes. */
import { KeySet } from './key-set.ts';
import { compareUtf8, nameOf } from './order.ts';
import { SortedList } from './sorted-list.ts';
import type { Item, Key, Value } from './table.ts';

/** Attributes that differ from those of the base's item; undefined where the base's attribute is gone. */
export type Patch = Readonly<Record<string, Value | undefined>>;

/** An item of the preview's own, or what it changes of the base's. */
export type Shade = { readonly sk: string } & ({ readonly item: Item } | { readonly patch: Patch });

/** The changes of a preview by key: an item, a change of the base's item, or that there is none. */
export class Shades {
  /** Of each partition. Most have one alone. */
  readonly #partitions = new Map<string, Shade | SortedList<Shade, string>>();
  /** As fingerprints: a deletion takes some bytes however long its key is. */
  readonly #removed = new KeySet();

  get(key: Key): Shade | 'removed' | undefined {
    const partition = this.#partitions.get(key.pk);
    const shade =
      partition instanceof SortedList
        ? partition.get(key.sk)
        : partition?.sk === key.sk
          ? partition
          : undefined;
    if (shade !== undefined) return shade;
    return this.#removed.size > 0 && this.#removed.has(nameOf(key)) ? 'removed' : undefined;
  }

  set(pk: string, shade: Shade): void {
    const partition = this.#partitions.get(pk);
    if (partition instanceof SortedList) partition.set(shade);
    else if (partition === undefined || partition.sk === shade.sk) this.#partitions.set(pk, shade);
    else {
      const list = new SortedList<Shade, string>(({ sk }) => sk, compareUtf8);
      list.set(partition);
      list.set(shade);
      this.#partitions.set(pk, list);
    }
  }

  remove(key: Key): void {
    const partition = this.#partitions.get(key.pk);
    if (partition instanceof SortedList) partition.delete(key.sk);
    else if (partition?.sk === key.sk) this.#partitions.delete(key.pk);
    this.#removed.add(nameOf(key));
  }

  /** Items of the preview's own in one partition, in order, from `sk` on; with `exclusive`, from behind it. */
  *own(pk: string, sk: string, exclusive: boolean): Generator<Item> {
    const partition = this.#partitions.get(pk);
    if (partition === undefined) return;
    if (partition instanceof SortedList) {
      for (const shade of partition.from(sk, exclusive)) if ('item' in shade) yield shade.item;
    } else if ('item' in partition) {
      const order = compareUtf8(partition.sk, sk);
      if (order > 0 || (order === 0 && !exclusive)) yield partition.item;
    }
  }

  /** Partitions with something in them, a removal aside. */
  partitions(): Iterable<string> {
    return this.#partitions.keys();
  }
}

/** The base's item with the patch; a patch of nothing is nothing. */
export function patched(item: Item | undefined, patch: Patch): Item | undefined {
  if (item === undefined) return undefined;
  const result: Record<string, Value> = { ...item };
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) delete result[name];
    else result[name] = value;
  }
  return result as Item;
}
