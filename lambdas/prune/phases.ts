/**
 * In which order what is due is worked off. One process does all of it in a row; where many share it, and what one does
 * makes work for another, they wait for each other between phases.
 */
import { cascades, type Policy, type Run } from './run.ts';

/**
 * `all`: everything, each worker by itself. `manifests`, `again`, `blobs`: of a run whose own work falls due at once. A
 * manifest's deletion sets free others in all shards, so that all workers look `again` until none has anything to do, and
 * blobs come after the last manifest.
 */
export type Phase = 'all' | 'manifests' | 'again' | 'blobs';

/** What is done in a phase, one after the other. */
export type Step = 'manifests' | 'walk' | 'blobs' | 'multipart';

/** The steps of a phase, for a run as it was asked for. */
export function stepsOf(run: Pick<Run, 'policy' | 'request' | 'limit'>, phase: Phase): readonly Step[] {
  const { policy, request, limit } = run;
  // A plan names what it is about.
  const walks = !request.filters.dangling && limit === undefined && !policy.resolveOnly;
  const walk: readonly Step[] = walks ? ['walk', 'manifests'] : [];
  switch (phase) {
    case 'manifests':
      return ['manifests', ...walk];
    case 'again':
      return ['manifests'];
    case 'blobs':
      return ['blobs', 'multipart'];
    case 'all':
      // What is due comes first, so that a walk longer than the time there is does not keep it waiting for ever.
      return cascades(policy)
        ? ['manifests', ...walk, 'blobs', 'multipart']
        : ['manifests', 'blobs', ...walk, 'multipart'];
  }
}

/** The first phase of a distributed run. */
export const firstPhase = (policy: Policy): Phase => (cascades(policy) ? 'manifests' : 'all');

/**
 * What comes after a phase that all workers are through with.
 *
 * @param progress whether any of them has changed something.
 * @returns undefined at the end.
 */
export function phaseAfter(phase: Phase, progress: boolean): Phase | undefined {
  if (phase === 'all' || phase === 'blobs') return undefined;
  return progress ? 'again' : 'blobs';
}
