/** A schedule to be read: a line for each step, and what is wrong in the end. */
import type { Violation } from './explore.ts';

export function printed({ steps, what }: Pick<Violation, 'steps' | 'what'>): string {
  return [
    ...steps.map(({ actor, label }) => `  ${actor}: ${label}`),
    ...what.map((line) => `  ✗ ${line}`),
  ].join('\n');
}
