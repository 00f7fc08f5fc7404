/** A blob's partition of the generated registry's table. */
import type { Digest } from '../../lambdas/registry/digest.ts';
import { blobKey, blobQueue, linkKey, referenceKey } from '../../lambdas/store/items.ts';
import { live } from '../../lambdas/store/metadata.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { STAMPED, type Times } from './items.ts';
import { type Past, removed } from './past.ts';
import { repositoryName } from './releases.ts';

interface Link {
  readonly linkedAt: number;
  readonly inForce: boolean;
}

/** The blob, its links and its references, as docs/metadata.md has them. */
export function blobItems(past: Past, digest: Digest): Item[] {
  const { catalog, times } = past;
  const blob = catalog.find(digest);
  if (blob === undefined || !catalog.isNamed(blob)) return [];
  const links = new Map<number, Link>();
  const references: Item[] = [];
  let [touchedAt, needed] = [0, false];
  for (const manifest of catalog.namedBy(blob)) {
    const { release } = catalog.placeOf(manifest);
    const repository = catalog.repositoryOf(release);
    const own = catalog.manifestDigest(manifest);
    const reference = referenceKey(digest, repositoryName(repository), own);
    const inForce = past.fate(release) !== 'deleted';
    const since = past.since(manifest);
    needed ||= inForce;
    touchedAt = Math.max(touchedAt, since);
    if (inForce) references.push({ ...reference, since });
    else if (own === digest) references.push({ ...reference, ...removed(times.deletedAt) });
    if (own === digest) continue;
    const linkedAt = links.get(repository)?.linkedAt ?? past.pushedAt(release);
    links.set(repository, { linkedAt, inForce: inForce || links.get(repository)?.inForce === true });
  }
  return [blobItem(past, blob, { needed, touchedAt }), ...linkItems(digest, links, times), ...references];
}

function blobItem(
  { catalog, stage, times }: Past,
  blob: number,
  { needed, touchedAt }: { readonly needed: boolean; readonly touchedAt: number },
): Item {
  const digest = catalog.digest(blob);
  const item = { ...blobKey(digest), ...STAMPED, size: catalog.size(blob) };
  if (stage === 'indexed') {
    return { ...item, ...live(blobQueue(digest), { at: touchedAt, grace: times.grace }) };
  }
  if (needed) return { ...item, state: 'live', touchedAt };
  const { condemnedAt, quarantine, deletedAt } = times;
  const queued = { queue: blobQueue(digest), dueAt: condemnedAt + quarantine };
  return { ...item, state: 'condemned', touchedAt: deletedAt, condemnedAt, ...queued };
}

function linkItems(digest: Digest, links: ReadonlyMap<number, Link>, times: Times): Item[] {
  const { version, stamp } = STAMPED;
  return [...links].map(([repository, { linkedAt, inForce }]) => ({
    ...linkKey(digest, repositoryName(repository)),
    ...{ linkedAt, version, stamp },
    ...(inForce ? {} : removed(times.condemnedAt)),
  }));
}
