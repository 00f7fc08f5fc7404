/** What has become of a plan: what of it is gone, what is still to go, and what is not to go any more, and why. */
import type { Kept } from '../prune/plan-manifest.ts';
import type { DropCode, PlanProgress } from '../prune/report.ts';
import type { Run } from '../prune/run.ts';
import type { Digest } from '../registry/digest.ts';
import {
  type BlobItem,
  blobKey,
  isInForce,
  type ManifestItem,
  manifestId,
  manifestKey,
  toBlob,
  toManifest,
  uploadKey,
} from '../store/items.ts';
import type { BlobView } from '../store/metadata.ts';
import { sideBySide } from '../store/side-by-side.ts';
import type { Item, Key } from '../store/table.ts';
import type { PlannedBlob, PlannedLink, PlannedManifest } from './document.ts';
import { CHANGED, type Fate, Fates, GOES_ON, GONE, PENDING, unreadable } from './fates.ts';
import type { PlanLimit } from './plan-limit.ts';

/** Items read in one request, and so many of them side by side. */
const BATCH = 100;

/**
 * Read from the table at the end of a run, so it tells of what earlier runs and others have done as well.
 *
 * @param until when to stop looking, milliseconds since the epoch: what was not looked at by then counts as pending.
 */
export async function progressOf(limit: PlanLimit, run: Run, until: number): Promise<PlanProgress> {
  const fates = new Fates(run.now());
  const isOver = () => run.now() >= until;
  const waiting = await manifestsLeft(limit, run, fates, isOver);
  await blobsLeft(limit, run, fates, waiting, isOver);
  await uploadsLeft(limit, run, fates, isOver);
  return fates.end(limit.hash);
}

/** @returns ids of the manifests that are still to go. */
async function manifestsLeft(
  limit: PlanLimit,
  run: Run,
  fates: Fates,
  isOver: () => boolean,
): Promise<ReadonlySet<string>> {
  const waiting = new Set<string>();
  const planned = [...limit.manifests.values()];
  const keyOf = (one: PlannedManifest) => manifestKey(one.repository, one.digest);
  for await (const items of batches(run, planned, keyOf, isOver)) {
    for (const [one, row] of items) {
      const id = manifestId(one.repository, one.digest);
      const fate = row === 'unknown' ? PENDING : manifestFate(limit, run, one, row);
      fates.note('manifest', id, fate);
      if (fate.is === 'pending') waiting.add(id);
    }
  }
  return waiting;
}

function manifestFate(limit: PlanLimit, run: Run, planned: PlannedManifest, row: Item | undefined): Fate {
  if (row === undefined) return GONE;
  let item: ManifestItem;
  try {
    item = toManifest(row);
  } catch (error) {
    return unreadable(error);
  }
  if (item.state === 'deleted') return GONE;
  if (planned.gains !== (item.gains ?? 0)) return CHANGED;
  if (item.state === 'deleting') return PENDING;
  const rested = item.touchedAt + run.policy.grace;
  if (rested > run.now()) return { is: 'pending', at: rested };
  const why = limit.kept.get(manifestId(planned.repository, planned.digest));
  return why === undefined ? PENDING : keptFate(why);
}

/** What the run found when it looked at the manifest. */
function keptFate(why: Kept): Fate {
  const dropped = (code: DropCode, reason: string): Fate => ({ is: 'dropped', code, reason });
  switch (why.by) {
    case 'grace':
      return { is: 'pending', at: why.until };
    case 'arriving':
    case 'departing':
      return PENDING;
    case 'tag':
      return dropped('needed', `tag ${why.tag} holds it`);
    case 'problem':
      return dropped('unreadable', why.detail);
    case 'filter':
      return dropped('filter', `the filter ${why.reason} spares it`);
    case 'unversioned-bucket':
      return dropped('unversioned-bucket', 'its tag could not be brought back: the bucket is not versioned');
    case 'plan':
      return dropped('not-planned', 'it goes only together with what has changed or is not in the plan');
  }
}

/** A blob, and what of the plan is about it. */
interface PlannedBytes {
  readonly digest: Digest;
  readonly blob: PlannedBlob | undefined;
  readonly links: readonly PlannedLink[];
}

function bytesOf(limit: PlanLimit): PlannedBytes[] {
  const links = Map.groupBy(limit.links.values(), ({ digest }) => digest);
  const digests = new Set([...links.keys(), ...limit.blobs.keys()]) as Set<Digest>;
  return [...digests].map((digest) => ({
    ...{ digest, blob: limit.blobs.get(digest), links: links.get(digest) ?? [] },
  }));
}

async function blobsLeft(
  limit: PlanLimit,
  run: Run,
  fates: Fates,
  waiting: ReadonlySet<string>,
  isOver: () => boolean,
): Promise<void> {
  const keyOf = ({ digest }: PlannedBytes) => blobKey(digest);
  for await (const items of batches(run, bytesOf(limit), keyOf, isOver)) {
    const open: PlannedBytes[] = [];
    for (const [planned, row] of items) {
      // Most are gone or have changed, which the item tells; only of the others the edges are read.
      const fate = row === 'unknown' ? PENDING : itemFate(planned, row);
      if (fate === undefined) open.push(planned);
      else noteAll(fates, planned, fate);
    }
    await sideBySide(
      open,
      async (planned) =>
        isOver() ? noteAll(fates, planned, PENDING) : await look(run, fates, planned, waiting),
      run.concurrency,
    );
  }
}

function noteAll(fates: Fates, { digest, blob, links }: PlannedBytes, fate: Fate): void {
  for (const { repository } of links) fates.note('link', manifestId(repository, digest), fate);
  if (blob !== undefined) fates.note('blob', digest, fate);
}

/** @returns undefined where the item alone does not tell. */
function itemFate({ blob, links }: PlannedBytes, row: Item | undefined): Fate | undefined {
  if (row === undefined || row['state'] === 'deleted') return GONE;
  try {
    // Links are told of one by one: some may be gone, and others not.
    const { gains = 0 } = toBlob(row);
    return links.length === 0 && blob !== undefined && blob.gains !== gains ? CHANGED : undefined;
  } catch (error) {
    return unreadable(error);
  }
}

async function look(
  run: Run,
  fates: Fates,
  { digest, blob, links }: PlannedBytes,
  waiting: ReadonlySet<string>,
): Promise<void> {
  let view: BlobView;
  try {
    view = await run.metadata.blob(digest, { all: true });
  } catch (error) {
    return noteAll(fates, { digest, blob, links }, unreadable(error));
  }
  let kept: Fate | undefined;
  for (const link of links) {
    const edge = view.links.find(({ name }) => name === link.repository);
    const isGone = edge === undefined || !isInForce(edge);
    const fate = isGone ? GONE : await linkFate(run, view, link, waiting);
    fates.note('link', manifestId(link.repository, digest), fate);
    if (fate.is === 'dropped') kept = fate;
  }
  // A blob stays as long as one of its links does.
  if (blob !== undefined) fates.note('blob', digest, blobFate(run, view, blob.gains, waiting, kept));
}

function blobFate(
  run: Run,
  view: BlobView,
  gains: number,
  waiting: ReadonlySet<string>,
  kept: Fate | undefined,
): Fate {
  const { item } = view;
  if (item === undefined || item.state === 'deleted') return GONE;
  if ((item.gains ?? 0) !== gains) return CHANGED;
  const fate = kept ?? neededBy(view, waiting) ?? restOf(run, item);
  const isDue = fate.is === 'pending' && (fate.at ?? 0) <= run.now();
  if (isDue && item.state === 'condemned' && !run.policy.mayDelete) {
    const reason = 'its bytes could not be brought back: the bucket is not versioned';
    return { is: 'dropped', code: 'unversioned-bucket', reason };
  }
  return fate;
}

async function linkFate(
  run: Run,
  view: BlobView,
  link: PlannedLink,
  waiting: ReadonlySet<string>,
): Promise<Fate> {
  const { item } = view;
  if (item === undefined) return GONE;
  if ((item.gains ?? 0) !== link.gains) return CHANGED;
  const obstacle = await run.obstacles.of(link.repository);
  if (obstacle !== undefined) return { is: 'dropped', code: 'unreadable', reason: obstacle };
  return neededBy(view, waiting, link.repository) ?? restOf(run, item);
}

/** A manifest that names it and is not to go. @param repository only of this one. @default of any */
function neededBy(view: BlobView, waiting: ReadonlySet<string>, repository?: string): Fate | undefined {
  const needing = view.references.find(
    (edge) =>
      isInForce(edge) &&
      (repository === undefined || edge.name === repository) &&
      !waiting.has(manifestId(edge.name, edge.manifest)),
  );
  if (needing === undefined) return undefined;
  const reason = `${manifestId(needing.name, needing.manifest)} needs it`;
  return { is: 'dropped', code: 'needed', reason };
}

function restOf({ policy }: Run, item: BlobItem): Fate {
  const rested =
    item.state === 'condemned' && item.condemnedAt !== undefined
      ? item.condemnedAt + policy.quarantine
      : item.touchedAt + policy.grace;
  return { is: 'pending', at: rested };
}

async function uploadsLeft(limit: PlanLimit, run: Run, fates: Fates, isOver: () => boolean): Promise<void> {
  const { uploads, multipartUploads } = limit.plan;
  const keyOf = ({ repository, upload }: { repository: string; upload: string }) =>
    uploadKey(repository, upload);
  for await (const items of batches(run, uploads, keyOf, isOver)) {
    for (const [{ repository, upload }, row] of items) {
      const dueAt = row === 'unknown' ? undefined : row?.['dueAt'];
      const goesOn = typeof dueAt === 'number' && dueAt > run.now();
      const fate = row === undefined ? GONE : goesOn ? GOES_ON : PENDING;
      fates.note('upload', `${repository}/_uploads/${upload}`, fate);
    }
  }
  if (multipartUploads.length === 0) return;
  const there = new Set<string>();
  for await (const { key, uploadId } of run.bucket.objects.multipartUploads(run.bucket.layout.prefix)) {
    there.add(`${key}\n${uploadId}`);
  }
  for (const { key, upload } of multipartUploads)
    fates.note('upload', key, there.has(`${key}\n${upload}`) ? PENDING : GONE);
}

/** Reads the items of many entries, some requests side by side; `unknown` once it is over. */
async function* batches<T>(
  run: Run,
  entries: readonly T[],
  keyOf: (entry: T) => Key,
  isOver: () => boolean,
): AsyncGenerator<[T, Item | undefined | 'unknown'][]> {
  const step = BATCH * run.concurrency;
  for (let at = 0; at < entries.length; at += step) {
    const some = entries.slice(at, at + step);
    if (isOver()) {
      yield some.map((entry) => [entry, 'unknown']);
      continue;
    }
    const found = await run.metadata.table.getMany(some.map(keyOf));
    const rows = new Map(found.map((row) => [`${row.pk}\n${row.sk}`, row]));
    yield some.map((entry) => {
      const { pk, sk } = keyOf(entry);
      return [entry, rows.get(`${pk}\n${sk}`)];
    });
  }
}
