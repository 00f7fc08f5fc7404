/** The generated registry's table at a stage, made partition by partition when it is asked for. */
import { type Digest, isDigest } from '../../lambdas/registry/digest.ts';
import { dueEntryOf } from '../../lambdas/store/due-index.ts';
import {
  blobKey,
  blobPk,
  blobQueue,
  heartbeatKey,
  holderKey,
  holdersPk,
  linkKey,
  originKey,
  referenceKey,
  referrerKey,
  referrersPk,
  reindexKey,
  repositoriesPk,
  repositoryKey,
  repositoryPk,
} from '../../lambdas/store/items.ts';
import { live, tombstoneExpiry } from '../../lambdas/store/metadata.ts';
import { compareUtf8 } from '../../lambdas/store/order.ts';
import type { DueEntry, Item } from '../../lambdas/store/table.ts';
import { type Partition, partitionOf, type TableBase } from '../../local/memory-table.ts';
import type { Catalog } from './catalog.ts';
import { type Fate, manifestItem, STAMPED, type Times, tagItem } from './items.ts';
import { pushedAt, repositoryName, tagOf } from './releases.ts';
import type { Stage } from './stage.ts';

/** Partitions of repositories and shared layers that are kept once they are made: they are asked for again and again. */
const RECENT = 96;

export interface RegistryTableOptions {
  readonly catalog: Catalog;
  readonly stage: Exclude<Stage, 'pruned'>;
  readonly times: Times;
}

export class RegistryTable implements TableBase {
  readonly #catalog: Catalog;
  readonly #stage: RegistryTableOptions['stage'];
  readonly #times: Times;
  readonly #repositories: ReadonlyMap<string, number>;
  readonly #recent = new Map<string, Partition>();

  constructor({ catalog, stage, times }: RegistryTableOptions) {
    this.#catalog = catalog;
    this.#stage = stage;
    this.#times = times;
    const numbers = Array.from({ length: catalog.repositories }, (_, number) => number);
    this.#repositories = new Map(numbers.map((number) => [repositoryName(number), number]));
  }

  partition(pk: string): Partition | undefined {
    const known = this.#recent.get(pk);
    if (known !== undefined) return known;
    const items = this.#items(pk);
    if (items.length === 0) return undefined;
    const made = partitionOf(items);
    if (pk.startsWith('REPO#') || items.length > RECENT) this.#keep(pk, made);
    return made;
  }

  *from(pk: string): Generator<string> {
    for (const one of this.#keys(pk)) if (compareUtf8(one, pk) >= 0) yield one;
  }

  *queued(): Generator<DueEntry> {
    // All that is queued is a manifest's or a blob's item: whoever is asked for it has its entry.
    if (this.#stage !== 'condemned') {
      for (const name of this.#repositories.keys()) yield* this.#repositoryItems(name).flatMap(entryOf);
    }
    if (this.#stage === 'settled') return;
    for (const blob of this.#catalog.inOrder()) {
      yield* this.#blobItems(this.#catalog.digest(blob)).slice(0, 1).flatMap(entryOf);
    }
  }

  #keep(pk: string, made: Partition): void {
    const oldest = this.#recent.size < RECENT ? undefined : this.#recent.keys().next().value;
    if (oldest !== undefined) this.#recent.delete(oldest);
    this.#recent.set(pk, made);
  }

  /** Partition keys in order, from about one on. */
  *#keys(pk: string): Generator<string> {
    const blob = pk.startsWith('BLOB#') ? pk.slice('BLOB#'.length) : 'sha256:';
    if (pk < 'BLOB$') {
      const from = isDigest(blob) ? blob : 'sha256:';
      for (const one of this.#catalog.inOrder(from)) {
        if (this.#catalog.isNamed(one)) yield blobPk(this.#catalog.digest(one));
      }
    }
    yield* this.#manifestKeys(pk, 'HOLDERS#', (name, digest) => holdersPk(name, digest));
    yield heartbeatKey.pk;
    yield* this.#manifestKeys(pk, 'REFERRERS#', (name, digest) => referrersPk(name, digest));
    yield* [...this.#repositories.keys()].map(repositoryPk).sort(compareUtf8);
    yield repositoriesPk;
  }

  /** Keys of partitions that belong to a manifest each. */
  *#manifestKeys(from: string, prefix: string, keyOf: (name: string, digest: Digest) => string) {
    const names = [...this.#repositories.keys()].sort((a, b) => compareUtf8(`${a}@`, `${b}@`));
    for (const name of names) {
      if (compareUtf8(`${prefix}${name}A`, from) <= 0) continue;
      const keys = this.#manifestsOf(this.#repositories.get(name) ?? 0).map((manifest) =>
        keyOf(name, this.#catalog.manifestDigest(manifest)),
      );
      for (const key of keys.sort(compareUtf8)) if (this.#items(key).length > 0) yield key;
    }
  }

  #manifestsOf(repository: number): number[] {
    const catalog = this.#catalog;
    const releases = catalog.releasesOf(repository);
    const first = catalog.firstManifest(releases[0] ?? 0);
    const behind = catalog.firstManifest((releases.at(-1) ?? 0) + 1);
    return Array.from({ length: behind - first }, (_, at) => first + at);
  }

  #items(pk: string): Item[] {
    if (pk === repositoriesPk)
      return [...this.#repositories.keys()].map((name) => this.#repositoryItem(name));
    if (pk === heartbeatKey.pk) return this.#indexItems();
    const [kind = '', of = ''] = splitAt(pk, '#');
    if (kind === 'BLOB') return this.#blobItems(of);
    if (kind === 'REPO') return this.#repositoryItems(of);
    const [name = '', digest = ''] = splitAt(of, '@');
    if (kind === 'HOLDERS') return this.#holderItems(name, digest);
    return kind === 'REFERRERS' ? this.#referrerItems(name, digest) : [];
  }

  #repositoryItem(name: string): Item {
    return { ...repositoryKey(name), firstSeenAt: this.#times.indexedAt };
  }

  #indexItems(): Item[] {
    const at = this.#times.indexedAt;
    return [
      { ...heartbeatKey, writtenAt: at, seenAt: at, version: 1 },
      { ...originKey, id: STAMPED.stamp },
      { ...reindexKey, startedAt: at, finishedAt: at, version: 1 },
    ];
  }

  #blobItems(digest: string): Item[] {
    const catalog = this.#catalog;
    const blob = isDigest(digest) ? catalog.find(digest) : undefined;
    if (blob === undefined || !isDigest(digest) || !catalog.isNamed(blob)) return [];
    const links = new Map<number, { linkedAt: number; inForce: boolean }>();
    const references: Item[] = [];
    let [touchedAt, needed] = [0, false];
    for (const manifest of catalog.namedBy(blob)) {
      const { release } = catalog.placeOf(manifest);
      const repository = catalog.repositoryOf(release);
      const own = catalog.manifestDigest(manifest);
      const reference = referenceKey(digest, repositoryName(repository), own);
      const inForce = this.#fate(release) !== 'deleted';
      const since = this.#since(manifest);
      needed ||= inForce;
      touchedAt = Math.max(touchedAt, since);
      if (inForce) references.push({ ...reference, since });
      else if (own === digest) references.push({ ...reference, ...this.#removed(this.#times.deletedAt) });
      if (own === digest) continue;
      const linkedAt = links.get(repository)?.linkedAt ?? pushedAt(catalog.options, catalog.place(release));
      links.set(repository, { linkedAt, inForce: inForce || links.get(repository)?.inForce === true });
    }
    return [
      this.#blobItem(digest, blob, needed, touchedAt),
      ...this.#linkItems(digest, links),
      ...references,
    ];
  }

  #blobItem(digest: Digest, blob: number, needed: boolean, touchedAt: number): Item {
    const item = { ...blobKey(digest), ...STAMPED, size: this.#catalog.size(blob) };
    if (this.#stage === 'indexed') {
      return { ...item, ...live(blobQueue(digest), { at: touchedAt, grace: this.#times.grace }) };
    }
    if (needed) return { ...item, state: 'live', touchedAt };
    const { condemnedAt, quarantine, deletedAt } = this.#times;
    const queued = { queue: blobQueue(digest), dueAt: condemnedAt + quarantine };
    return { ...item, state: 'condemned', touchedAt: deletedAt, condemnedAt, ...queued };
  }

  #linkItems(digest: Digest, links: ReadonlyMap<number, { linkedAt: number; inForce: boolean }>): Item[] {
    const { version, stamp } = STAMPED;
    return [...links].map(([repository, { linkedAt, inForce }]) => ({
      ...linkKey(digest, repositoryName(repository)),
      ...{ linkedAt, version, stamp },
      ...(inForce ? {} : this.#removed(this.#times.condemnedAt)),
    }));
  }

  #removed(removedAt: number) {
    return { removedAt, expireAt: tombstoneExpiry(removedAt) };
  }

  #repositoryItems(name: string): Item[] {
    const catalog = this.#catalog;
    const repository = this.#repositories.get(name);
    if (repository === undefined) return [];
    const items: Item[] = [];
    for (const number of catalog.releasesOf(repository)) {
      const place = catalog.place(number);
      const [fate, tag] = [this.#fate(number), tagOf(place)];
      const isTagged = !catalog.isGarbage(number);
      // A tag that was deleted before anybody looked has left no trace.
      const tags = isTagged || this.#stage !== 'indexed' ? ['main', tag] : ['main'];
      for (
        let manifest = catalog.firstManifest(number);
        manifest < catalog.firstManifest(number + 1);
        manifest++
      ) {
        const history = { fate, touchedAt: this.#since(manifest), tags };
        items.push(manifestItem(catalog, manifest, history, this.#times));
      }
      const top = catalog.manifestDigest(catalog.topOf(number));
      const isMain = catalog.mainOf(repository) === number;
      for (const named of [...(isTagged ? [tag] : []), ...(isMain ? ['main'] : [])]) {
        items.push(tagItem(name, named, top, pushedAt(catalog.options, place)));
      }
    }
    return items;
  }

  #holderItems(name: string, digest: string): Item[] {
    const found = this.#manifestIn(name, digest);
    if (found === undefined || this.#fate(found.release) === 'deleted') return [];
    const { release, manifest, digest: of } = found;
    const catalog = this.#catalog;
    const place = catalog.place(release);
    const [top, sbom] = [catalog.topOf(release), catalog.sbomOf(release)];
    const holder = catalog.manifestDigest(top);
    if (manifest === sbom) {
      return [{ ...holderKey(name, of, { kind: 'subject', digest: holder }), since: this.#since(sbom) }];
    }
    if (manifest !== top) {
      return [{ ...holderKey(name, of, { kind: 'index', digest: holder }), since: this.#since(top) }];
    }
    if (catalog.isGarbage(release)) return [];
    const tags = [tagOf(place), ...(catalog.mainOf(place.repository) === release ? ['main'] : [])];
    const at = pushedAt(catalog.options, place);
    return tags.map((tag) => ({ ...holderKey(name, of, { kind: 'tag', tag }), since: at }));
  }

  #referrerItems(name: string, digest: string): Item[] {
    const found = this.#manifestIn(name, digest);
    if (found === undefined) return [];
    const { release, manifest, digest: of } = found;
    const catalog = this.#catalog;
    const sbom = catalog.sbomOf(release);
    if (sbom === undefined || manifest !== catalog.topOf(release)) return [];
    const key = referrerKey(name, of, catalog.manifestDigest(sbom));
    if (this.#fate(release) === 'deleted') return [{ ...key, ...this.#removed(this.#times.deletedAt) }];
    return [{ ...key, since: this.#since(sbom) }];
  }

  #manifestIn(name: string, digest: string) {
    if (!isDigest(digest)) return undefined;
    const manifest = this.#catalog.findManifest(digest);
    if (manifest === undefined) return undefined;
    const { release } = this.#catalog.placeOf(manifest);
    const isThere = this.#catalog.repositoryOf(release) === this.#repositories.get(name);
    return isThere ? { digest, manifest, release } : undefined;
  }

  #fate(release: number): Fate {
    if (this.#stage === 'indexed') return 'queued';
    if (!this.#catalog.isGarbage(release)) return 'held';
    return this.#stage === 'settled' ? 'untagged' : 'deleted';
  }

  /**
   * When a rebuild takes the edges that a manifest puts to have been put: for what had a tag, the moment at which the last
   * of them went elsewhere, which `main` did with the newest release.
   */
  #since(manifest: number): number {
    const catalog = this.#catalog;
    const { release } = catalog.placeOf(manifest);
    const by = manifest === catalog.topOf(release) ? catalog.mainOf(catalog.repositoryOf(release)) : release;
    return pushedAt(catalog.options, catalog.place(by));
  }
}

function entryOf(item: Item): DueEntry[] {
  const entry = dueEntryOf(item);
  return entry === undefined ? [] : [entry];
}

/** At the first mark: neither kinds nor names hold one. */
function splitAt(text: string, mark: '#' | '@'): string[] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
