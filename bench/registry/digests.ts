/** Many sha256 digests, in 36 bytes each, found by their number and by themselves. */
import type { Digest } from '../../lambdas/registry/digest.ts';

const BYTES = 32;
const PREFIX = 'sha256:';
/** Bytes of a digest that are compared as one number, and how many such numbers there are. */
const HEAD = 6;
const HEADS = 2 ** (8 * HEAD);

/** @example const digests = new Digests(); digests.push(digest); digests.sort(); digests.find(digest); // 0 */
export class Digests {
  #bytes = Buffer.alloc(BYTES << 10);
  #length = 0;
  /** Numbers of all in their order, and the first six bytes of each as a number. */
  #order = new Uint32Array();
  #heads = new Float64Array();

  get length(): number {
    return this.#length;
  }

  /** @returns its number. */
  push(digest: Digest): number {
    const from = this.#length * BYTES;
    if (from === this.#bytes.byteLength) {
      const larger = Buffer.alloc(from * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes.write(digest.slice(PREFIX.length), from, 'hex');
    return this.#length++;
  }

  at(number: number): Digest {
    return `sha256:${this.#bytes.toString('hex', number * BYTES, (number + 1) * BYTES)}`;
  }

  /** To be called when all are there. */
  sort(): void {
    const bytes = this.#bytes;
    const heads = Float64Array.from({ length: this.#length }, (_, one) =>
      bytes.readUIntBE(one * BYTES, HEAD),
    );
    const of = (one: number) => bytes.subarray(one * BYTES, (one + 1) * BYTES);
    this.#order = Uint32Array.from(heads.keys()).sort(
      (a, b) => (heads[a] ?? 0) - (heads[b] ?? 0) || of(a).compare(of(b)),
    );
    this.#heads = Float64Array.from(this.#order, (one) => heads[one] ?? 0);
  }

  find(digest: Digest): number | undefined {
    const number = this.#order[this.#seek(digest)];
    return number !== undefined && this.at(number) === digest ? number : undefined;
  }

  /** Numbers in the order of the digests, from one on; the beginning of one is enough. */
  *from(digest: Digest): Generator<number> {
    for (let at = this.#seek(digest); at < this.#order.length; at++) yield this.#order[at] ?? 0;
  }

  /** Between which places a digest of that head is: they are spread evenly, so it is looked for from where it should be. */
  #about(head: number): [number, number] {
    const heads = this.#heads;
    const count = heads.length;
    const guess = Math.min(count - 1, Math.floor((head / HEADS) * count));
    let [low, high] = [guess, guess];
    for (let step = 1; low > 0 && (heads[low] ?? 0) >= head; step *= 2) low = Math.max(0, low - step);
    for (let step = 1; high < count && (heads[high] ?? 0) <= head; step *= 2)
      high = Math.min(count, high + step);
    while (high - low > 8) {
      const middle = (low + high) >> 1;
      const at = heads[middle] ?? 0;
      if (at < head) low = middle;
      else if (at > head) high = middle;
      else break;
    }
    return [Math.max(0, low), high];
  }

  /** Where a digest is in the order, or would be. */
  #seek(digest: Digest): number {
    const wanted = Buffer.from(digest.slice(PREFIX.length).padEnd(2 * BYTES, '0'), 'hex');
    let [low, high] = this.#about(wanted.readUIntBE(0, HEAD));
    while (low < high) {
      const middle = (low + high) >> 1;
      const from = (this.#order[middle] ?? 0) * BYTES;
      if (this.#bytes.compare(wanted, 0, BYTES, from, from + BYTES) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
