/**
 * In which order what is due is worked off. One process does all of it in a row; where many share it they wait for each
 * other between phases, so that what they come to is what one comes to.
 */
import { cascades, type Run } from './run.ts';

/**
 * `all`: everything, of one process. Of many: `manifests` that are due, `again` while that sets others free that are due at
 * once, `blobs` after the last of them; `walk`: every manifest, where the run asks for tagged ones. `rest`: what a worker has
 * left that died in a walk.
 */
export type Phase = 'all' | SharedPhase;
export type SharedPhase = 'manifests' | 'again' | 'blobs' | 'walk' | 'rest';

/** What is done in a phase, one after the other. */
export type Step = 'manifests' | 'walk' | 'blobs' | 'multipart';

/** What decides on the order. */
export interface Order {
  /** What the run sets free is its own work. */
  readonly cascades: boolean;
  /** The run asks for manifests that nothing has queued. */
  readonly walks: boolean;
}

/** A plan names what it is about, and a run that is refused only resolves. */
export const orderOf = ({ policy, request, limit }: Pick<Run, 'policy' | 'request' | 'limit'>): Order => ({
  cascades: cascades(policy),
  walks: !request.filters.dangling && limit === undefined && !policy.resolveOnly,
});

/** The steps of a phase. */
export function stepsOf(order: Order, phase: Phase): readonly Step[] {
  const walk: readonly Step[] = order.walks ? ['walk', 'manifests'] : [];
  switch (phase) {
    case 'manifests':
      return order.cascades ? ['manifests', ...walk] : ['manifests'];
    case 'again':
    case 'rest':
      return ['manifests'];
    case 'blobs':
      return ['blobs', 'multipart'];
    case 'walk':
      return walk;
    case 'all':
      // What is due comes first, so that a walk longer than the time there is does not keep it waiting for ever.
      return order.cascades
        ? ['manifests', ...walk, 'blobs', 'multipart']
        : ['manifests', 'blobs', ...walk, 'multipart'];
  }
}

/** Of a distributed run. */
export const FIRST_PHASE: SharedPhase = 'manifests';

/**
 * What comes after a phase that all workers are through with.
 *
 * @param progress whether any of them has changed something.
 * @returns undefined at the end.
 */
export function phaseAfter(order: Order, phase: SharedPhase, progress: boolean): SharedPhase | undefined {
  if (phase === 'manifests' || phase === 'again') return order.cascades && progress ? 'again' : 'blobs';
  return phase === 'blobs' && order.walks && !order.cascades ? 'walk' : undefined;
}

/** Once more what a phase was about, for what is left of it. @param isThrough whether all workers came to its end. */
export function phaseOnceMore(order: Order, phase: SharedPhase, isThrough: boolean): SharedPhase {
  if (!isThrough) return phase;
  if (phase === 'walk') return 'rest';
  return phase === 'manifests' && order.cascades ? 'again' : phase;
}
