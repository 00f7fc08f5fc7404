/** What the slices of a rebuild have found, added up. */
import type { Counts, ReindexReport, Unreadable } from '../index/reindex-report.ts';
import type { Digest } from '../registry/digest.ts';

/** Of each list, what an item has room for; the counts are of all. */
const LISTED = 50;

export interface PartialReport {
  readonly found: Counts;
  readonly added: Counts;
  readonly removed: Counts;
  readonly postponed: number;
  readonly unrecognised: number;
  readonly unreadable: Listed<Unreadable>;
  readonly lost: Listed<Digest>;
  readonly restored: Listed<Digest>;
}

/** The first of a list, and how many there are in all. */
export interface Listed<T> {
  readonly count: number;
  readonly first: readonly T[];
}

const KINDS = ['repositories', 'manifests', 'tags', 'links', 'blobs', 'uploads', 'edges'] as const;

const sum = (a: Counts | undefined, b: Counts | undefined): Counts =>
  Object.fromEntries(KINDS.map((kind) => [kind, (a?.[kind] ?? 0) + (b?.[kind] ?? 0)])) as Counts;

const both = <T>(a: Listed<T> | undefined, b: Listed<T> | undefined): Listed<T> => ({
  count: (a?.count ?? 0) + (b?.count ?? 0),
  first: [...(a?.first ?? []), ...(b?.first ?? [])].slice(0, LISTED),
});

const listed = <T>(all: readonly T[]): Listed<T> => ({ count: all.length, first: all.slice(0, LISTED) });

/** The sum of two, either of which may be nothing yet. */
export function addReport(a: PartialReport | undefined, b: PartialReport | undefined): PartialReport {
  return {
    found: sum(a?.found, b?.found),
    added: sum(a?.added, b?.added),
    removed: sum(a?.removed, b?.removed),
    postponed: (a?.postponed ?? 0) + (b?.postponed ?? 0),
    unrecognised: (a?.unrecognised ?? 0) + (b?.unrecognised ?? 0),
    unreadable: both(a?.unreadable, b?.unreadable),
    lost: both(a?.lost, b?.lost),
    restored: both(a?.restored, b?.restored),
  };
}

/** Of one slice. */
export function toPartial(report: ReindexReport): PartialReport {
  const { durationMs: _, unreadable, lost, restored, ...counts } = report;
  return { ...counts, unreadable: listed(unreadable), lost: listed(lost), restored: listed(restored) };
}

/** As a rebuild at one go reports, but of what is listed the first alone. */
export function toReport(report: PartialReport, durationMs: number): ReindexReport {
  const { unreadable, lost, restored, ...counts } = report;
  return {
    ...{ ...counts, durationMs },
    unreadable: unreadable.first,
    lost: lost.first,
    restored: restored.first,
  };
}
