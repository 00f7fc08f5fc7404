/** Reads journals back: line by line, object by object, so that a run of any size takes little memory. */
import * as v from 'valibot';
import { type Digest, isDigest } from '../registry/digest.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';
import { TOTALS } from './journal.ts';
import type { ObjectStore } from './object-store.ts';
import { listPages } from './pages.ts';

const digest = v.custom<Digest>(isDigest, 'not a digest');
const repository = v.custom<string>(
  (value) => typeof value === 'string' && isRepositoryName(value),
  'not a repository name',
);
const tag = v.custom<string>((value) => typeof value === 'string' && isTagName(value), 'not a tag');
const bytes = v.number();
const always = { time: v.string(), run: v.string(), reason: v.string() };

/** What is needed of a line. Fields that came later are passed over. */
const lineSchema = v.variant('action', [
  v.object({
    ...always,
    action: v.literal('delete-manifest'),
    ...{ repository, digest, mediaType: v.string(), size: bytes },
    taggedAs: v.array(tag),
  }),
  v.object({
    ...always,
    action: v.literal('untag'),
    ...{ repository, digest, tag, etag: v.string() },
    versionId: v.exactOptional(v.string()),
  }),
  v.object({ ...always, action: v.literal('unlink'), repository, digest, size: bytes }),
  v.object({
    ...always,
    action: v.literal('delete-blob'),
    ...{ digest, size: bytes },
    repositories: v.array(v.string()),
  }),
  v.object({ ...always, action: v.literal('delete-upload'), repository, upload: v.string(), size: bytes }),
  v.object({ ...always, action: v.literal('abort-multipart'), key: v.string(), upload: v.string() }),
]);

export type JournalLine = v.InferOutput<typeof lineSchema>;
export type LineOf<A extends JournalLine['action']> = Extract<JournalLine, { readonly action: A }>;

/** A line that could not be read, by its place. */
export interface JournalProblem {
  readonly key: string;
  /** From 1; absent when the whole object could not be read. */
  readonly line?: number;
  readonly reason: string;
}

/** What one object of a journal holds. */
export interface JournalPart {
  readonly lines: readonly JournalLine[];
  readonly problems: readonly JournalProblem[];
}

/**
 * The journal below a prefix, in the order in which each of its writers wrote it.
 *
 * @param prefix of one run's journal, ending in a slash.
 * @param wants passes over a line by its text, before it is parsed; for a search. @default all are read
 */
export async function* readJournal(
  objects: ObjectStore,
  prefix: string,
  wants: (text: string) => boolean = () => true,
): AsyncGenerator<JournalPart> {
  for await (const page of listPages(objects, prefix)) {
    for (const { key } of page.objects) {
      if (!key.startsWith(`${prefix}${TOTALS}`)) yield await readPart(objects, key, wants);
    }
  }
}

async function readPart(
  objects: ObjectStore,
  key: string,
  wants: (text: string) => boolean,
): Promise<JournalPart> {
  const object = await objects.get(key);
  if (object === undefined) return { lines: [], problems: [{ key, reason: 'it is not there any more' }] };
  const lines: JournalLine[] = [];
  const problems: JournalProblem[] = [];
  for (const [at, text] of new TextDecoder().decode(object.body).split('\n').entries()) {
    if (text === '' || !wants(text)) continue;
    const line = parseLine(text);
    if (typeof line === 'string') problems.push({ key, line: at + 1, reason: line });
    else lines.push(line);
  }
  return { lines, problems };
}

/** @returns why it cannot be read, when it cannot. */
function parseLine(text: string): JournalLine | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  const result = v.safeParse(lineSchema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  return `${v.getDotPath(issue) ?? 'line'}: ${issue.message}`;
}

/** The runs that have a journal, newest first. @param prefix of all journals, ending in a slash. */
export async function journalledRuns(objects: ObjectStore, prefix: string): Promise<string[]> {
  const runs: string[] = [];
  for await (const { prefixes } of listPages(objects, prefix, { delimiter: '/' })) {
    runs.push(...prefixes.map((one) => one.slice(prefix.length, -1)));
  }
  return runs.sort().reverse();
}
