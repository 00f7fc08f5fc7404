/** The table, divided into parts: before the listings what it claims, and after them the items that claim it. */
import pMap from 'p-map';
import { claimOf } from '../index/claims.ts';
import { fingerprint } from '../store/key-set.ts';
import type { Item, Key, Value } from '../store/table.ts';
import { Divider } from './divide.ts';
import type { Job, Work } from './job.ts';
import { partOfItem } from './parts.ts';
import { PrintList } from './prints.ts';

/** Side by side: as many as one table without traffic carries, and few enough that a small table costs little. */
export const SEGMENTS = 16;

export const segmentUnits: readonly string[] = Array.from({ length: SEGMENTS }, (_, at) =>
  String(at).padStart(2, '0'),
);

const FILES_AT_ONCE = 16;

export const claimsOf = (part: string): string => `claims/${part}`;
export const itemsOf = (part: string): string => `items/${part}`;

/** An item that a listing may have shown, or that is looked at in any case. */
export interface Entry {
  readonly item: Item;
  /** Of its claim. */
  readonly print: bigint | undefined;
}

/** What a segment claims, as fingerprints. */
export const divideClaims: Work = async (job) => {
  const byPart = new Map<string, PrintList>();
  const next = await scan(job, async (item) => {
    const claim = claimOf(item);
    if (claim === undefined) return;
    const part = partOfItem(item);
    const prints = byPart.get(part) ?? new PrintList();
    byPart.set(part, prints);
    prints.add(claim);
  });
  const write = ([part, prints]: [string, PrintList]) =>
    job.files.putPrints(`${claimsOf(part)}/${job.slice}`, prints.take());
  await pMap(byPart, write, { concurrency: FILES_AT_ONCE });
  return next;
};

/** The items of a segment that claim something, and the obstacles. */
export const divideItems: Work = async (job) => {
  const divider = new Divider(job.files, job.slice);
  const next = await scan(job, async (item) => {
    const claim = claimOf(item);
    if (claim === undefined && !item.sk.startsWith('UNREADABLE#')) return;
    const print = claim === undefined ? '' : fingerprint(claim).toString(16);
    const { pk, sk, key } = item;
    await divider.add(itemsOf(partOfItem(item)), JSON.stringify([print, pk, sk, ...(key ? [key] : [])]));
  });
  await divider.flush();
  return next;
};

/** A line of {@link divideItems}. */
export function toEntry(line: string): Entry {
  const [print, pk, sk, key] = JSON.parse(line) as [string, string, string, string?];
  const item = { pk, sk, ...(key === undefined ? {} : { key }) };
  return { item, print: print === '' ? undefined : BigInt(`0x${print}`) };
}

async function scan(job: Job, visit: (item: Item) => Promise<void>): Promise<Value | undefined> {
  const { table } = job.context.metadata;
  let after = job.cursor as Key | undefined;
  do {
    const page = await table.scan({
      ...{ segment: Number(job.unit), segments: SEGMENTS },
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) await visit(item);
    after = page.next;
  } while (after !== undefined && !job.isOver());
  return after && { pk: after.pk, sk: after.sk };
}
