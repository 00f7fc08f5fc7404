/** Plots of the results, as SVG. */
import type { BenchResult } from './bench.ts';

export interface Plot {
  readonly name: string;
  readonly svg: string;
}

export function plots(_results: readonly BenchResult[]): Plot[] {
  return [];
}
