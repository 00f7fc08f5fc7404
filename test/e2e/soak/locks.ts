/**
 * Keeps apart what would leave nobody able to say what is owed: two pushes to one tag, or the deletion of a manifest
 * beside a push of it. Whoever cannot have what it wants takes up something else.
 */
export class Locks {
  /** Holders of a name; -1 for one that shares it with nobody. */
  readonly #held = new Map<string, number>();

  /** @returns how to give all of them back, or undefined when one cannot be had. */
  take(names: {
    readonly alone: readonly string[];
    readonly shared?: readonly string[];
  }): (() => void) | undefined {
    const alone = new Set(names.alone);
    const shared = new Set(names.shared).difference(alone);
    for (const name of alone) if (this.#held.has(name)) return undefined;
    for (const name of shared) if (this.#held.get(name) === -1) return undefined;
    for (const name of alone) this.#held.set(name, -1);
    for (const name of shared) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return () => {
      for (const name of alone) this.#held.delete(name);
      for (const name of shared) {
        const left = (this.#held.get(name) ?? 1) - 1;
        if (left > 0) this.#held.set(name, left);
        else this.#held.delete(name);
      }
    };
  }
}
