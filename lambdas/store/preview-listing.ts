import { MAX_LIST_KEYS } from './limits.ts';
import { byName, type Line, lines, linesOf, pageOf } from './listing.ts';
import type { ListOptions, ListPage, ObjectHead, ObjectStore } from './object-store.ts';
import { compareUtf8 } from './order.ts';

/** The keys a preview holds, be it an object or that there is none. */
export interface OwnKeys {
  from(key: string, exclusive?: boolean): Iterator<string>;
  has(key: string): boolean;
  /** Undefined where the preview hides what the base has. */
  head(key: string): ObjectHead | undefined;
}

interface Cursor {
  /** The base's page to be read. */
  readonly page?: string;
  /** The last line that was handed out. */
  readonly after?: string;
}

/**
 * A page of the base's listing with the preview's keys of the same stretch. Where both do not fit into one page,
 * the base's page is read once more for the rest of it.
 */
export async function mergedPage(
  base: ObjectStore,
  own: OwnKeys,
  options: ListOptions & { readonly prefix: string },
): Promise<ListPage> {
  const { prefix, delimiter } = options;
  const start = options.after === undefined ? {} : { after: options.after };
  let cursor: Cursor = options.next === undefined ? start : JSON.parse(options.next);
  for (;;) {
    const { page: next, after } = cursor;
    const page = await base.list(prefix, {
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(next === undefined ? start : { next }),
    });
    const kept = await notEmptied(base, own, page.prefixes);
    const beneath = linesOf(page);
    const end = page.next === undefined ? undefined : (beneath.at(-1)?.name ?? after);
    const merged = new Map<string, Line>();
    const from = (key: string, exclusive: boolean) => own.from(key, exclusive);
    for (const line of lines(from, own.head, { prefix, delimiter, after })) {
      // One more than fits shows that there are more.
      if ((end !== undefined && compareUtf8(line.name, end) > 0) || merged.size > MAX_LIST_KEYS) break;
      merged.set(line.name, line);
    }
    for (const line of beneath) {
      if (after !== undefined && compareUtf8(line.name, after) <= 0) continue;
      if (line.object ? !own.has(line.name) : kept.has(line.name)) merged.set(line.name, line);
    }
    const all = [...merged.values()].sort(byName);
    if (all.length > MAX_LIST_KEYS) {
      const shown = all.slice(0, MAX_LIST_KEYS);
      return pageOf(shown, write({ ...cursor, after: shown.at(-1)?.name ?? '' }));
    }
    if (page.next === undefined) return pageOf(all, undefined);
    cursor = { page: page.next, ...(end === undefined ? {} : { after: end }) };
    if (all.length > 0) return pageOf(all, write(cursor));
  }
}

function write(cursor: Cursor): string {
  return JSON.stringify(cursor);
}

/** Those of the base's common prefixes below which the preview has not hidden everything. */
async function notEmptied(
  base: ObjectStore,
  own: OwnKeys,
  prefixes: readonly string[],
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const prefix of prefixes) {
    const { value: touched, done } = own.from(prefix).next();
    const untouched = done || !touched.startsWith(prefix);
    if (untouched || (await hasUntouched(base, own, prefix))) kept.add(prefix);
  }
  return kept;
}

async function hasUntouched(base: ObjectStore, own: OwnKeys, prefix: string): Promise<boolean> {
  let next: string | undefined;
  do {
    const page = await base.list(prefix, next === undefined ? {} : { next });
    if (page.objects.some(({ key }) => !own.has(key))) return true;
    next = page.next;
  } while (next !== undefined);
  return false;
}
