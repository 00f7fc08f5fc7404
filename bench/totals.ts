/** The sums over the phases of a scenario, and what they come to for each thing the work was about. */
import type { BenchResult } from './bench.ts';
import type { Phase, Requests } from './phases.ts';

export interface Totals {
  /** By the model, and of the process itself. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly dynamodb: number;
  readonly s3: number;
  readonly s3Deletes: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly dollars: number;
  readonly throttled: number;
  /** Bytes. */
  readonly peakRss: number;
}

/** A prune leaves the table in line: the rebuild that shows it is no part of what the prune takes. */
const SHOWS = 'rebuild';

export const measuredPhases = ({ phases }: Pick<BenchResult, 'phases'>): Phase[] =>
  phases.filter(({ name }) => name !== SHOWS);

export function totalsOf(result: Pick<BenchResult, 'phases'>): Totals {
  const phases = measuredPhases(result);
  const sum = (of: (phase: Phase) => number): number => phases.reduce((all, phase) => all + of(phase), 0);
  return {
    seconds: sum(({ seconds }) => seconds),
    cpuSeconds: sum(({ usage }) => usage.cpuSeconds),
    dynamodb: sum(({ dynamodb }) => total(dynamodb)),
    s3: sum(({ s3 }) => total(s3)),
    s3Deletes: sum(({ s3 }) => (s3['DeleteObject'] ?? 0) + (s3['DeleteObjects'] ?? 0)),
    readUnits: sum(({ units }) => units.read),
    writeUnits: sum(({ units }) => units.write),
    dollars: sum(({ dollars }) => dollars),
    throttled: sum(({ throttled }) => throttled),
    peakRss: Math.max(...phases.map(({ usage }) => usage.peakRss)),
  };
}

export const total = (requests: Requests): number =>
  Object.values(requests).reduce((sum, number) => sum + number, 0);
