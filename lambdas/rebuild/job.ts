/** What one slice of one unit of a rebuild works with. */
import type { IndexContext } from '../index/context.ts';
import type { ReindexReporter } from '../index/reindex-report.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Value } from '../store/table.ts';
import type { Rebuild } from './state.ts';
import type { WorkFiles } from './work-files.ts';

export interface Job {
  readonly context: IndexContext;
  readonly rebuild: Rebuild;
  readonly files: WorkFiles;
  /** The bucket of this name, where an inventory is. */
  readonly storeOf: (bucket: string) => ObjectStore;
  readonly reporter: ReindexReporter;
  /** The unit's name within its phase. */
  readonly unit: string;
  /**
   * Names this slice, for the files that it leaves, as nobody else does: one that was cut short, or did not count, may have
   * left some of the same content, which changes nothing.
   */
  readonly slice: string;
  /** Where the slice before has stopped. */
  readonly cursor: Value | undefined;
  /** Time is up: what was begun is finished, and nothing begun. */
  readonly isOver: () => boolean;
}

/** @returns where to go on; undefined when all is done. */
export type Work = (job: Job) => Promise<Value | undefined>;

/**
 * Takes steps until they or the time are at an end; at least one, so that however little time there is, it comes to an end.
 *
 * @returns the last step's cursor if there was no time for more, undefined if there was nothing more.
 */
export async function takeSteps(
  steps: AsyncIterable<{ readonly cursor: Value; readonly take: () => Promise<void> }>,
  isOver: () => boolean,
): Promise<Value | undefined> {
  let last: Value | undefined;
  for await (const { cursor, take } of steps) {
    if (last !== undefined && isOver()) return last;
    await take();
    last = cursor;
  }
  return undefined;
}
