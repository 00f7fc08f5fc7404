/** How far a rebuild is, in the table (docs/metadata.md), so that whoever comes next goes on from there. */
import * as v from 'valibot';
import { rebuildKey, rebuildUnitKey, rebuildUnits, UnknownItemError } from '../store/items.ts';
import type { Item, Key, Table, Value } from '../store/table.ts';
import { addReport, type PartialReport } from './report.ts';

/** In this order, each when the one before is done. */
export const PHASES = ['survey', 'repositories', 'blobs', 'items', 'verification', 'done'] as const;
export type Phase = (typeof PHASES)[number];

/** After which its items are deleted by TTL (seconds): not before its files are, see {@link LONGEST}. */
const KEPT = 14 * 24 * 3600;

/**
 * How long a rebuild may take from its begin to its end (milliseconds). What its units leave for one another is deleted by the
 * bucket's lifecycle after 14 days, and what is gone would be taken for what never was.
 */
export const LONGEST = 13 * 24 * 3_600_000;

export interface Rebuild {
  readonly version: number;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly phase: Phase;
  /** The registry's. */
  readonly bucket: string;
  /** Of the inventory's manifest. */
  readonly location?: string;
  /** How many files the inventory has. */
  readonly inventoryFiles: number;
  /** From when on changes may be missing from what is listed, milliseconds since the epoch: see `recordReindex`. */
  readonly since: number;
}

const rebuildSchema = v.object({
  version: v.number(),
  id: v.string(),
  startedAt: v.number(),
  phase: v.picklist(PHASES),
  bucket: v.string(),
  location: v.exactOptional(v.string()),
  inventoryFiles: v.number(),
  since: v.number(),
});

/** One unit of one phase. */
export interface Unit {
  readonly rebuild: Pick<Rebuild, 'id'>;
  readonly phase: Phase;
  readonly unit: string;
}

export interface UnitState {
  /** 0 before its first slice has ended. */
  readonly version: number;
  readonly done: boolean;
  readonly cursor?: Value;
  readonly report?: PartialReport;
}

export class RebuildState {
  readonly #table: Table;
  readonly #now: () => number;

  constructor(table: Table, now: () => number) {
    this.#table = table;
    this.#now = now;
  }

  /** The last one, be it done or not. */
  async current(): Promise<Rebuild | undefined> {
    const item = await this.#table.get(rebuildKey);
    if (item === undefined) return undefined;
    const parsed = v.safeParse(rebuildSchema, item);
    if (parsed.success) return parsed.output;
    throw new UnknownItemError(rebuildKey, parsed.issues[0].message);
  }

  /** @returns false when somebody else has begun or gone on in between. */
  async put(rebuild: Omit<Rebuild, 'version'>, before: Rebuild | undefined): Promise<boolean> {
    const version = (before?.version ?? 0) + 1;
    const item = { ...rebuildKey, ...rebuild, version, expireAt: this.#expireAt() };
    return await this.#table.put(
      item,
      before === undefined ? { absent: true } : { equals: { version: before.version, id: before.id } },
    );
  }

  async unit({ rebuild, phase, unit }: Unit): Promise<UnitState> {
    return toUnit(await this.#table.get(rebuildUnitKey(rebuild.id, phase, unit)));
  }

  /**
   * A slice has ended.
   *
   * @returns false when somebody else's has in between, which then counts.
   */
  async save(
    { rebuild, phase, unit }: Unit,
    before: UnitState,
    { cursor, report }: { readonly cursor: Value | undefined; readonly report: PartialReport },
  ): Promise<boolean> {
    const item: Item = {
      ...rebuildUnitKey(rebuild.id, phase, unit),
      version: before.version + 1,
      done: cursor === undefined,
      ...(cursor === undefined ? {} : { cursor }),
      report: toValue(addReport(before.report, report)),
      savedAt: this.#now(),
      expireAt: this.#expireAt(),
    };
    return await this.#table.put(
      item,
      before.version === 0 ? { absent: true } : { equals: { version: before.version } },
    );
  }

  /** The units of a phase that are done. */
  async done({ id }: Pick<Rebuild, 'id'>, phase: Phase): Promise<Set<string>> {
    const done = new Set<string>();
    const { pk, prefix } = rebuildUnits(id, phase);
    for await (const item of this.#query(pk, prefix))
      if (item['done'] === true) done.add(item.sk.slice(prefix.length));
    return done;
  }

  /** When a slice of it has last ended; if none has, when it was begun (milliseconds since the epoch). */
  async progressedAt({ id, startedAt }: Pick<Rebuild, 'id' | 'startedAt'>): Promise<number> {
    let last = startedAt;
    const { pk, prefix } = rebuildUnits(id);
    for await (const { savedAt } of this.#query(pk, prefix))
      if (typeof savedAt === 'number') last = Math.max(last, savedAt);
    return last;
  }

  /** What all units of a rebuild have found. */
  async report({ id }: Pick<Rebuild, 'id'>): Promise<PartialReport> {
    let total = addReport(undefined, undefined);
    const { pk, prefix } = rebuildUnits(id);
    for await (const item of this.#query(pk, prefix)) total = addReport(total, toUnit(item).report);
    return total;
  }

  async *#query(pk: string, prefix: string): AsyncGenerator<Item> {
    let after: Key | undefined;
    do {
      const page = await this.#table.query(pk, { prefix, ...(after === undefined ? {} : { after }) });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  #expireAt(): number {
    return Math.floor(this.#now() / 1000) + KEPT;
  }
}

/** Its counts are its own; whoever changes them does so by a rebuild's code. */
function toUnit(item: Item | undefined): UnitState {
  if (item === undefined) return { version: 0, done: false };
  const { version, done, cursor, report } = item;
  if (typeof version !== 'number') throw new UnknownItemError(item, 'version: not a number');
  return {
    ...{ version, done: done === true },
    ...(cursor === undefined ? {} : { cursor }),
    ...(report === undefined ? {} : { report: report as unknown as PartialReport }),
  };
}

const toValue = (report: PartialReport): Value => JSON.parse(JSON.stringify(report)) as Value;
