/** All that a world stores, times included: two of them are equal when nothing was written in between. */
import type { World } from './world.ts';

export async function everything(world: World) {
  const versions: unknown[] = [];
  for await (const page of world.bucket.versionsUnder('')) versions.push(...page);
  // The lock is taken and given back, whatever there is to do.
  return { versions, items: (await world.items()).filter(({ pk }) => pk !== 'LOCK') };
}
