/** Partitions of the generated registry's table that tell of what holds a manifest, and of its referrers. */
import { isDigest } from '../../lambdas/registry/digest.ts';
import { holderKey, referrerKey } from '../../lambdas/store/items.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { type Past, removed } from './past.ts';
import { repositoryName, tagOf } from './releases.ts';

/** Who holds the manifest. */
export function holderItems(past: Past, name: string, digest: string): Item[] {
  const found = manifestIn(past, name, digest);
  if (found === undefined || past.fate(found.release) === 'deleted') return [];
  const { release, manifest, digest: of } = found;
  const { catalog } = past;
  const place = catalog.place(release);
  const [top, sbom] = [catalog.topOf(release), catalog.sbomOf(release)];
  const holder = catalog.manifestDigest(top);
  if (manifest === sbom) {
    return [{ ...holderKey(name, of, { kind: 'subject', digest: holder }), since: past.since(sbom) }];
  }
  if (manifest !== top) {
    return [{ ...holderKey(name, of, { kind: 'index', digest: holder }), since: past.since(top) }];
  }
  if (catalog.isGarbage(release)) return [];
  const tags = [tagOf(place), ...(catalog.mainOf(place.repository) === release ? ['main'] : [])];
  const at = past.pushedAt(release);
  return tags.map((tag) => ({ ...holderKey(name, of, { kind: 'tag', tag }), since: at }));
}

/** What has the manifest for its subject. */
export function referrerItems(past: Past, name: string, digest: string): Item[] {
  const found = manifestIn(past, name, digest);
  if (found === undefined) return [];
  const { release, manifest, digest: of } = found;
  const { catalog } = past;
  const sbom = catalog.sbomOf(release);
  if (sbom === undefined || manifest !== catalog.topOf(release)) return [];
  const key = referrerKey(name, of, catalog.manifestDigest(sbom));
  if (past.fate(release) === 'deleted') return [{ ...key, ...removed(past.times.deletedAt) }];
  return [{ ...key, since: past.since(sbom) }];
}

function manifestIn({ catalog }: Past, name: string, digest: string) {
  if (!isDigest(digest)) return undefined;
  const manifest = catalog.findManifest(digest);
  if (manifest === undefined) return undefined;
  const { release } = catalog.placeOf(manifest);
  const isThere = repositoryName(catalog.repositoryOf(release)) === name;
  return isThere ? { digest, manifest, release } : undefined;
}
