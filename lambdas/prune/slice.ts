/**
 * Works off the queues of some shards until they are empty or time is up: manifests, then blobs, then uploads.
 * The queue is the cursor, so whatever is left is the next slice's.
 */
import { type Digest, isDigest } from '../registry/digest.ts';
import { chunked } from '../store/backoff.ts';
import {
  type BlobItem,
  type QueueKind,
  queueName,
  repositoryPk,
  SHARDS,
  UnknownItemError,
} from '../store/items.ts';
import { KeySet } from '../store/key-set.ts';
import { DeadlineError } from '../store/object-store.ts';
import { compareUtf8 } from '../store/order.ts';
import { dueEntries } from '../store/queue.ts';
import { sideBySide } from '../store/side-by-side.ts';
import type { DueEntry, Key } from '../store/table.ts';
import { findArrival } from './arrivals.ts';
import { handleBlob } from './blobs.ts';
import type { Limit } from './limit.ts';
import { type Handled, handleManifest } from './manifests.ts';
import { orderOf, type Phase, type Step, stepsOf } from './phases.ts';
import { cascades, type Run } from './run.ts';
import { sweep } from './sweep.ts';
import { type Stale, unlink } from './unlink.ts';
import { abortMultipartUploads, handleUpload } from './uploads.ts';

/** With no grace or quarantine, work makes more work due at once; the index shows it a moment later. */
const SETTLE_MS = 500;

/** Shards of a slice worked on side by side, each with `concurrency` items: as many as there are connections. */
const SHARDS_AT_ONCE = 4;

/** Entries of a plan worked on before the next, as of the queue. */
const PLANNED_PAGE = 1000;

/** What is to be worked off. */
export interface Work {
  readonly phase: Phase;
  /** Where the walk over all manifests goes on. @default it begins with the first repository */
  readonly after?: string | undefined;
}

export interface WorkedOff {
  /** Whether the shards were worked off. */
  readonly done: boolean;
  /** Whether anything has changed that may make other things due, in other shards too. */
  readonly progress: boolean;
  /** Up to where the walk over all manifests has come; absent before its first page. */
  readonly after?: string | undefined;
}

/** Works on some shards until they are worked off or the run {@link Run.isOver | is over}. */
export async function workOff(
  run: Run,
  shards: readonly string[],
  { phase, after }: Work = { phase: 'all' },
): Promise<WorkedOff> {
  const walk: Walk = { after };
  let progress = false;
  const work: Record<Step, () => Promise<boolean>> = {
    manifests: () => queuePhase(run, 'manifest', shards, (entries) => manifestPage(run, entries)),
    walk: () => everyManifest(run, shards, walk),
    blobs: () => blobsAndUploads(run, shards),
    // Multipart uploads have no shard: whoever has the first one sees to them.
    multipart: async () => {
      if (shards.includes('0') && !run.isOver()) await abortMultipartUploads(run);
      return false;
    },
  };
  const worked = (done: boolean): WorkedOff => ({ done, progress, after: walk.after });
  try {
    for (const step of stepsOf(orderOf(run), phase)) progress = (await work[step]()) || progress;
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    return worked(false);
  }
  return worked(!run.isOver());
}

async function blobsAndUploads(run: Run, shards: readonly string[]): Promise<boolean> {
  await haltOnArrival(run);
  const blobs = await queuePhase(run, 'blob', shards, (entries) => blobPage(run, entries));
  const uploads = await queuePhase(run, 'upload', shards, (entries) => uploadPage(run, entries));
  return blobs || uploads;
}

/** Offline, the bucket is looked through once more before the first bytes go. */
async function haltOnArrival(run: Run): Promise<void> {
  if (run.request.mode !== 'offline' || run.policy.resolveOnly || run.isOver()) return;
  const found = await findArrival(run, run.reindexedAt);
  if (found !== undefined) run.halt(found);
}

type PageHandler = (entries: readonly DueEntry[]) => Promise<readonly Handled[]>;

async function queuePhase(
  run: Run,
  kind: QueueKind,
  shards: readonly string[],
  handle: PageHandler,
): Promise<boolean> {
  // Offline, nothing waits for its time; uploads always do.
  const feedsItself =
    kind !== 'upload' && !run.policy.resolveOnly && (cascades(run.policy) || run.policy.quarantine === 0);
  const until = () => {
    if (run.request.mode === 'offline' && kind !== 'upload') return Number.MAX_SAFE_INTEGER;
    // What falls due meanwhile is the next run's: nobody has asked the brake about it.
    return feedsItself ? run.now() : run.startedAt;
  };
  const settled = new KeySet();
  let any = false;
  for (let quiet = 0; !run.isOver() && quiet < 2; ) {
    const progress = await sideBySide(
      shards,
      (shard) => stopAllOnFailure(run, () => pass(run, { kind, shard }, until, settled, handle)),
      SHARDS_AT_ONCE,
    );
    const isQuiet = !progress.some(Boolean);
    any ||= !isQuiet;
    if (!feedsItself) break;
    quiet = isQuiet ? quiet + 1 : 0;
    if (quiet === 1) await run.sleep(SETTLE_MS);
  }
  return any;
}

/** What one shard dies of, the others would too. */
async function stopAllOnFailure<R>(run: Run, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    run.stop();
    throw error;
  }
}

/** Once through one queue. Entries that nothing this run does will change are looked at once. */
async function pass(
  run: Run,
  { kind, shard }: { readonly kind: QueueKind; readonly shard: string },
  until: () => number,
  settled: KeySet,
  handle: PageHandler,
): Promise<boolean> {
  let progress = false;
  const source =
    run.limit === undefined
      ? dueEntries(run.metadata.table, queueName(kind, shard), until)
      : plannedEntries(run.limit, kind, shard);
  for await (const entries of cut(source, run.page)) {
    if (run.isOver()) break;
    const id = ({ pk, sk, dueAt }: DueEntry) => `${pk}\n${sk}\n${dueAt}`;
    const fresh = entries.filter((entry) => !settled.has(id(entry)));
    const handled = await handle(fresh);
    // Only those left for good: one that has moved on, or waits for another, may be due again at the same moment.
    for (const [at, entry] of fresh.entries()) {
      if (run.limit === undefined && handled[at] === 'left') settled.add(id(entry));
    }
    await run.progress();
    progress ||= handled.includes('progress');
  }
  // An empty queue takes its time too, and the lock may have been taken away meanwhile.
  await run.progress();
  return progress;
}

/** The same pages, none with more than so many entries. */
async function* cut(
  pages: AsyncIterable<readonly DueEntry[]> | Iterable<readonly DueEntry[]>,
  size: number,
): AsyncGenerator<readonly DueEntry[]> {
  for await (const entries of pages) yield* chunked(entries, size);
}

/** What a plan names, in the place of the queue. Its order is that in which the plan found it: holders first. */
function* plannedEntries(limit: Limit, kind: QueueKind, shard: string): Generator<readonly DueEntry[]> {
  const keys = limit.keys(kind, shard);
  const queue = queueName(kind, shard);
  for (let at = 0; at < keys.length; at += PLANNED_PAGE) {
    yield keys.slice(at, at + PLANNED_PAGE).map(({ pk, sk }) => ({ pk, sk, queue, dueAt: 0 }));
  }
}

/** The manifest an entry or item is about. */
function manifestOf({ pk, sk }: Key) {
  const digest = sk.slice('MANIFEST#'.length);
  return pk.startsWith('REPO#') && isDigest(digest) ? { name: pk.slice('REPO#'.length), digest } : undefined;
}

async function manifestPage(run: Run, entries: readonly Key[]): Promise<Handled[]> {
  return await eachOf(
    run,
    entries,
    async (entry) => {
      const manifest = manifestOf(entry);
      return manifest === undefined ? 'left' : await handleManifest(run, manifest.name, manifest.digest);
    },
    (entry, { message }) => {
      const manifest = manifestOf(entry);
      if (manifest === undefined) return;
      run.obstacles.add(manifest.name, message);
      run.tally.skipManifest(`${manifest.name}@${manifest.digest}`);
      run.tally.refuse({ code: 'unreadable', message, repository: manifest.name });
    },
  );
}

/** The blob an entry is about. */
function blobOf({ pk }: Key) {
  const digest = pk.slice('BLOB#'.length);
  return isDigest(digest) ? digest : undefined;
}

/** A page of the queue is unlinked and swept together, so that its deletions share requests. */
async function blobPage(run: Run, entries: readonly DueEntry[]): Promise<Handled[]> {
  const due: BlobItem[] = [];
  const found: BlobItem[] = [];
  const stale = new Map<DueEntry, Stale>();
  const handled = await eachOf(
    run,
    entries,
    async (entry) => {
      const digest = blobOf(entry);
      if (digest === undefined) return 'left';
      const outcome = await handleBlob(run, digest);
      if (outcome.next === 'sweep') due.push(outcome.item);
      if (outcome.next === 'resolve') found.push(outcome.item);
      if (outcome.next === 'unlink') stale.set(entry, outcome.stale);
      return outcome.next === 'left' ? 'left' : 'progress';
    },
    (entry, error) => refuseBlob(run, blobOf(entry), error),
  );
  if (stale.size > 0) {
    const unlinked = await unlinkPage(run, [...stale.values()]);
    const stays = new Set([...stale.keys()].filter((_, at) => !unlinked[at]));
    for (const [at, entry] of entries.entries()) if (stays.has(entry)) handled[at] = 'left';
  }
  if (due.length + found.length > 0) await sweep(run, due, found);
  return handled;
}

async function unlinkPage(run: Run, stale: readonly Stale[]): Promise<boolean[]> {
  return await unlink(run, stale, async ({ item: { digest } }, work) => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnknownItemError)) throw error;
      refuseBlob(run, digest, error);
      return false;
    }
  });
}

/** An item of it is in a shape not known: it is kept. */
function refuseBlob(run: Run, digest: Digest | undefined, { message }: UnknownItemError): void {
  run.tally.refuse({ code: 'unreadable', message, ...(digest === undefined ? {} : { digest }) });
}

async function uploadPage(run: Run, entries: readonly DueEntry[]): Promise<Handled[]> {
  return await eachOf(
    run,
    entries,
    (entry) => handleUpload(run, entry),
    ({ pk }, { message }) => run.tally.refuse({ code: 'unreadable', message, repository: pk }),
  );
}

/** How far the walk over all manifests is. */
interface Walk {
  /** The last repository that it is through with, or one and, after a space, the last item that it has come to there. */
  after: string | undefined;
}

function placeOf(after = ''): { readonly repository?: string; readonly from?: string } {
  const [repository, from] = after.split(' ', 2);
  return { ...(repository ? { repository } : {}), ...(from ? { from } : {}) };
}

/**
 * `dangling=false` asks about manifests that nothing has queued: every one of the repositories asked for. A
 * repository belongs to one shard.
 */
async function everyManifest(run: Run, shards: readonly string[], walk: Walk): Promise<boolean> {
  const mine = new Set(shards);
  let progress = false;
  for await (const name of run.metadata.repositories()) {
    if (run.isOver()) return progress;
    const { repository, from } = placeOf(walk.after);
    if (repository !== undefined && compareUtf8(name, repository) < (from === undefined ? 1 : 0)) continue;
    if (!run.policy.inScope(name) || !mine.has(shardOfName(name))) continue;
    const behind = name === repository ? from : undefined;
    for await (const page of run.metadata.pages(repositoryPk(name), {
      prefix: 'MANIFEST#',
      ...(behind === undefined ? {} : { from: behind }),
    })) {
      // Those queued come by the queue; those gone are gone.
      const rows = page.items.filter((row) => row['state'] === 'live' && row['queue'] === undefined);
      progress = (await manifestPage(run, rows)).includes('progress') || progress;
      await run.progress();
      if (run.isOver()) return progress;
      if (page.next !== undefined) walk.after = `${name} ${page.next.sk}`;
    }
    walk.after = name;
  }
  return progress;
}

function shardOfName(name: string): string {
  let sum = 0;
  for (let at = 0; at < name.length; at++) sum = (sum * 31 + name.charCodeAt(at)) >>> 0;
  return SHARDS[sum % SHARDS.length] ?? '0';
}

/**
 * Side by side; once the run is over, what is left is left.
 *
 * @param unreadable told of an item in a shape not known, which is kept.
 */
async function eachOf<T>(
  run: Run,
  items: readonly T[],
  work: (item: T) => Promise<Handled>,
  unreadable: (item: T, error: UnknownItemError) => void,
): Promise<Handled[]> {
  const handle = async (item: T): Promise<Handled> => {
    if (run.isOver()) return 'left';
    try {
      return await work(item);
    } catch (error) {
      if (!(error instanceof UnknownItemError)) throw error;
      unreadable(item, error);
      return 'left';
    }
  };
  return await sideBySide(items, handle, run.concurrency);
}
