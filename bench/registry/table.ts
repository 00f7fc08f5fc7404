/** The generated registry's table at a stage, made partition by partition when it is asked for. */
import { isDigest } from '../../lambdas/registry/digest.ts';
import { dueEntryOf } from '../../lambdas/store/due-index.ts';
import {
  heartbeatKey,
  originKey,
  reindexKey,
  repositoriesPk,
  repositoryKey,
} from '../../lambdas/store/items.ts';
import { compareUtf8 } from '../../lambdas/store/order.ts';
import type { DueEntry, Item } from '../../lambdas/store/table.ts';
import { type Partition, partitionOf, type TableBase } from '../../local/memory-table.ts';
import { blobItems } from './blob-items.ts';
import { holderItems, referrerItems } from './holder-items.ts';
import { manifestItem, STAMPED, tagItem } from './items.ts';
import { Past, type PastOptions } from './past.ts';
import { repositoryName, tagOf } from './releases.ts';
import { partitionKeys } from './table-keys.ts';

/** Items of a blob's partition from which on it is kept: of layers of all repositories, few, and read again and again. */
const MANY = 96;

export class RegistryTable implements TableBase {
  readonly #past: Past;
  readonly #repositories: ReadonlyMap<string, number>;
  /** Of repositories and shared layers: they are asked for again and again. */
  readonly #kept = new Map<string, Partition>();

  constructor(options: PastOptions) {
    this.#past = new Past(options);
    const numbers = Array.from({ length: options.catalog.repositories }, (_, number) => number);
    this.#repositories = new Map(numbers.map((number) => [repositoryName(number), number]));
  }

  partition(pk: string): Partition | undefined {
    const known = this.#kept.get(pk);
    if (known !== undefined) return known;
    const items = this.#items(pk);
    if (items.length === 0) return undefined;
    const made = partitionOf(items);
    if (pk.startsWith('REPO#') || items.length >= MANY) this.#kept.set(pk, made);
    return made;
  }

  *from(pk: string): Generator<string> {
    for (const one of partitionKeys(this.#past.catalog, pk)) {
      if (compareUtf8(one, pk) >= 0 && this.#items(one).length > 0) yield one;
    }
  }

  *queued(): Generator<DueEntry> {
    const { catalog, stage } = this.#past;
    // All that is queued is a manifest's or a blob's item: whoever is asked for it has its entry.
    if (stage !== 'condemned') {
      for (const name of this.#repositories.keys()) yield* this.#repositoryItems(name).flatMap(entryOf);
    }
    if (stage === 'settled') return;
    for (const blob of catalog.inOrder()) {
      yield* blobItems(this.#past, catalog.digest(blob)).slice(0, 1).flatMap(entryOf);
    }
  }

  #items(pk: string): Item[] {
    if (pk === repositoriesPk)
      return [...this.#repositories.keys()].map((name) => this.#repositoryItem(name));
    if (pk === heartbeatKey.pk) return this.#indexItems();
    const [kind = '', of = ''] = splitAt(pk, '#');
    if (kind === 'BLOB') return isDigest(of) ? blobItems(this.#past, of) : [];
    if (kind === 'REPO') return this.#repositoryItems(of);
    const [name = '', digest = ''] = splitAt(of, '@');
    if (kind === 'HOLDERS') return holderItems(this.#past, name, digest);
    return kind === 'REFERRERS' ? referrerItems(this.#past, name, digest) : [];
  }

  #repositoryItem(name: string): Item {
    return { ...repositoryKey(name), firstSeenAt: this.#past.times.indexedAt };
  }

  #indexItems(): Item[] {
    const at = this.#past.times.indexedAt;
    return [
      { ...heartbeatKey, writtenAt: at, seenAt: at, version: 1 },
      { ...originKey, id: STAMPED.stamp },
      { ...reindexKey, startedAt: at, finishedAt: at, version: 1 },
    ];
  }

  #repositoryItems(name: string): Item[] {
    const { catalog } = this.#past;
    const repository = this.#repositories.get(name);
    return repository === undefined
      ? []
      : catalog.releasesOf(repository).flatMap((release) => releaseItems(this.#past, name, release));
  }
}

/** The manifests of a release, and the tags that name it. */
function releaseItems(past: Past, name: string, release: number): Item[] {
  const { catalog, stage, times } = past;
  const { repository, build } = catalog.place(release);
  const fate = past.fate(release);
  const tag = tagOf({ repository, build });
  const isTagged = !catalog.isGarbage(release);
  // A tag that was deleted before anybody looked has left no trace.
  const tags = isTagged || stage !== 'indexed' ? ['main', tag] : ['main'];
  const top = catalog.manifestDigest(catalog.topOf(release));
  const named = [...(isTagged ? [tag] : []), ...(catalog.mainOf(repository) === release ? ['main'] : [])];
  return [
    ...catalog.manifestsIn(release).map((manifest) => {
      const history = { fate, touchedAt: past.since(manifest), tags };
      return manifestItem(catalog, manifest, history, times);
    }),
    ...named.map((tag) => tagItem(name, tag, top, past.pushedAt(release))),
  ];
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
