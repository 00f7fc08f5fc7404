/** Sets of fingerprints that are only added to, or only asked: eight bytes for each, and nothing beside them. */
import { fingerprint } from '../store/key-set.ts';

/** Of one fingerprint. */
const BYTES = 8;

/** Of the first chunk, and of the largest; each is twice the one before. */
const FIRST = 1 << 6;
const LARGEST = 1 << 16;

/** Fingerprints as they come, one more than once too. */
export class PrintList {
  #full: BigUint64Array[] = [];
  #last = new BigUint64Array(FIRST);
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0 && this.#full.length === 0;
  }

  add(key: string): void {
    if (this.#used === this.#last.length) {
      this.#full.push(this.#last);
      this.#last = new BigUint64Array(Math.min(2 * this.#used, LARGEST));
      this.#used = 0;
    }
    this.#last[this.#used++] = fingerprint(key);
  }

  /** All of them, as bytes; the list goes on empty. */
  take(): Uint8Array {
    const all = joined([...this.#full, this.#last.subarray(0, this.#used)]);
    this.#full = [];
    this.#used = 0;
    return new Uint8Array(all.buffer);
  }
}

/** What lists had taken. */
export class PrintSet {
  readonly #sorted: BigUint64Array;

  /** @param prints as {@link PrintList.take} gives them; the set keeps and sorts this very memory. */
  constructor(prints: Uint8Array<ArrayBuffer>) {
    this.#sorted = new BigUint64Array(prints.buffer, prints.byteOffset, prints.byteLength / BYTES).sort();
  }

  /** How many, each as often as it was added. */
  get size(): number {
    return this.#sorted.length;
  }

  has(key: string): boolean {
    return this.hasPrint(fingerprint(key));
  }

  hasPrint(print: bigint): boolean {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] ?? 0n) < print) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low] === print;
  }
}

function joined(arrays: readonly BigUint64Array[]): BigUint64Array<ArrayBuffer> {
  const all = new BigUint64Array(arrays.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
