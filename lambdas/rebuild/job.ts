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

export interface Step {
  /** Where the next slice goes on, should there be no time for another step. */
  readonly cursor: Value;
  readonly take: () => Promise<void>;
}

/**
 * Takes steps until they or the time are at an end; at least one, so that however little time there is, it comes to an end.
 *
 * @param steps each made when there is time for it; `undefined` while one is made for long, so that time can end it.
 * @returns the last step's cursor if there was no time for more, undefined if there was nothing more.
 */
export async function takeSteps(
  steps: AsyncIterable<Step | undefined>,
  isOver: () => boolean,
): Promise<Value | undefined> {
  let last: Value | undefined;
  for await (const step of steps) {
    await step?.take();
    last = step?.cursor ?? last;
    if (last !== undefined && isOver()) return last;
  }
  return undefined;
}
