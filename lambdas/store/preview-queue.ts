import type { DueIndex } from './due-index.ts';
import { compareDue } from './order.ts';
import type { DueEntry, DuePage, Key, Table } from './table.ts';

/** A page of the preview's queue when no limit is given. */
const DEFAULT_PAGE = 1000;

/** Where reading the base's queue stopped. */
interface Walk {
  readonly until: number;
  /** The last entry that was handed out. */
  readonly at: DueEntry;
  /** Read from the base, but behind the end of the page. */
  readonly ahead: readonly DueEntry[];
  readonly rest: AsyncGenerator<DueEntry, void>;
}

/** The due queue of a preview: the base's entries without those of items the preview holds, and its own. */
export class PreviewQueue {
  readonly #base: Table;
  readonly #own: DueIndex;
  readonly #hidden: (key: Key) => boolean;
  /**
   * Where the last page of each queue ended. Without it every page would read all entries of the moment at which
   * it begins once more; that it may be some changes behind the base is no more than the index itself may be.
   */
  readonly #walks = new Map<string, Walk>();

  constructor(base: Table, own: DueIndex, hidden: (key: Key) => boolean) {
    this.#base = base;
    this.#own = own;
    this.#hidden = hidden;
  }

  async page(
    queue: string,
    options: { readonly until: number; readonly limit?: number; readonly after?: DueEntry },
  ): Promise<DuePage> {
    const { until, limit = DEFAULT_PAGE, after } = options;
    const walk = this.#resume(queue, until, after);
    const rest = walk?.rest ?? orderedEntries(this.#base, queue, { until, after, limit });
    let beneath = [...(walk?.ahead ?? [])];
    let ended = false;
    // Others may write to the preview while the base is waited for, so what is hidden is looked at again after.
    do {
      beneath = beneath.filter((entry) => !this.#hidden(entry));
      while (beneath.length < limit && !ended) {
        const { value, done } = await rest.next();
        if (done || value === undefined) ended = true;
        else beneath.push(value);
      }
    } while (!ended && beneath.some((entry) => this.#hidden(entry)));
    beneath = beneath.filter((entry) => !this.#hidden(entry));
    const candidates = [...beneath];
    let taken = 0;
    for (const entry of this.#own.entries(queue, after)) {
      if (entry.dueAt > until || taken++ === limit) break;
      candidates.push(entry);
    }
    const entries = candidates.sort(compareDue).slice(0, limit);
    const last = entries.at(-1);
    if (last === undefined || entries.length < limit) return { entries };
    const ahead = beneath.filter((entry) => compareDue(entry, last) > 0);
    this.#walks.set(queue, { until, at: last, ahead, rest });
    return { entries, next: last };
  }

  /** Takes the walk, so that no two pages read from it at once. */
  #resume(queue: string, until: number, after: DueEntry | undefined): Walk | undefined {
    const walk = this.#walks.get(queue);
    this.#walks.delete(queue);
    if (walk === undefined || after === undefined || walk.until !== until) return undefined;
    return compareDue(walk.at, after) === 0 ? walk : undefined;
  }
}

/**
 * A queue in the order of `compareDue`, behind `after`. The index leaves open how entries of one moment are
 * ordered, so they are read together and put in order: then a cursor means the same to the base and to the
 * preview, whichever of the two it came from and whatever has happened to its item since.
 */
async function* orderedEntries(
  base: Table,
  queue: string,
  options: { readonly until: number; readonly after: DueEntry | undefined; readonly limit: number },
): AsyncGenerator<DueEntry, void> {
  const { until, after, limit } = options;
  const behind = (moment: DueEntry[]) =>
    moment.sort(compareDue).filter((entry) => after === undefined || compareDue(entry, after) > 0);
  // From before the cursor's moment: all of that moment must be seen.
  let from = after && { ...after, dueAt: after.dueAt - 1 };
  let moment: DueEntry[] = [];
  do {
    const page = await base.due(queue, { until, limit, ...(from ? { after: from } : {}) });
    for (const entry of page.entries) {
      if (after && entry.dueAt < after.dueAt) continue;
      if (moment[0] && moment[0].dueAt !== entry.dueAt) {
        yield* behind(moment);
        moment = [];
      }
      moment.push(entry);
    }
    from = page.next;
  } while (from);
  yield* behind(moment);
}
