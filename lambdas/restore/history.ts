/** When and why something went, from the journals of all runs, and where it is now. */
import type { Digest } from '../registry/digest.ts';
import { type State, tagKey, toTag } from '../store/items.ts';
import {
  type JournalLine,
  type JournalProblem,
  journalledRuns,
  type LineOf,
  readJournal,
} from '../store/journal-reader.ts';
import type { Metadata } from '../store/metadata.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { settled, sideBySide } from '../store/side-by-side.ts';

/** A line about a digest: of its manifest, of a tag that named it, of a link to it, or of its data. */
export type HistoryLine = LineOf<'delete-manifest' | 'untag' | 'unlink' | 'delete-blob'>;

export interface History {
  readonly digest: Digest;
  /** Newest run first; those of a run in the order in which it wrote them. */
  readonly lines: readonly HistoryLine[];
  /** Lines that name the digest and could not be read. */
  readonly problems: readonly JournalProblem[];
  /** As the table has it now. */
  readonly now: {
    /** `unknown`: the table has no item of it, or has forgotten it. */
    readonly blob: State | 'unknown';
    readonly manifests: readonly { readonly repository: string; readonly state: State | 'unknown' }[];
    /** Tags that were deleted with it: what they name now, `null` for none. */
    readonly tags: readonly {
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest | null;
    }[];
  };
}

/** Journals read at the same time. */
const CONCURRENCY = 8;

/**
 * Looks through every journal there is, so it takes as long as they are large; it keeps what it finds and nothing else.
 *
 * @param prefix of all journals, ending in a slash.
 */
export async function historyOf(
  stores: { readonly objects: ObjectStore; readonly metadata: Metadata },
  prefix: string,
  digest: Digest,
): Promise<History> {
  const runs = await journalledRuns(stores.objects, prefix);
  const found = await sideBySide(
    runs,
    async (run) => await search(stores.objects, `${prefix}${run}/`, digest),
    CONCURRENCY,
  );
  const lines = found.flatMap((part) => part.lines);
  return {
    digest,
    lines,
    problems: found.flatMap(({ problems }) => problems),
    now: await whereabouts(stores.metadata, digest, lines),
  };
}

async function search(objects: ObjectStore, prefix: string, digest: Digest) {
  const lines: HistoryLine[] = [];
  const problems: JournalProblem[] = [];
  for await (const part of readJournal(objects, prefix, (text) => text.includes(digest))) {
    lines.push(...part.lines.filter((line) => isAbout(line, digest)));
    problems.push(...part.problems);
  }
  return { lines, problems };
}

const isAbout = (line: JournalLine, digest: Digest): line is HistoryLine =>
  'digest' in line && line.digest === digest;

async function whereabouts(
  metadata: Metadata,
  digest: Digest,
  lines: readonly HistoryLine[],
): Promise<History['now']> {
  const { item, references } = await metadata.blob(digest, { all: true });
  const own = references.filter(({ manifest }) => manifest === digest).map(({ name }) => name);
  const journalled = lines.flatMap((line) =>
    line.action === 'delete-manifest' || line.action === 'untag' ? [line.repository] : [],
  );
  const repositories = [...new Set([...own, ...journalled])].sort();
  const items = await settled(repositories.map((name) => metadata.manifest(name, digest)));
  const untagged = lines.filter((line) => line.action === 'untag');
  const tags = new Map(untagged.map(({ repository, tag }) => [`${repository}:${tag}`, { repository, tag }]));
  const standing = await metadata.table.getMany(
    [...tags.values()].map(({ repository, tag }) => tagKey(repository, tag)),
  );
  const named = new Map(standing.map((row) => [`${row.pk} ${row.sk}`, toTag(row).digest]));
  return {
    blob: item?.state ?? 'unknown',
    manifests: repositories.map((repository, at) => ({
      repository,
      state: items[at]?.state ?? 'unknown',
    })),
    tags: [...tags.values()].map(({ repository, tag }) => {
      const { pk, sk } = tagKey(repository, tag);
      return { repository, tag, digest: named.get(`${pk} ${sk}`) ?? null };
    }),
  };
}
