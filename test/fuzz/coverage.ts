/** Which blocks of the product an input has run, and how often, by V8's own counters. */
import { type Profiler, Session } from 'node:inspector';

/**
 * Tells blocks apart by where they begin and end, and counts by their magnitude: a loop gone through twice is new. What
 * was compiled before it is made has no counters for its blocks.
 */
export class Coverage {
  /** Blocks times magnitudes, none at all included, that any input has come to. */
  readonly seen = new Set<string>();
  /** Blocks that any input has run. */
  readonly blocks = new Set<string>();
  /** Blocks by function. V8 tells only of those that were run more or less often than what they are in. */
  readonly #known = new Map<string, Map<string, Profiler.CoverageRange>>();
  readonly #session = new Session();
  readonly #covers: (url: string) => boolean;

  /** @param covers whether a script counts, by its URL. */
  constructor(covers: (url: string) => boolean) {
    this.#covers = covers;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what was run since the last time. @returns how much of it was as never before. */
  take(): number {
    const before = this.seen.size;
    for (const { url, functions } of this.#counted()) {
      if (!this.#covers(url)) continue;
      for (const { ranges } of functions) this.#add(url, ranges);
    }
    return this.seen.size - before;
  }

  /** Whatever is run from here on is new. */
  forget(): void {
    this.take();
    this.seen.clear();
    this.blocks.clear();
  }

  /** @param ranges of one function, each after the one that it is in. */
  #add(url: string, ranges: readonly Profiler.CoverageRange[]): void {
    const [whole] = ranges;
    if (whole === undefined) return;
    const name = `${url}:${nameOf(whole)}`;
    const known = this.#known.get(name) ?? new Map<string, Profiler.CoverageRange>();
    this.#known.set(name, known);
    for (const range of ranges) known.set(nameOf(range), range);
    if (whole.count === 0) return;
    for (const [block, { startOffset, endOffset }] of known) {
      const inside = ranges.findLast((one) => one.startOffset <= startOffset && one.endOffset >= endOffset);
      const count = inside?.count ?? 0;
      if (count > 0) this.blocks.add(`${name}:${block}`);
      this.seen.add(`${name}:${block}:${Math.min(8, Math.ceil(Math.log2(count + 1)))}`);
    }
  }

  /** The session answers before it returns. */
  #counted(): readonly Profiler.ScriptCoverage[] {
    let counted: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      counted = result;
    });
    return counted;
  }
}

const nameOf = ({ startOffset, endOffset }: Profiler.CoverageRange): string => `${startOffset}-${endOffset}`;
