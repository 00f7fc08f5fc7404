/** Rows of the table as a small registry has them, with sizes that can be read at sight. */
import { blobKey, linkKey, manifestKey, type State, tagKey } from '../../lambdas/store/items.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';
import { type Digest, digestOf, utf8 } from './images.ts';

export const named = (name: string): Digest => digestOf(utf8(name));

export interface Contents {
  /** Bytes by name of the blob; with a state where it is not `live`. A manifest's own bytes are a blob of its name. */
  readonly blobs: Readonly<Record<string, number | { readonly state: State; readonly size?: number }>>;
  readonly repositories: Readonly<Record<string, RepositoryContents>>;
}

interface RepositoryContents {
  readonly manifests?: Readonly<
    Record<
      string,
      {
        readonly layers?: readonly string[];
        readonly config?: string;
        readonly children?: readonly string[];
        readonly subject?: string;
        readonly state?: State;
      }
    >
  >;
  readonly tags?: Readonly<Record<string, string>>;
  /** @default what the manifests name. */
  readonly links?: readonly string[];
  readonly removedLinks?: readonly string[];
}

const candidate = (state: State) => ({ version: 1, state, touchedAt: 0 });

/** A table that holds exactly this. */
export async function tableOf({ blobs, repositories }: Contents): Promise<MemoryTable> {
  const rows: Item[] = Object.entries(blobs).map(([name, blob]) => {
    const { state, size } = typeof blob === 'number' ? { state: 'live' as const, size: blob } : blob;
    return { ...blobKey(named(name)), ...candidate(state), ...(size === undefined ? {} : { size }) };
  });
  for (const [repository, contents] of Object.entries(repositories))
    rows.push(...rowsOf(repository, contents));
  const table = new MemoryTable();
  await table.write(rows.map((put) => ({ put })));
  return table;
}

function rowsOf(name: string, { manifests = {}, tags = {}, links, removedLinks = [] }: RepositoryContents) {
  const linked = links ?? Object.values(manifests).flatMap(({ layers = [] }) => layers);
  return [
    ...Object.entries(manifests).map(
      ([manifest, { layers = [], children = [], config, subject, state }]) => ({
        ...manifestKey(name, named(manifest)),
        ...candidate(state ?? 'live'),
        ...{ mediaType: '', size: 0, pushedAt: 0, taggedAs: [] },
        layers: layers.map(named),
        children: children.map(named),
        ...(config === undefined ? {} : { config: named(config) }),
        ...(subject === undefined ? {} : { subject: named(subject) }),
      }),
    ),
    ...Object.entries(tags).map(([tag, manifest]) => ({
      ...tagKey(name, tag),
      ...{ version: 1, digest: named(manifest), taggedAt: 0 },
    })),
    ...linked.map((blob) => ({ ...linkKey(named(blob), name), version: 1, linkedAt: 0 })),
    ...removedLinks.map((blob) => ({ ...linkKey(named(blob), name), version: 1, linkedAt: 0, removedAt: 1 })),
  ];
}
