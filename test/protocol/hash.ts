/** Hashes of what is stored: of each cell by itself and combined, so that a write costs as much as it changes. */

export type Lanes = readonly [number, number];

/** 64 bits of a string (cyrb53's mixing, both halves kept). */
export function hashOf(text: string, seed = 0): Lanes {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a >>> 0, b >>> 0];
}

export const shown = ([a, b]: Lanes): string => `${a.toString(36)}.${b.toString(36)}`;

/** The contents of some cells, whatever the order in which they came to be. */
export class ContentHash {
  readonly #cells = new Map<string, Lanes>();
  #a = 0;
  #b = 0;

  /** @param content undefined where there is nothing any more. */
  set(cell: string, content: string | undefined): void {
    const before = this.#cells.get(cell);
    if (before !== undefined) this.#mix(before);
    if (content === undefined) {
      this.#cells.delete(cell);
      return;
    }
    const now = hashOf(`${cell}\n${content}`);
    this.#cells.set(cell, now);
    this.#mix(now);
  }

  get value(): string {
    return shown([this.#a >>> 0, this.#b >>> 0]);
  }

  #mix([a, b]: Lanes): void {
    this.#a ^= a;
    this.#b ^= b;
  }
}
