/**
 * A list of whole numbers below 2³² that grows, in four bytes each.
 * @example const numbers = new Numbers(); numbers.push(7); numbers.at(0); // 7
 */
export class Numbers {
  #values = new Uint32Array(1 << 10);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @returns the place of the number. */
  push(value: number): number {
    if (this.#length === this.#values.length) {
      const larger = new Uint32Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length] = value;
    return this.#length++;
  }

  /** @throws RangeError outside the list. */
  at(place: number): number {
    const value = place < this.#length ? this.#values[place] : undefined;
    if (value === undefined) throw new RangeError(`there is no number ${place} of ${this.#length}`);
    return value;
  }
}
