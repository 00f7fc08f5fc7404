/**
 * Offline, the operator states that nothing is pushed any more, and nothing has to rest. Whatever the bucket holds
 * that the index has not seen shows the contrary (protocol section 3): a link that was written since.
 */
import type { RegistryKey } from '../registry/layout.ts';
import type { Stores } from '../store/hold.ts';
import { isInForce, obstacleKey, UnknownItemError } from '../store/items.ts';
import { isNewer, second } from '../store/times.ts';
import type { Refusal } from './report.ts';

/**
 * Looks for a link that was put after the last rebuild began and that the index does not know.
 *
 * @param reindexedAt milliseconds since the epoch.
 */
export async function findArrival(stores: Stores, reindexedAt: number): Promise<Refusal | undefined> {
  const { bucket } = stores;
  for await (const objects of bucket.pages(bucket.layout.repositoriesPrefix)) {
    for (const { key, lastModified } of objects) {
      if (second(lastModified.getTime()) < second(reindexedAt)) continue;
      const parsed = bucket.layout.parse(key);
      const known = await knownTime(stores, parsed);
      if (known === undefined || !isNewer(lastModified, known)) continue;
      return arrival(`${key} was written at ${lastModified.toISOString()}`);
    }
  }
  return undefined;
}

/** The refusal for something that was pushed though the registry was said to be stopped. */
export function arrival(what: string): Refusal {
  const message =
    `${what}, and the index has not seen it: an offline run needs a registry that is stopped or read-only, ` +
    'and a `registry-prune reindex` after that';
  return { code: 'pushes-arriving', message };
}

/**
 * When the table says that a link was written; 0 for a link it does not know; undefined for what is no link, and for
 * an item in a shape not known: nothing of its repository goes in any case.
 */
async function knownTime(stores: Stores, key: RegistryKey): Promise<number | undefined> {
  try {
    return await recordedTime(stores, key);
  } catch (error) {
    if (error instanceof UnknownItemError) return undefined;
    throw error;
  }
}

async function recordedTime({ metadata }: Stores, key: RegistryKey): Promise<number | undefined> {
  switch (key.kind) {
    case 'layer': {
      const edge = await metadata.link(key.digest, key.name);
      return edge !== undefined && isInForce(edge) ? edge.linkedAt : 0;
    }
    case 'revision':
      return (await metadata.manifest(key.name, key.digest))?.pushedAt ?? 0;
    case 'tag': {
      // One that cannot be read has no item of its own; that it stands in the way is known.
      const unreadable = await metadata.table.get(obstacleKey(key.name, `TAG#${key.tag}`));
      if (unreadable !== undefined) return undefined;
      return (await metadata.tag(key.name, key.tag))?.taggedAt ?? 0;
    }
    default:
      return undefined;
  }
}
