/** Counts that all workers of a run share. */
export interface Counters {
  /**
   * Adds to a count that begins at 0.
   *
   * @param count a whole number; below 0 gives back.
   * @returns the new total, which may have others' additions of the same moment in it.
   */
  add(name: string, count: number): Promise<number>;
  /** Whether other processes count with it. */
  readonly shared: boolean;
}

/** Those of a run of one process. */
export function ownCounters(): Counters {
  const totals = new Map<string, number>();
  return {
    shared: false,
    add: async (name, count) => {
      const total = (totals.get(name) ?? 0) + count;
      totals.set(name, total);
      return total;
    },
  };
}
