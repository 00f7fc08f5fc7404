/** What both kinds of kills count and compare. */
import type { CliResult } from '../../e2e/support/cli.ts';
import type { Ended } from './execution.ts';

/** Of a command that was left alone. */
export const asResult = ({ code = -1, stdout, stderr }: Ended): CliResult => ({ code, stdout, stderr });

export const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

export function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** @returns undefined where it is as it is due. */
export function difference(what: string, is: unknown, due: unknown): string | undefined {
  const [found, wanted] = [JSON.stringify(is), JSON.stringify(due)];
  return found === wanted ? undefined : `${what}: ${found}, not ${wanted}`;
}
