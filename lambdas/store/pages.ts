import type { ListOptions, ListPage, ObjectStore } from './object-store.ts';

/** All pages of a listing, in key order. */
export async function* listPages(
  objects: ObjectStore,
  prefix: string,
  options: Omit<ListOptions, 'next'> = {},
): AsyncGenerator<ListPage> {
  let next: string | undefined;
  do {
    const page: ListPage = await objects.list(prefix, {
      ...options,
      ...(next === undefined ? {} : { next }),
    });
    yield page;
    next = page.next;
  } while (next !== undefined);
}
