/** Reading the journals of runs, object by object, so that one of any length takes little memory. */
import * as v from 'valibot';
import { type Digest, isDigest } from '../registry/digest.ts';
import type { ObjectStore } from './object-store.ts';

const digest = v.custom<Digest>(isDigest, 'not a digest');
const line = { time: v.string(), run: v.string(), reason: v.string() };
const text = v.string();
const size = v.number();

/** As `journal.ts` writes them. Fields added later are passed over. */
const lineSchema = v.variant('action', [
  v.object({
    ...line,
    action: v.literal('delete-manifest'),
    ...{ repository: text, digest, mediaType: text, size, taggedAs: v.array(text) },
  }),
  v.object({
    ...line,
    action: v.literal('untag'),
    ...{ repository: text, digest, tag: text, etag: text, versionId: v.exactOptional(text) },
  }),
  v.object({ ...line, action: v.literal('unlink'), repository: text, digest, size: v.optional(size, 0) }),
  v.object({ ...line, action: v.literal('delete-blob'), digest, size, repositories: v.array(text) }),
  v.object({
    ...line,
    action: v.literal('delete-upload'),
    ...{ repository: text, upload: text, keys: v.array(text), size },
  }),
  v.object({ ...line, action: v.literal('abort-multipart'), key: text, upload: text, size }),
]);

export type JournalLine = v.InferOutput<typeof lineSchema>;

/** A line of one action. */
export type LineOf<A extends JournalLine['action']> = Extract<JournalLine, { readonly action: A }>;

/** A line that cannot be read: said, and the others are read all the same. */
export interface UnreadableLine {
  readonly action: 'unreadable';
  /** The journal's object and the line in it, from 1. */
  readonly where: string;
  readonly detail: string;
}

/** Ids of the runs that have a journal, in order of their start. */
export async function journalledRuns(objects: ObjectStore, prefix: string): Promise<string[]> {
  const runs: string[] = [];
  let next: string | undefined;
  do {
    const page = await objects.list(prefix, { delimiter: '/', ...(next === undefined ? {} : { next }) });
    runs.push(...page.prefixes.map((directory) => directory.slice(prefix.length, -1)));
    next = page.next;
  } while (next !== undefined);
  return runs.sort();
}

/**
 * The lines of one run, as they were stored by each of its writers.
 *
 * @param prefix of all journals, ending in a slash.
 */
export async function* journalLines(
  objects: ObjectStore,
  prefix: string,
  runId: string,
): AsyncGenerator<JournalLine | UnreadableLine> {
  let next: string | undefined;
  do {
    const page = await objects.list(`${prefix}${runId}/`, next === undefined ? {} : { next });
    for (const { key } of page.objects) yield* linesOf(objects, key);
    next = page.next;
  } while (next !== undefined);
}

async function* linesOf(objects: ObjectStore, key: string): AsyncGenerator<JournalLine | UnreadableLine> {
  const object = await objects.get(key);
  if (object === undefined) {
    yield { action: 'unreadable', where: key, detail: 'it is gone' };
    return;
  }
  const lines = new TextDecoder().decode(object.body).split('\n');
  for (const [at, one] of lines.entries()) if (one !== '') yield parseLine(one, `${key}:${at + 1}`);
}

function parseLine(one: string, where: string): JournalLine | UnreadableLine {
  try {
    return v.parse(lineSchema, JSON.parse(one));
  } catch (error) {
    return { action: 'unreadable', where, detail: error instanceof Error ? error.message : String(error) };
  }
}
