/** Many sha256 digests, in 36 bytes each, found by their number and by themselves. */
import type { Digest } from '../../lambdas/registry/digest.ts';

const BYTES = 32;
const PREFIX = 'sha256:';

/** @example const digests = new Digests(); digests.push(digest); digests.sort(); digests.find(digest); // 0 */
export class Digests {
  #bytes = Buffer.alloc(BYTES << 10);
  #length = 0;
  /** Numbers of all in their order. */
  #order = new Uint32Array();

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
    const heads = Float64Array.from({ length: this.#length }, (_, one) => bytes.readUIntBE(one * BYTES, 6));
    const of = (one: number) => bytes.subarray(one * BYTES, (one + 1) * BYTES);
    this.#order = Uint32Array.from(heads.keys()).sort(
      (a, b) => (heads[a] ?? 0) - (heads[b] ?? 0) || of(a).compare(of(b)),
    );
  }

  find(digest: Digest): number | undefined {
    const number = this.#order[this.#seek(digest)];
    return number !== undefined && this.at(number) === digest ? number : undefined;
  }

  /** Numbers in the order of the digests, from one on; the beginning of one is enough. */
  *from(digest: Digest): Generator<number> {
    for (let at = this.#seek(digest); at < this.#order.length; at++) yield this.#order[at] ?? 0;
  }

  /** Where a digest is in the order, or would be. */
  #seek(digest: Digest): number {
    const wanted = Buffer.from(digest.slice(PREFIX.length).padEnd(2 * BYTES, '0'), 'hex');
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const from = (this.#order[middle] ?? 0) * BYTES;
      if (this.#bytes.compare(wanted, 0, BYTES, from, from + BYTES) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
