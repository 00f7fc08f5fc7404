/** Deletes the bytes of condemned blobs, many in one request (protocol, blob steps 4 to 8). */
import { putLink } from '../store/hold.ts';
import {
  type BlobItem,
  blobKey,
  blobQueue,
  isInForce,
  referenceKey,
  UnknownItemError,
} from '../store/items.ts';
import { type BlobView, tombstoneExpiry } from '../store/metadata.ts';
import { sideBySide } from '../store/side-by-side.ts';
import { repairBlob, reportLost } from './repair.ts';
import { marks, type Run } from './run.ts';

interface Taken {
  readonly item: BlobItem;
  readonly version: number;
  /** Found `deleting`: an earlier run may have deleted the data and not have lived to count it. */
  readonly resumed: boolean;
}

/** A taken blob that nothing needs. */
interface Doomed extends Taken {
  /** Those that have held it. */
  readonly repositories: readonly string[];
}

/** A doomed blob as the bucket has it. */
interface Located extends Doomed {
  readonly key: string;
  /** Bytes; undefined when there is no data to be seen. */
  readonly size: number | undefined;
}

/** Sweeps condemned blobs that are due, and finishes or repairs what was found `deleting`. */
export async function sweep(run: Run, due: readonly BlobItem[], found: readonly BlobItem[]): Promise<void> {
  const { concurrency } = run;
  if (run.isOver()) return;
  const taken = await sideBySide(
    [...due.map((item) => ({ item, resumed: false })), ...found.map((item) => ({ item, resumed: true }))],
    ({ item, resumed }) => take(run, item, resumed),
    concurrency,
  );
  const doomed = await sideBySide(taken.filter(isDefined), (blob) => lookAgain(run, blob), concurrency);
  // A push seen in an offline run, or the end of the time: what is taken stays `deleting`, for the next run.
  if (run.isOver()) return;
  const located = await sideBySide(doomed.filter(isDefined), (blob) => locate(run, blob), concurrency);
  const bytes = located.reduce((sum, { size = 0 }) => sum + size, 0);
  const tooMuch = await run.brake?.takeBytes(bytes, () => run.tally.spaceReclaimed);
  if (tooMuch !== undefined) return run.halt(tooMuch);
  await run.journal.write(
    located.flatMap(({ item, repositories, size }) =>
      size === undefined
        ? []
        : [
            {
              action: 'delete-blob' as const,
              reason: 'no manifest references it and no repository links it',
              digest: item.digest,
              size,
              gains: item.gains ?? 0,
              repositories,
            },
          ],
    ),
  );
  const markers = await remove(run, located);
  const gone = await sideBySide(
    located.filter(({ key, size }) => size === undefined || markers.has(key)),
    (blob) => bury(run, blob, markers.get(blob.key)),
    concurrency,
  );
  await run.brake?.tellGone(gone.reduce((sum, count) => sum + count, 0));
}

/** Step 4. It stays queued, and due as it was, so that whoever comes after a crash finds it, be it in the same run. */
async function take(run: Run, item: BlobItem, resumed: boolean): Promise<Taken | undefined> {
  const dueAt = Math.min(item.dueAt ?? run.now(), run.now());
  const set = { state: 'deleting', ...marks(run), queue: blobQueue(item.digest), dueAt };
  const version = await run.metadata.transition(blobKey(item.digest), item.version, set);
  return version === undefined ? undefined : { item, version, resumed };
}

/**
 * Step 5: the table again, and the bucket itself wherever the blob ever had a link.
 *
 * @returns undefined when something needs it; it is live again then.
 */
async function lookAgain(run: Run, taken: Taken): Promise<Doomed | undefined> {
  const { item } = taken;
  const view = await viewOf(run, item);
  if (view === undefined) return undefined;
  const needed = [...view.references, ...view.links].some(isInForce);
  const isBeyond = run.limit?.allowsBlob(item) === false;
  const wanted = needed || item.rescue === true || run.policy.resolveOnly || isBeyond;
  if (!wanted && !(await isLinked(run, item, view))) return { ...taken, repositories: namesIn(view) };
  const outcome = await repairBlob(run, item.digest);
  if (outcome === 'live') run.tally.blobs.rescued++;
  if (outcome === 'lost' && needed) reportLost(run, item.digest, nameOf(view));
  return undefined;
}

const namesIn = ({ links, references }: BlobView): string[] => [
  ...new Set([...links, ...references].map(({ name }) => name)),
];

/** @returns undefined when something of it is not understood: it is live again, and kept, as long as that is so. */
async function viewOf(run: Run, { digest }: BlobItem): Promise<BlobView | undefined> {
  try {
    return await run.metadata.blob(digest, { all: true });
  } catch (error) {
    if (!(error instanceof UnknownItemError)) throw error;
    run.tally.refuse({ code: 'unreadable', message: error.message, digest });
    await repairBlob(run, digest);
    return undefined;
  }
}

/** Whether the bucket holds a link that the table has marked removed; its edge is put back then. */
async function isLinked(run: Run, { digest }: BlobItem, view: BlobView): Promise<boolean> {
  let found = false;
  for (const { name } of view.links) {
    const link = await run.bucket.layerLink(name, digest);
    if (link === undefined) continue;
    await putLink(run.metadata, name, digest, link.lastModified.getTime());
    found = true;
  }
  for (const { name, manifest } of view.references) {
    if (manifest !== digest || (await run.bucket.revisionLink(name, digest)) === undefined) continue;
    await run.metadata.table.write([{ put: { ...referenceKey(digest, name, digest), since: run.now() } }]);
    found = true;
  }
  return found;
}

/** Step 7: hidden data is not deleted a second time; and what is there has the size that counts. */
async function locate(run: Run, doomed: Doomed): Promise<Located> {
  const { digest } = doomed.item;
  const data = await run.bucket.blob(digest);
  return { ...doomed, key: run.bucket.layout.blobData(digest), size: data?.size };
}

/** @returns the keys S3 confirmed, each with its delete marker if there is one. */
async function remove(run: Run, located: readonly Located[]): Promise<Map<string, string | undefined>> {
  const visible = located.filter(({ size }) => size !== undefined);
  if (visible.length === 0) return new Map();
  const { deleted, failed } = await run.bucket.objects.deleteMany(visible.map(({ key }) => key));
  // They stay `deleting` and queued: the next run looks again and finishes.
  run.tally.blobs.failed += failed.length;
  run.tally.fail(failed);
  return new Map(deleted.map(({ key, marker }) => [key, marker]));
}

/** Step 8. Only its success counts the bytes. @returns those that it counts */
async function bury(
  run: Run,
  { item, version, size, resumed }: Located,
  marker: string | undefined,
): Promise<number> {
  const { digest } = item;
  // Without a size there was nothing to delete: the blob was known only by what named it.
  const bytes = size ?? (resumed ? item.size : undefined);
  const set = {
    state: 'deleted',
    expireAt: tombstoneExpiry(run.now()),
    ...(size === undefined ? {} : { size }),
    ...(marker === undefined ? {} : { deleteMarker: marker }),
  };
  const gone = ['queue', 'dueAt', 'rescue', 'condemnedAt'];
  if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {
    const { tally } = run;
    if (bytes !== undefined) {
      tally.blobs.deleted++;
      tally.spaceReclaimed += bytes;
      tally.image({ deleted: digest });
    }
    if ((item.condemnedAt ?? 0) >= run.startedAt) {
      // Condemned and swept by this run: counted once, as deleted.
      tally.blobs.condemned--;
      tally.blobs.condemnedBytes -= item.size ?? 0;
    }
    return bytes ?? 0;
  }
  // Somebody needs it since the last look.
  const outcome = await repairBlob(run, digest);
  if (outcome === 'live') run.tally.blobs.rescued++;
  if (outcome === 'lost') await reportIfNeeded(run, item);
  return 0;
}

async function reportIfNeeded(run: Run, { digest }: BlobItem): Promise<void> {
  const view = await run.metadata.blob(digest);
  const needed = view.references.some(isInForce);
  if (needed) reportLost(run, digest, nameOf(view));
}

function nameOf({ references, links }: BlobView): string {
  return [...references, ...links].find(isInForce)?.name ?? '';
}

const isDefined = <T>(value: T | undefined): value is T => value !== undefined;
