/** What has become of a plan: what of it is gone, what is still to go, and what is not to go any more, and why. */
import type { Kept } from '../prune/plan-manifest.ts';
import {
  type DropCode,
  type Dropped,
  MAX_LISTED,
  type PlanCount,
  type PlanProgress,
} from '../prune/report.ts';
import type { Run } from '../prune/run.ts';
import {
  type BlobItem,
  isInForce,
  type ManifestItem,
  manifestKey,
  toManifest,
  UnknownItemError,
  uploadKey,
} from '../store/items.ts';
import type { BlobView } from '../store/metadata.ts';
import { sideBySide } from '../store/side-by-side.ts';
import type { Item, Key } from '../store/table.ts';
import type { PlannedManifest } from './document.ts';
import { manifestId, type PlanLimit } from './plan-limit.ts';

type Fate =
  | { readonly is: 'gone' }
  /** @param at milliseconds since the epoch; undefined when it is due already. */
  | { readonly is: 'pending'; readonly at?: number }
  | { readonly is: 'dropped'; readonly code: DropCode; readonly reason: string };

const GONE: Fate = { is: 'gone' };
const CHANGED: Fate = {
  is: 'dropped',
  code: 'changed',
  reason: 'it was pushed, tagged, mounted or linked since the plan was made',
};

/** Manifests read in one request, and so many of them side by side. */
const BATCH = 100;

class Count {
  planned = 0;
  gone = 0;
  pending = 0;
  dropped = 0;
}

class Fates {
  readonly #now: number;
  readonly #dropped: Dropped[] = [];
  #nextAt: number | undefined;
  readonly counts = { manifests: new Count(), links: new Count(), blobs: new Count(), uploads: new Count() };

  constructor(now: number) {
    this.#now = now;
  }

  note(kind: Dropped['kind'], what: string, fate: Fate): void {
    const count = this.counts[`${kind}s`];
    count.planned++;
    count[fate.is]++;
    if (fate.is === 'pending') {
      const at = Math.max(fate.at ?? this.#now, this.#now);
      this.#nextAt = Math.min(this.#nextAt ?? at, at);
    } else if (fate.is === 'dropped' && this.#dropped.length < MAX_LISTED) {
      this.#dropped.push({ kind, what, code: fate.code, reason: fate.reason });
    }
  }

  end(hash: string): PlanProgress {
    const plain = (count: Count): PlanCount => ({ ...count });
    const { manifests, links, blobs, uploads } = this.counts;
    return {
      hash,
      ...{ manifests: plain(manifests), links: plain(links), blobs: plain(blobs), uploads: plain(uploads) },
      nextAt: this.#nextAt === undefined ? null : new Date(this.#nextAt).toISOString(),
      dropped: this.#dropped,
    };
  }
}

/** Read from the table at the end of a run, so it tells of what earlier runs and others have done as well. */
export async function progressOf(limit: PlanLimit, run: Run): Promise<PlanProgress> {
  const fates = new Fates(run.now());
  const waiting = await manifestsLeft(limit, run, fates);
  await blobsLeft(limit, run, fates, waiting);
  await uploadsLeft(limit, run, fates);
  return fates.end(limit.hash);
}

/** @returns ids of the manifests that are still to go. */
async function manifestsLeft(limit: PlanLimit, run: Run, fates: Fates): Promise<ReadonlySet<string>> {
  const waiting = new Set<string>();
  const planned = [...limit.manifests.values()];
  const keyOf = (one: PlannedManifest) => manifestKey(one.repository, one.digest);
  for await (const items of batches(run, planned, keyOf)) {
    for (const [one, row] of items) {
      const id = manifestId(one.repository, one.digest);
      const fate = manifestFate(limit, run, one, row);
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
    if (!(error instanceof UnknownItemError)) throw error;
    return { is: 'dropped', code: 'unreadable', reason: error.message };
  }
  if (item.state === 'deleted') return GONE;
  if (planned.gains !== (item.gains ?? 0)) return CHANGED;
  if (item.state === 'deleting') return { is: 'pending' };
  const rested = item.touchedAt + run.policy.grace;
  if (rested > run.now()) return { is: 'pending', at: rested };
  const why = limit.kept.get(manifestId(planned.repository, planned.digest));
  return why === undefined ? { is: 'pending' } : keptFate(why);
}

/** What the run found when it looked at the manifest. */
function keptFate(why: Kept): Fate {
  const dropped = (code: DropCode, reason: string): Fate => ({ is: 'dropped', code, reason });
  switch (why.by) {
    case 'grace':
      return { is: 'pending', at: why.until };
    case 'arriving':
    case 'departing':
      return { is: 'pending' };
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

async function blobsLeft(
  limit: PlanLimit,
  run: Run,
  fates: Fates,
  waiting: ReadonlySet<string>,
): Promise<void> {
  const links = Map.groupBy(limit.links.values(), ({ digest }) => digest);
  const digests = [...new Set([...links.keys(), ...limit.plan.blobs.map(({ digest }) => digest)])];
  await sideBySide(
    digests,
    async (digest) => {
      const view = await run.metadata.blob(digest, { all: true });
      const planned = limit.blobs.get(digest);
      if (planned !== undefined) fates.note('blob', digest, blobFate(run, view, planned.gains, waiting));
      for (const link of links.get(digest) ?? []) {
        const edge = view.links.find(({ name }) => name === link.repository);
        const isGone = edge === undefined || !isInForce(edge);
        const fate = isGone ? GONE : await linkFate(run, view, link, waiting);
        fates.note('link', manifestId(link.repository, digest), fate);
      }
    },
    run.concurrency,
  );
}

function blobFate(run: Run, view: BlobView, gains: number, waiting: ReadonlySet<string>): Fate {
  const { item } = view;
  if (item === undefined || item.state === 'deleted') return GONE;
  if ((item.gains ?? 0) !== gains) return CHANGED;
  return neededBy(view, waiting) ?? restOf(run, item);
}

async function linkFate(
  run: Run,
  view: BlobView,
  link: { readonly repository: string; readonly gains: number },
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

async function uploadsLeft(limit: PlanLimit, run: Run, fates: Fates): Promise<void> {
  const keyOf = ({ repository, upload }: { repository: string; upload: string }) =>
    uploadKey(repository, upload);
  for await (const items of batches(run, limit.plan.uploads, keyOf)) {
    for (const [{ repository, upload }, row] of items) {
      const dueAt = row?.['dueAt'];
      const goesOn = typeof dueAt === 'number' && dueAt > run.now();
      const fate: Fate = row === undefined ? GONE : goesOn ? CHANGED : { is: 'pending' };
      fates.note('upload', `${repository}/_uploads/${upload}`, fate);
    }
  }
}

/** Reads the items of many entries, some requests side by side. */
async function* batches<T>(run: Run, entries: readonly T[], keyOf: (entry: T) => Key) {
  const step = BATCH * run.concurrency;
  for (let at = 0; at < entries.length; at += step) {
    const some = entries.slice(at, at + step);
    const rows = new Map(
      (await run.metadata.table.getMany(some.map(keyOf))).map((row) => [`${row.pk}\n${row.sk}`, row]),
    );
    yield some.map((entry): [T, Item | undefined] => {
      const { pk, sk } = keyOf(entry);
      return [entry, rows.get(`${pk}\n${sk}`)];
    });
  }
}
