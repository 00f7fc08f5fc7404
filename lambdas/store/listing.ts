import type { ListPage, ObjectHead } from './object-store.ts';
import { behindPrefix, compareUtf8 } from './order.ts';

/** A line of a listing: an object, or all that lies below a common prefix. */
export interface Line {
  /** The object's key or the common prefix. In one listing no name is both. */
  readonly name: string;
  readonly object?: Omit<ObjectHead, 'versionId'>;
}

export interface ListingOptions {
  readonly prefix: string;
  readonly delimiter?: string | undefined;
  /** The name of the line before. */
  readonly after?: string | undefined;
}

/**
 * The lines of a listing, in order, from a sorted set of keys.
 * A common prefix is stepped over in one seek, however much lies below it.
 */
export function* lines(
  seek: (key: string, exclusive: boolean) => Iterator<string>,
  headOf: (key: string) => ObjectHead | undefined,
  options: ListingOptions,
): Generator<Line> {
  const { prefix, delimiter, after } = options;
  let keys = after === undefined ? seek(prefix, false) : seek(after, true);
  for (;;) {
    const { value: key, done } = keys.next();
    if (done || !key.startsWith(prefix)) return;
    const head = headOf(key);
    if (head === undefined) continue;
    const common = commonPrefix(key, prefix, delimiter);
    if (common === undefined) {
      yield { name: key, object: listed(head) };
      continue;
    }
    if (common !== after) yield { name: common };
    keys = seek(behindPrefix(common), true);
  }
}

/** The common prefix a key is listed under: up to and including the first delimiter behind the prefix. */
function commonPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined;
  const end = key.indexOf(delimiter, prefix.length);
  return end < 0 ? undefined : key.slice(0, end + delimiter.length);
}

/** A head as a listing shows it. */
export function listed({ key, size, etag, lastModified }: ObjectHead): Omit<ObjectHead, 'versionId'> {
  return { key, size, etag, lastModified };
}

/** The lines of a page, in order. */
export function linesOf(page: ListPage): Line[] {
  return [
    ...page.objects.map((object) => ({ name: object.key, object })),
    ...page.prefixes.map((name) => ({ name })),
  ].sort(byName);
}

/** A page from its lines in order. */
export function pageOf(all: readonly Line[], next: string | undefined): ListPage {
  return {
    objects: all.flatMap(({ object }) => (object ? [object] : [])),
    prefixes: all.flatMap(({ name, object }) => (object ? [] : [name])),
    ...(next === undefined ? {} : { next }),
  };
}

export function byName(a: Line, b: Line): number {
  return compareUtf8(a.name, b.name);
}
