/** Whether the phases did what they must; a fast wrong answer is no result. */
import type { BatchResult } from '../lambdas/index/batch.ts';
import type { ReindexReport } from '../lambdas/index/reindex-report.ts';
import type { Report } from '../lambdas/prune/report.ts';
import type { Phase } from './phases.ts';
import type { Inspection, RegistryFacts } from './registry/facts.ts';

export const MIB = 1024 * 1024;

export class Checks {
  readonly failures: string[] = [];
  readonly #registry: RegistryFacts;

  constructor(registry: RegistryFacts) {
    this.#registry = registry;
  }

  /** The first rebuild has found what was generated. */
  indexed({ found, added, removed, lost, unreadable, postponed, unrecognised }: ReindexReport): void {
    const { repositories, manifests, blobs } = this.#registry;
    this.#same('first: repositories', found.repositories, repositories);
    this.#same('first: manifests', found.manifests, manifests);
    this.#same('first: manifests added', added.manifests, manifests);
    this.#same('first: blobs', found.blobs, blobs);
    this.#same('first: removed', sum(Object.values(removed)), 0);
    const strange = lost.length + unreadable.length + postponed + unrecognised;
    this.#same('first: lost, unreadable, postponed or unrecognised', strange, 0);
  }

  /** A later rebuild has found nothing to repair. */
  inLine(phase: string, { added, removed, lost }: ReindexReport): void {
    this.#same(`${phase}: added`, sum(Object.values(added)), 0);
    this.#same(`${phase}: removed`, sum(Object.values(removed)), 0);
    this.#same(`${phase}: lost`, lost.length, 0);
  }

  /** All events have been applied. */
  applied(results: readonly BatchResult[], keys: readonly string[]): void {
    this.#same('events: failed', sum(results.map(({ failed }) => failed.length)), 0);
    this.#same('events: postponed', sum(results.map(({ postponed }) => postponed.length)), 0);
    this.#same('events: lost', sum(results.map(({ lost }) => lost.length)), 0);
    this.#same('events: applied', sum(results.map(({ applied }) => applied)), keys.length);
  }

  /** A dry run asks and writes nothing. */
  untouched(phases: readonly Phase[]): void {
    for (const { name, dynamodb, s3 } of phases) {
      const changes = [...Object.keys(dynamodb), ...Object.keys(s3)].filter((operation) =>
        /^(?:Put|Update|Delete|BatchWrite|Abort)/.test(operation),
      );
      this.#same(`${name}: writes`, changes.join(', '), '');
    }
  }

  /**
   * A dry run by itself has foreseen the manifests that are due: whatever nothing holds. What these hold rests first.
   *
   * @param allQueued what they hold is due as well, after a rebuild: whether it goes with them depends on which is come to
   *   first.
   */
  foreseen({ status, manifests }: Report, allQueued: boolean): void {
    const { garbageReleases, garbageManifests } = this.#registry;
    this.#same('dry run: status', status, 'completed');
    const most = allQueued ? garbageManifests : garbageReleases;
    this.#between('dry run: manifests', manifests.deleted, garbageReleases, most);
  }

  /** Some worker has died. */
  killed(deaths: number): void {
    this.#same('any worker has died', deaths > 0, this.#registry.garbageManifests > 0);
  }

  /** An offline dry run has said what the run then did. */
  rehearsed(rehearsal: Report, run: Report | undefined): void {
    this.#same('dry run: status', rehearsal.status, 'completed');
    this.#same('dry run: space reclaimed', rehearsal.spaceReclaimed, run?.spaceReclaimed);
    this.#same('dry run: blobs deleted', rehearsal.blobs.deleted, run?.blobs.deleted);
    this.#same('dry run: manifests deleted', rehearsal.manifests.deleted, run?.manifests.deleted);
    this.#same('dry run: links deleted', rehearsal.links.deleted, run?.links.deleted);
  }

  /** All garbage is gone, nothing else is, and what is said to be reclaimed is what has left. */
  pruned(
    runs: readonly Report[],
    { bytes, missing, surplus, examples }: Inspection,
    expected: { readonly manifests: number },
  ): void {
    const { garbageBlobs, garbageBytes } = this.#registry;
    const shown = examples.length === 0 ? '' : ` (${examples.join(', ')})`;
    this.#same(`live keys missing${shown}`, missing, 0);
    this.#same(`garbage left${shown}`, surplus, 0);
    for (const [at, { status }] of runs.entries()) this.#same(`run ${at + 1}: status`, status, 'completed');
    this.#same('manifests deleted', sum(runs.map((run) => run.manifests.deleted)), expected.manifests);
    this.#same('blobs deleted', sum(runs.map((run) => run.blobs.deleted)), garbageBlobs);
    const reclaimed = sum(runs.map((run) => run.spaceReclaimed));
    this.#same('space reclaimed', reclaimed, this.#registry.bytes - bytes);
    this.#same('bytes that left', this.#registry.bytes - bytes, garbageBytes);
  }

  /** The last run has found nothing to do; offline, one run does it all. */
  quiet(runs: readonly Report[]): void {
    this.#same(`run ${runs.length}: quiet`, isQuiet(runs.at(-1)), true);
    if (runs[0]?.mode === 'offline') this.#same('runs with the quiet one', runs.length <= 2, true);
  }

  /** @param max bytes resident at most, as the kernel kept it. @param phases with what was seen in each. */
  within(limitMib: number, max: number, phases: readonly Pick<Phase, 'name' | 'usage'>[]): void {
    if (max <= limitMib * MIB) return;
    const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
    const over = phases.filter(({ usage }) => usage.peakRss > limitMib * MIB);
    const where = over.map(({ name, usage }) => `${name}: ${mib(usage.peakRss)}`).join(', ');
    this.failures.push(`memory: ${mib(max)} MiB were resident (${where}); allowed are ${limitMib} MiB`);
  }

  #between(what: string, got: number, least: number, most: number): void {
    if (got < least || got > most) this.failures.push(`${what}: got ${got}, expected ${least} to ${most}`);
  }

  #same<T>(what: string, got: T, expected: T): void {
    if (got !== expected) this.failures.push(`${what}: got ${got}, expected ${expected}`);
  }
}

/** Whether a run has found nothing to do. */
export function isQuiet(report: Report | undefined): boolean {
  if (report === undefined) return false;
  const { manifests, blobs, links, spaceReclaimed } = report;
  return manifests.deleted + blobs.deleted + blobs.condemned + links.deleted + spaceReclaimed === 0;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
