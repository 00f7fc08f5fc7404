/** A rebuild in units, done by one process, as a state machine does it by many (infra/rebuilder.ts). */
import pMap from 'p-map';
import type { Next, RebuildContext } from './next.ts';
import { next } from './next.ts';
import type { RebuildRequest } from './request.ts';
import { type Sliced, type SliceOptions, workSlice } from './slice.ts';

export interface RunOptions extends Pick<SliceOptions, 'onHealed'> {
  /** Units done at the same time. @default 8 */
  readonly concurrency?: number;
  readonly onProgress?: (progress: { readonly phase: string; readonly done: number }) => void;
}

/**
 * How often what was done is put down (milliseconds): what a process that is ended loses of each unit. Nothing else ends a
 * slice here, and each reads names, claims, an inventory's file and the tags of its repository anew.
 */
const SLICE = 3_600_000;

/**
 * Begins a rebuild, or goes on with the one that was cut short, to its end.
 *
 * @throws InventoryError when the inventory cannot be used.
 * @throws what S3 and DynamoDB throw; the next call goes on from there.
 */
export async function runRebuild(
  on: RebuildContext,
  request: RebuildRequest,
  { concurrency = 8, onHealed, onProgress }: RunOptions = {},
): Promise<Extract<Next, { finished: true }>> {
  const healed = onHealed === undefined ? {} : { onHealed };
  let step = await next(on, request);
  while (!step.finished) {
    const { id, phase, units } = step;
    let done = 0;
    await pMap(
      units,
      async (unit) => {
        let sliced: Sliced;
        do {
          const until = on.context.now() + SLICE;
          sliced = await workSlice(on, { id, phase, unit }, { until, ...healed });
        } while (!sliced.done);
        onProgress?.({ phase, done: ++done });
      },
      { concurrency },
    );
    step = await next(on, { id });
  }
  return step;
}
