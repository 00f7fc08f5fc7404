const CHUNK = 512;

/**
 * Values in the order of their keys, one for each key. Kept as a list of short sorted arrays, so that adding,
 * removing and seeking stay cheap for hundreds of thousands of values and an almost empty list stays small.
 */
export class SortedList<V, K> {
  readonly #keyOf: (value: V) => K;
  readonly #compare: (a: K, b: K) => number;
  readonly #chunks: V[][] = [];
  #size = 0;

  constructor(keyOf: (value: V) => K, compare: (a: K, b: K) => number) {
    this.#keyOf = keyOf;
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    const at = this.#seek(key);
    return at.found ? this.#chunks[at.chunk]?.[at.index] : undefined;
  }

  has(key: K): boolean {
    return this.#seek(key).found;
  }

  /** Adds the value, or puts it in the place of the one with an equal key. */
  set(value: V): void {
    const at = this.#seek(this.#keyOf(value));
    const chunk = this.#chunks[at.chunk];
    if (chunk === undefined) {
      this.#chunks.push([value]);
      this.#size++;
      return;
    }
    if (at.found) {
      chunk[at.index] = value;
      return;
    }
    chunk.splice(at.index, 0, value);
    this.#size++;
    if (chunk.length > CHUNK) this.#chunks.splice(at.chunk + 1, 0, chunk.splice(CHUNK / 2));
  }

  delete(key: K): boolean {
    const at = this.#seek(key);
    const chunk = this.#chunks[at.chunk];
    if (!at.found || chunk === undefined) return false;
    chunk.splice(at.index, 1);
    if (chunk.length === 0) this.#chunks.splice(at.chunk, 1);
    this.#size--;
    return true;
  }

  /** In order, from `key` on; with `exclusive`, from behind it. Not to be used across a change of the list. */
  *from(key: K, exclusive = false): Generator<V> {
    const at = this.#seek(key);
    let index = at.found && exclusive ? at.index + 1 : at.index;
    for (let i = at.chunk; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i] ?? [];
      for (; index < chunk.length; index++) yield chunk[index] as V;
      index = 0;
    }
  }

  *[Symbol.iterator](): Generator<V> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** The place of the key, or the place where it would be put. */
  #seek(key: K): { chunk: number; index: number; found: boolean } {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = this.#chunks[middle]?.[0] as V;
      if (this.#compare(this.#keyOf(first), key) <= 0) low = middle;
      else high = middle - 1;
    }
    const chunk = this.#chunks[low];
    if (chunk === undefined) return { chunk: 0, index: 0, found: false };
    let from = 0;
    let to = chunk.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const order = this.#compare(this.#keyOf(chunk[middle] as V), key);
      if (order === 0) return { chunk: low, index: middle, found: true };
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    return { chunk: low, index: from, found: false };
  }
}
