/** A set of strings kept as 64-bit fingerprints, so that millions of keys take megabytes. */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

const EMPTY = 0n;

/**
 * Two strings share a fingerprint with a chance of about n²/2⁶⁵; `has` then says yes for one that was not added. A
 * rebuild overlooks that one drift; nothing is ever deleted by it.
 */
export class KeySet {
  #slots = new BigUint64Array(1 << 12);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns whether it was not in the set before. */
  add(key: string): boolean {
    return this.#insert(fingerprint(key));
  }

  has(key: string): boolean {
    if (this.#size === 0) return false;
    const print = fingerprint(key);
    return this.#slots[slotOf(this.#slots, print)] === print;
  }

  /** The fingerprints, eight bytes each, in no order to rely on. */
  toBase64(): string {
    const prints = this.#slots.filter((print) => print !== EMPTY);
    return Buffer.from(prints.buffer, prints.byteOffset, prints.byteLength).toString('base64');
  }

  /** How many fingerprints {@link toBase64} has written. */
  static sizeOf(base64: string): number {
    return Buffer.byteLength(base64, 'base64') / 8;
  }

  /**
   * Adds all of a set that {@link toBase64} wrote.
   *
   * @returns how many were not in it before.
   * @throws RangeError when the text is no such set.
   */
  union(base64: string): number {
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.byteLength % 8 !== 0)
      throw new RangeError(`a set of ${bytes.byteLength} bytes: allowed are whole fingerprints of 8`);
    const before = this.#size;
    for (let at = 0; at < bytes.byteLength; at += 8) this.#insert(bytes.readBigUInt64LE(at));
    return this.#size - before;
  }

  #insert(print: bigint): boolean {
    if (this.#size * 4 >= this.#slots.length * 3) this.#grow();
    const added = insert(this.#slots, print);
    if (added) this.#size++;
    return added;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const print of this.#slots) if (print !== EMPTY) insert(larger, print);
    this.#slots = larger;
  }
}

/** 64 bits that stand for a key. Never 0. */
export function fingerprint(key: string): bigint {
  const print = hash('sha256', key, 'buffer').readBigUInt64LE(0);
  return print === EMPTY ? 1n : print;
}

/** Where the fingerprint is, or the free slot where it belongs (linear probing). */
function slotOf(slots: BigUint64Array, print: bigint): number {
  const mask = slots.length - 1;
  let slot = Number(print & 0xffff_ffffn) & mask;
  while (slots[slot] !== EMPTY && slots[slot] !== print) slot = (slot + 1) & mask;
  return slot;
}

function insert(slots: BigUint64Array, print: bigint): boolean {
  const slot = slotOf(slots, print);
  if (slots[slot] === print) return false;
  slots[slot] = print;
  return true;
}
