import type { ObjectHead, ObjectVersion } from '../lambdas/store/object-store.ts';
import { compareUtf8 } from '../lambdas/store/order.ts';
import { SortedList } from '../lambdas/store/sorted-list.ts';
import {
  listedVersions,
  type Versioning,
  type VersionStack,
  visible,
} from '../lambdas/store/version-stack.ts';

/** The versions of every key of a bucket in memory, and which keys a listing shows. */
export class MemoryStacks {
  readonly #mode: Versioning;
  readonly #stacks = new Map<string, VersionStack>();
  readonly #shown = new SortedList<string, string>((key) => key, compareUtf8);
  /** The keys whose versions are all under a marker. */
  readonly #hidden = new SortedList<string, string>((key) => key, compareUtf8);

  constructor(mode: Versioning) {
    this.#mode = mode;
  }

  get(key: string): VersionStack {
    return this.#stacks.get(key) ?? [];
  }

  set(key: string, stack: VersionStack): void {
    if (stack.length === 0) this.#stacks.delete(key);
    else this.#stacks.set(key, stack);
    const isShown = this.visible(key) !== undefined;
    if (isShown) this.#shown.set(key);
    else this.#shown.delete(key);
    if (!isShown && stack.length > 0) this.#hidden.set(key);
    else this.#hidden.delete(key);
  }

  visible(key: string): ObjectHead | undefined {
    return visible(key, this.get(key), this.#mode);
  }

  /** Keys that a listing shows, in order. */
  from(key: string, exclusive: boolean): Generator<string> {
    return this.#shown.from(key, exclusive);
  }

  /** All versions of the keys under a prefix. */
  under(prefix: string): ObjectVersion[] {
    const found: ObjectVersion[] = [];
    for (const keys of [this.#shown, this.#hidden]) {
      for (const key of keys.from(prefix)) {
        if (!key.startsWith(prefix)) break;
        found.push(...listedVersions(key, this.get(key)));
      }
    }
    return found;
  }
}
