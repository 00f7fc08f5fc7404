import { MAX_PAGE_BYTES } from './limits.ts';

/** Fills a page up to its limits. As in DynamoDB, a page that reached its limit says so even at the very end. */
export class PageBuilder<T> {
  readonly taken: T[] = [];
  bytes = 0;
  readonly #limit: number;
  #full = false;

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  /** The last entry, when the page is full. */
  get last(): T | undefined {
    return this.#full ? this.taken.at(-1) : undefined;
  }

  /** False when there is no room for the entry, or none after it. */
  take(entry: T, bytes: number): boolean {
    if (this.taken.length > 0 && this.bytes + bytes > MAX_PAGE_BYTES) {
      this.#full = true;
      return false;
    }
    this.taken.push(entry);
    this.bytes += bytes;
    this.#full = this.taken.length >= this.#limit;
    return !this.#full;
  }
}
