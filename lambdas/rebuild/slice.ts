/** One slice of one unit: from where the slice before has stopped, until it is done or time is up. */
import type { Healed } from '../index/blob-events.ts';
import { ReindexReporter } from '../index/reindex-report.ts';
import type { RestoredBlob } from '../store/hold.ts';
import { reindexBlobs } from './blobs.ts';
import { InvalidRebuildError, RebuildSupersededError } from './errors.ts';
import { divideInventory } from './inventory.ts';
import type { Work } from './job.ts';
import { divideNames } from './names.ts';
import { assertNotTooOld, filesOf, known, NAMES_UNIT, type RebuildContext } from './next.ts';
import { type PartialReport, toPartial } from './report.ts';
import { reindexRepositories } from './repositories.ts';
import type { SliceRequest } from './request.ts';
import { divideClaims, divideItems } from './scan.ts';
import { type Phase, RebuildState } from './state.ts';
import { verify } from './verification.ts';

export interface SliceOptions {
  /** Milliseconds since the epoch: when nothing more is begun. */
  readonly until: number;
  /** Told of what was needed after it had been deleted; the slice counts once this returns. */
  readonly onHealed?: (healed: Healed) => Promise<void>;
  /** Told of what the slice has found. */
  readonly onReport?: (report: PartialReport) => void;
}

export interface Sliced extends SliceRequest {
  /** The unit is done; else there is more of it. */
  readonly done: boolean;
}

const WORK: Readonly<Record<Exclude<Phase, 'survey' | 'done'>, Work>> = {
  repositories: reindexRepositories,
  blobs: reindexBlobs,
  items: divideItems,
  verification: verify,
};

/**
 * Does a slice. What a slice has done counts when it ends; one that is ended from outside is done again, and comes to the
 * same.
 *
 * @throws RebuildSupersededError when another rebuild was begun meanwhile.
 * @throws RebuildTooOldError when it was begun too long ago to be gone on with.
 * @throws what S3 and DynamoDB throw.
 */
export async function workSlice(
  on: RebuildContext,
  { id, phase, unit }: SliceRequest,
  { until, onHealed, onReport }: SliceOptions,
): Promise<Sliced> {
  const { context } = on;
  const state = new RebuildState(context.metadata.table, context.now);
  const rebuild = await known(state, id);
  const place = { rebuild, phase, unit };
  const before = await state.unit(place);
  if (before.done) return { id, phase, unit, done: true };
  if (rebuild.phase !== phase) {
    throw new RebuildSupersededError(`rebuild ${id} is at ${rebuild.phase}, and ${phase} is over`);
  }
  assertNotTooOld(rebuild, context.now());
  await filesOf(on, rebuild).assertThere();
  const reporter = new ReindexReporter();
  const startedAt = context.now();
  const cursor = await workOf(
    phase,
    unit,
  )({
    context: { ...context, onRestored: (blob: RestoredBlob) => reporter.restored.push(blob) },
    ...{ rebuild, reporter, unit, cursor: before.cursor, storeOf: on.storeOf },
    files: filesOf(on, rebuild),
    slice: `${unit}-${String(before.version).padStart(6, '0')}-${on.newId()}`,
    isOver: () => context.now() >= until,
  });
  await onHealed?.({ restored: reporter.restored, lost: [...reporter.lost] });
  const report = toPartial(reporter.report(context.now() - startedAt));
  onReport?.(report);
  const isSaved = await state.save(place, before, { cursor, report });
  return { id, phase, unit, done: isSaved ? cursor === undefined : (await state.unit(place)).done };
}

function workOf(phase: Phase, unit: string): Work {
  if (phase === 'done') throw new InvalidRebuildError('phase: got done, allowed are those that have units');
  if (phase !== 'survey') return WORK[phase];
  if (unit === NAMES_UNIT) return divideNames;
  return unit.startsWith('inventory-') ? divideInventory : divideClaims;
}
