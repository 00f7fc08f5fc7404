import type { DueEntry, Key } from './table.ts';

/** How the services order and divide keys. */

/**
 * Compares as DynamoDB and S3 do, by the bytes of UTF-8. JavaScript's `<` compares UTF-16 units, which puts
 * characters beyond the basic plane (written with surrogates, D800 to DFFF) before those from E000 on.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Greater than every key that begins with `prefix`: where a listing goes on behind them. */
export function behindPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

/** Earliest first; the index leaves open how entries of the same moment are ordered, here it is by key. */
export function compareDue(a: DueEntry, b: DueEntry): number {
  return a.dueAt - b.dueAt || compareUtf8(a.pk, b.pk) || compareUtf8(a.sk, b.sk);
}

/** The key as one string, for maps: no two keys have the same. */
export const nameOf = ({ pk, sk }: Key): string => `${pk}\u0000${sk}`;

/** Which of `segments` equal parts of a walk a partition belongs to (FNV-1a). */
export function segmentOf(pk: string, segments: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < pk.length; i++) hash = Math.imul(hash ^ pk.charCodeAt(i), 0x01000193) >>> 0;
  return hash % segments;
}
