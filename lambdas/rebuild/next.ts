/**
 * What is to be done next in a rebuild that many do side by side:
 *
 *   survey        the table's claims, the names of repositories, an inventory's files → divided into parts
 *   repositories  each part's are listed; what the table does not claim is applied
 *   blobs         likewise: after all repositories, so that a blob's holders are known before it
 *   items         the table again, divided into parts
 *   verification  what the table says and no listing has shown is looked at
 *
 * It is the rebuild of `index/reindex.ts` in units. Each unit is done in slices; how far it is, is in the table. So
 * whoever asks, after whatever failure, is told the units that are left, and the first that finds none left moves on.
 */
import type { IndexContext } from '../index/context.ts';
import { recordReindex } from '../index/heartbeat.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { blobParts } from './blobs.ts';
import { RebuildSupersededError, RebuildTooOldError } from './errors.ts';
import { assertWhereAllowed, readInventory } from './inventory.ts';
import type { PartialReport } from './report.ts';
import type { RebuildRequest } from './request.ts';
import { segmentUnits } from './scan.ts';
import { LONGEST, PHASES, type Phase, type Rebuild, RebuildState } from './state.ts';
import { WorkFiles } from './work-files.ts';

/** What a rebuild in units works with. */
export interface RebuildContext {
  readonly context: IndexContext;
  /** The registry's. */
  readonly bucketName: string;
  /** Where the units leave what others need: in the registry's bucket, outside its root, ending in a slash. */
  readonly workPrefix: string;
  /** Any bucket in which there is an inventory. */
  readonly storeOf: (bucket: string) => ObjectStore;
  /** Those in which there may be one. @default any that can be read */
  readonly inventoryBuckets?: readonly string[];
  readonly newId: () => string;
}

export type Next =
  | {
      readonly finished: false;
      readonly id: string;
      readonly phase: Phase;
      /** Those that are not done, or the first of them. */
      readonly units: readonly string[];
    }
  | {
      readonly finished: true;
      readonly id: string;
      readonly report: PartialReport;
      /** Since it was begun. */
      readonly durationMs: number;
    };

/**
 * An unfinished rebuild that has made no progress for longer is not gone on with (milliseconds): whoever begins one then
 * means another.
 */
const MAX_REST = 24 * 3_600_000;

/** An inventory may have more files than what a state of the machine may pass on, which is 256 KB, has room for. */
const UNITS_AT_ONCE = 2000;

export const filesOf = ({ context, workPrefix }: RebuildContext, { id }: Pick<Rebuild, 'id'>): WorkFiles =>
  new WorkFiles(context.bucket.objects, `${workPrefix}${id}/`);

export const NAMES_UNIT = 'names';
const inventoryUnit = (at: number): string => `inventory-${at}`;

/**
 * Begins a rebuild, goes on with it, or ends it.
 *
 * @throws RebuildSupersededError when another was begun meanwhile.
 * @throws RebuildTooOldError when it was begun too long ago to be gone on with.
 * @throws InventoryError when its inventory cannot be used.
 */
export async function next(on: RebuildContext, request: RebuildRequest): Promise<Next> {
  const { table } = on.context.metadata;
  const state = new RebuildState(table, on.context.now);
  let rebuild = request.id === undefined ? await begin(on, state, request) : await known(state, request.id);
  for (;;) {
    if (rebuild.phase === 'done') return await finished(on, state, rebuild);
    assertNotTooOld(rebuild, on.context.now());
    await filesOf(on, rebuild).assertThere();
    const units = await unitsOf(on, rebuild);
    const done = await state.done(rebuild, rebuild.phase);
    const left = units.filter((unit) => !done.has(unit));
    if (left.length > 0)
      return { finished: false, id: rebuild.id, phase: rebuild.phase, units: left.slice(0, UNITS_AT_ONCE) };
    const phase: Phase = PHASES[PHASES.indexOf(rebuild.phase) + 1] ?? 'done';
    // Before it is called done: should this be cut short, it is recorded once more, which changes nothing.
    if (phase === 'done') await recordReindex(on.context, rebuild.since);
    await state.put({ ...rebuild, phase }, rebuild);
    rebuild = await known(state, rebuild.id);
  }
}

/** @throws RebuildSupersededError */
export async function known(state: RebuildState, id: string): Promise<Rebuild> {
  const rebuild = await state.current();
  if (rebuild?.id === id) return rebuild;
  throw new RebuildSupersededError(`rebuild ${id} has given way to ${rebuild?.id ?? 'none'}`);
}

/** @throws RebuildTooOldError */
export function assertNotTooOld({ id, startedAt }: Rebuild, now: number): void {
  if (now - startedAt < LONGEST) return;
  const days = LONGEST / (24 * 3_600_000);
  throw new RebuildTooOldError(
    `rebuild ${id} was begun at ${new Date(startedAt).toISOString()}, and may take ${days} days: begin another, which ` +
      'takes over what the table has by now',
  );
}

async function begin(
  on: RebuildContext,
  state: RebuildState,
  { inventory, restart = false }: RebuildRequest,
): Promise<Rebuild> {
  if (inventory !== undefined) assertWhereAllowed(inventory, on.inventoryBuckets);
  const now = on.context.now();
  const before = await state.current();
  const isWorthIt =
    before !== undefined &&
    before.phase !== 'done' &&
    before.location === inventory &&
    now - before.startedAt < LONGEST &&
    now - (await state.progressedAt(before)) < MAX_REST;
  if (isWorthIt && !restart) return before;
  const manifest =
    inventory === undefined ? undefined : await readInventory(on.storeOf, inventory, on.bucketName);
  const id = on.newId();
  const rebuild = {
    ...{ id, startedAt: now, phase: PHASES[0], bucket: on.bucketName },
    ...(inventory === undefined ? {} : { location: inventory }),
    inventoryFiles: manifest?.files.length ?? 0,
    since: Math.min(now, manifest?.createdAt ?? now),
  };
  await filesOf(on, rebuild).begin();
  if (await state.put(rebuild, before)) {
    // Not before: whoever is at work on it would take what is gone for what never was.
    if (before !== undefined) await filesOf(on, before).clear();
    return await known(state, id);
  }
  const theirs = await state.current();
  if (restart)
    throw new RebuildSupersededError(
      `rebuild ${theirs?.id ?? 'none'} went on in the same moment: restart again`,
    );
  // Where somebody else begins in the same moment, theirs is gone on with.
  return await known(state, theirs?.id ?? id);
}

async function unitsOf(on: RebuildContext, rebuild: Rebuild): Promise<readonly string[]> {
  const files = filesOf(on, rebuild);
  switch (rebuild.phase) {
    case 'survey': {
      const inventory = Array.from({ length: rebuild.inventoryFiles }, (_, at) => inventoryUnit(at));
      return [...segmentUnits, NAMES_UNIT, ...inventory];
    }
    case 'repositories':
      return await files.directories('names');
    case 'blobs':
      return await blobParts(on.context.bucket);
    case 'items':
      return segmentUnits;
    case 'verification':
      return await files.directories('items');
    case 'done':
      return [];
  }
}

async function finished(on: RebuildContext, state: RebuildState, rebuild: Rebuild): Promise<Next> {
  await filesOf(on, rebuild).clear();
  const report = await state.report(rebuild);
  return { finished: true, id: rebuild.id, report, durationMs: on.context.now() - rebuild.startedAt };
}
