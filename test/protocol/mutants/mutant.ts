/**
 * The code with one sentence of the protocol taken out. The files stay as they are: a worker loads one of them with a
 * text replaced (worker.ts). Each must be caught by one of the worlds that are about it.
 */
export interface Change {
  /** Below `lambdas/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly changes: readonly Change[];
  /** Worlds in which it is looked for, by the beginnings of their names. */
  readonly worlds: readonly string[];
  /**
   * The other guard, which suffices without this one. Such a mutant has to live in all of its worlds, each of them seen to
   * the end, and what takes out both has to die.
   */
  readonly guardedBy?: { readonly what: string; readonly pair: string };
}
