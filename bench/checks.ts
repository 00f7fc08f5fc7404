/** Whether the phases did what they must; a fast wrong answer is no result. */
import type { ReindexReport } from '../lambdas/index/reindex-report.ts';
import type { Report } from '../lambdas/prune/report.ts';
import type { Phase } from './phases.ts';
import type { Inspection, RegistryFacts } from './registry.ts';

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
    this.#same('reindex, first: repositories', found.repositories, repositories);
    this.#same('reindex, first: manifests', found.manifests, manifests);
    this.#same('reindex, first: manifests added', added.manifests, manifests);
    this.#same('reindex, first: blobs', found.blobs, blobs);
    this.#same('reindex, first: removed', sum(Object.values(removed)), 0);
    const strange = lost.length + unreadable.length + postponed + unrecognised;
    this.#same('reindex, first: lost, unreadable, postponed or unrecognised', strange, 0);
  }

  /** A later rebuild has found nothing to repair. */
  inLine(phase: string, { added, removed, lost }: ReindexReport): void {
    this.#same(`${phase}: added`, sum(Object.values(added)), 0);
    this.#same(`${phase}: removed`, sum(Object.values(removed)), 0);
    this.#same(`${phase}: lost`, lost.length, 0);
  }

  /** Nothing has changed in the bucket. */
  untouched(phase: string, { objects, bytes, missing }: Inspection): void {
    this.#same(`${phase}: objects`, objects, this.#registry.objects);
    this.#same(`${phase}: bytes`, bytes, this.#registry.bytes);
    this.#same(`${phase}: live keys missing`, missing, 0);
  }

  /** The dry run has said what the run then did. */
  rehearsed(rehearsal: Report, run: Report | undefined): void {
    this.#same('dry run: status', rehearsal.status, 'completed');
    this.#same('dry run: space reclaimed', rehearsal.spaceReclaimed, run?.spaceReclaimed);
    this.#same('dry run: blobs deleted', rehearsal.blobs.deleted, run?.blobs.deleted);
    // Online, which of its children go together with an index depends on which of them is looked at first.
    if (rehearsal.mode === 'online') return;
    this.#same('dry run: manifests deleted', rehearsal.manifests.deleted, run?.manifests.deleted);
    this.#same('dry run: links deleted', rehearsal.links.deleted, run?.links.deleted);
  }

  /** All garbage is gone, nothing else is, what is said to be reclaimed is what has left, and then it is quiet. */
  pruned(runs: readonly Report[], { bytes, missing, surplus, examples }: Inspection): void {
    const { garbageManifests, garbageBlobs, garbageBytes } = this.#registry;
    const shown = examples.length === 0 ? '' : ` (${examples.join(', ')})`;
    this.#same(`prune: live keys missing${shown}`, missing, 0);
    this.#same(`prune: garbage left${shown}`, surplus, 0);
    for (const [at, { status }] of runs.entries()) this.#same(`prune ${at + 1}: status`, status, 'completed');
    const manifests = sum(runs.map((run) => run.manifests.deleted));
    const blobs = sum(runs.map((run) => run.blobs.deleted));
    const reclaimed = sum(runs.map((run) => run.spaceReclaimed));
    this.#same('prune: manifests deleted', manifests, garbageManifests);
    this.#same('prune: blobs deleted', blobs, garbageBlobs);
    this.#same('prune: space reclaimed', reclaimed, this.#registry.bytes - bytes);
    this.#same('prune: bytes that left', this.#registry.bytes - bytes, garbageBytes);
    this.#same(`prune ${runs.length}: quiet`, isQuiet(runs.at(-1)), true);
    // Offline, one run does it all.
    if (runs[0]?.mode === 'offline') this.#same('prune: runs with the quiet one', runs.length <= 2, true);
  }

  /** @param max bytes resident at most, as the kernel kept it. @param phases with what was seen in each. */
  within(limitMib: number, max: number, phases: readonly Pick<Phase, 'name' | 'usage'>[]): void {
    if (max <= limitMib * MIB) return;
    const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
    const over = phases.filter(({ usage }) => usage.peakRss > limitMib * MIB);
    const where = over.map(({ name, usage }) => `${name}: ${mib(usage.peakRss)}`).join(', ');
    this.failures.push(`memory: ${mib(max)} MiB were resident (${where}); allowed are ${limitMib} MiB`);
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
