import type { ObjectHead, ObjectVersion } from '../lambdas/store/object-store.ts';
import { compareUtf8 } from '../lambdas/store/order.ts';
import { SortedList } from '../lambdas/store/sorted-list.ts';
import {
  listedVersions,
  type Versioning,
  type VersionStack,
  visible,
} from '../lambdas/store/version-stack.ts';
import { merged } from './merged.ts';

/** What is in a bucket from the start. It is asked for each time, so that it need not be held in memory. */
export interface StacksBase {
  /** The one version of the key, or none. */
  get(key: string): VersionStack;
  /** Keys in order, from `key` on; with `exclusive`, from behind it. */
  from(key: string, exclusive: boolean): Iterable<string>;
}

const NOTHING: StacksBase = { get: () => [], from: () => [] };

/** The versions of every key of a bucket in memory, and which keys a listing shows. */
export class MemoryStacks {
  readonly #mode: Versioning;
  readonly #base: StacksBase;
  readonly #stacks = new Map<string, VersionStack>();
  readonly #shown = new SortedList<string, string>((key) => key, compareUtf8);
  /** The keys whose versions are all under a marker. */
  readonly #hidden = new SortedList<string, string>((key) => key, compareUtf8);

  /** @param base what is there until it is written. @default nothing */
  constructor(mode: Versioning, base: StacksBase = NOTHING) {
    this.#mode = mode;
    this.#base = base;
  }

  get(key: string): VersionStack {
    return this.#stacks.get(key) ?? this.#base.get(key);
  }

  set(key: string, stack: VersionStack): void {
    if (stack.length === 0 && this.#base.get(key).length === 0) this.#stacks.delete(key);
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
  from(key: string, exclusive: boolean): Iterator<string> {
    const own = this.#shown.from(key, exclusive);
    return this.#base === NOTHING ? own : merged(own, this.#untouched(key, exclusive));
  }

  /** All versions of the keys under a prefix. */
  under(prefix: string): ObjectVersion[] {
    const found: ObjectVersion[] = [];
    const untouched = this.#untouched(prefix, false);
    for (const keys of [this.#shown.from(prefix), this.#hidden.from(prefix), untouched]) {
      for (const key of keys) {
        if (!key.startsWith(prefix)) break;
        found.push(...listedVersions(key, this.get(key)));
      }
    }
    return found;
  }

  /** Keys of the base that have not been written since. */
  *#untouched(key: string, exclusive: boolean): Generator<string> {
    for (const one of this.#base.from(key, exclusive)) if (!this.#stacks.has(one)) yield one;
  }
}
