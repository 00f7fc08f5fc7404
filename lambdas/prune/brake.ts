/**
 * The brake on the blast radius (protocol section 5): a run that would delete more than a set share of a repository's
 * manifests, or of the bucket's bytes, deletes nothing unless that figure is confirmed.
 */
import type { Stores } from '../store/hold.ts';
import { queueName, repositoryPk, SHARDS } from '../store/items.ts';
import { dueEntries } from '../store/queue.ts';
import type { Item, Key } from '../store/table.ts';
import type { Counters } from './counters.ts';
import type { Refusal } from './report.ts';
import { type PruneRequest, repositoryScope } from './request.ts';

export interface BrakeSettings {
  /** Of a repository's manifests, and of the bytes of all blobs: from 0 to 1, which lets everything pass. */
  readonly manifestShare: number;
  readonly byteShare: number;
  /** Up to so much no share is asked for: a small repository is soon gone by half. */
  readonly manifestFloor: number;
  readonly byteFloor: number;
}

/** What a run would delete. */
export interface Radius {
  /** Manifests by repository. */
  readonly manifests: ReadonlyMap<string, number>;
  /** Of blob data. */
  readonly bytes: number;
}

/** Repositories named in refusals. */
const MAX_NAMED = 20;
/** Blob items read in one go. */
const BATCH = 1_000;

/** More than is allowed. */
interface Excess {
  readonly repository?: string;
  readonly what: 'manifests' | 'bytes of blobs';
  readonly setting: string;
  readonly count: number;
  readonly total: number;
  /** Percent. */
  readonly allowed: number;
}

/**
 * Looks whether a run may go on.
 *
 * What is due bounds what an online run of untagged manifests takes; only where that bound is too much, or there is none,
 * the run is rehearsed. What there is in all is counted no further than it takes to know, so that this costs as much as
 * there is garbage. {@link RunningBrake} sees to it that the run then keeps to it.
 *
 * @param rehearse what the run would delete, to the last item; undefined where that could not be known in time.
 * @returns why not, with the figure and how to confirm it; nothing when it may.
 */
export async function brake(
  about: {
    readonly stores: Stores;
    readonly request: PruneRequest;
    readonly settings: BrakeSettings;
    /** Up to when the run looks at the queue, milliseconds since the epoch. */
    readonly now: number;
    readonly mayDelete: boolean;
    /** Whether what the run sets free waits for a later one. */
    readonly waits: boolean;
  },
  rehearse: () => Promise<Radius | undefined>,
): Promise<readonly Refusal[]> {
  const { stores, request, settings, mayDelete } = about;
  const limits = limitsOf(settings, request);
  if (limits.manifests >= 100 && limits.bytes >= 100) return [];
  if (about.waits && request.filters.dangling) {
    const bound = await dueNow(stores, request, about.now, mayDelete);
    if (bound !== undefined && (await excessesOf(stores, bound, limits)).length === 0) return [];
  }
  const radius = await rehearse();
  if (radius !== undefined) return refusalsOf(await excessesOf(stores, radius, limits));
  const message =
    'how much the run would delete could not be worked out in the time it has: run it from the command line, ' +
    `apply a plan, or confirm any figure with ${howTo(100)}`;
  return [{ code: 'blast-radius', message }];
}

/** What a rehearsal that is over would be refused for. @param stores in which what it would delete is gone. */
export async function foretell(
  stores: Stores,
  radius: Radius,
  settings: BrakeSettings,
  request: PruneRequest,
): Promise<readonly Refusal[]> {
  return refusalsOf(await excessesOf(stores, radius, limitsOf(settings, request), radius));
}

/**
 * Keeps a run to what the brake allows. What it was asked about may have grown since: a manifest goes with all that holds
 * it, which need not have been due, and pushes go on.
 */
export class RunningBrake {
  readonly #stores: Stores;
  readonly #limits: Limits;
  readonly #runId: string;
  readonly #counters: Counters;
  /** Manifests that were taken and given back, by repository: the next ones are taken from these. */
  readonly #credit = new Map<string, number>();
  /** Up to how many the run may take, as far as it was asked, by repository. */
  readonly #manifestsAllowed = new Map<string, number>();
  #bytesAllowed: number;

  /** @param of the run, and the counters of all its workers. */
  constructor(
    stores: Stores,
    settings: BrakeSettings,
    request: PruneRequest,
    of: { readonly runId: string; readonly counters: Counters },
  ) {
    this.#stores = stores;
    this.#runId = of.runId;
    this.#counters = of.counters;
    this.#limits = limitsOf(settings, request);
    this.#bytesAllowed = this.#limits.byteFloor;
  }

  /** Before manifests are taken. */
  async takeManifests(repository: string, count: number): Promise<Refusal | undefined> {
    const { manifests: percent, manifestFloor } = this.#limits;
    if (percent >= 100) return undefined;
    const credit = Math.min(count, this.#credit.get(repository) ?? 0);
    if (credit > 0) this.#credit.set(repository, (this.#credit.get(repository) ?? 0) - credit);
    const taken = await this.#counters.add(`manifests ${repository}`, count - credit);
    const known = () => this.#manifestsAllowed.get(repository) ?? manifestFloor;
    if (taken <= known()) return undefined;
    const enough = toBe(2 * taken, percent);
    const total = await countManifests(this.#stores, repository, enough, this.#runId);
    const allowed = Math.max(known(), (total * percent) / 100);
    this.#manifestsAllowed.set(repository, allowed);
    if (taken <= allowed) return undefined;
    return refusalsOf([manifestExcess(repository, taken, total, percent)])[0];
  }

  /**
   * They could not be taken after all. Nothing is taken off the count, which an answer that was lost would do twice: it
   * would let too much go. Counted twice, it stops the run too early.
   */
  giveBackManifests(repository: string, count: number): void {
    this.#credit.set(repository, (this.#credit.get(repository) ?? 0) + count);
  }

  /** Before bytes go. @param deleted bytes, by this process so far. */
  async takeBytes(count: number, deleted: () => number): Promise<Refusal | undefined> {
    const { bytes: percent } = this.#limits;
    if (percent >= 100) return undefined;
    const taken = await this.#counters.add('bytes', count);
    if (taken <= this.#bytesAllowed) return undefined;
    // Of all workers what is known to be gone: what is taken and not gone yet is in the listing.
    const before = this.#counters.shared ? await this.#counters.add(GONE, 0) : deleted();
    const listed = await countBytes(this.#stores, toBe(2 * taken, percent) - before);
    // What one process deletes while it lists is better counted twice than not at all: it would stop the run for nothing.
    const total = listed + (this.#counters.shared ? before : deleted());
    this.#bytesAllowed = Math.max(this.#bytesAllowed, (total * percent) / 100);
    if (taken <= this.#bytesAllowed) return undefined;
    return refusalsOf([byteExcess(taken, total, percent)])[0];
  }

  /** Bytes that this process has deleted, for the others. */
  async tellGone(count: number): Promise<void> {
    if (this.#counters.shared && this.#limits.bytes < 100 && count > 0) await this.#counters.add(GONE, count);
  }
}

/** Of the shared counts: bytes that are gone. */
const GONE = 'bytes gone';

interface Limits {
  /** Percent. */
  readonly manifests: number;
  readonly bytes: number;
  readonly manifestFloor: number;
  readonly byteFloor: number;
}

/** A figure that the caller has confirmed lets as much pass. */
function limitsOf(settings: BrakeSettings, { confirm = 0 }: PruneRequest): Limits {
  const { manifestShare, byteShare, manifestFloor, byteFloor } = settings;
  // A share of 0.29 is not quite 29 in the hundred: whole hundredths of a percent are what was meant.
  const percent = (share: number) => Math.max(Math.round(share * 10_000) / 100, confirm);
  return { manifests: percent(manifestShare), bytes: percent(byteShare), manifestFloor, byteFloor };
}

const NOTHING: Radius = { manifests: new Map(), bytes: 0 };

/** How many there must be for so many to be no more than the share. */
const toBe = (count: number, percent: number): number => Math.ceil((count * 100) / percent);

const isTooMuch = (count: number, total: number, percent: number): boolean => count * 100 > total * percent;

/** @param gone what is not there to be counted any more. */
async function excessesOf(
  stores: Stores,
  radius: Radius,
  limits: Limits,
  gone: Radius = NOTHING,
): Promise<Excess[]> {
  const found: Excess[] = [];
  const byCount = [...radius.manifests].sort(([, a], [, b]) => b - a);
  for (const [repository, count] of byCount) {
    if (count <= limits.manifestFloor) break;
    const deleted = gone.manifests.get(repository) ?? 0;
    const enough = toBe(count, limits.manifests) - deleted;
    const total = (await countManifests(stores, repository, enough)) + deleted;
    if (isTooMuch(count, total, limits.manifests))
      found.push(manifestExcess(repository, count, total, limits.manifests));
  }
  if (radius.bytes <= limits.byteFloor) return found;
  const total = (await countBytes(stores, toBe(radius.bytes, limits.bytes) - gone.bytes)) + gone.bytes;
  const isMore = isTooMuch(radius.bytes, total, limits.bytes);
  return isMore ? [...found, byteExcess(radius.bytes, total, limits.bytes)] : found;
}

const manifestExcess = (repository: string, count: number, total: number, allowed: number): Excess => ({
  ...{ repository, what: 'manifests', setting: 'MAX_MANIFEST_SHARE', count, total, allowed },
});

const byteExcess = (count: number, total: number, allowed: number): Excess => ({
  ...{ what: 'bytes of blobs', setting: 'MAX_BYTE_SHARE', count, total, allowed },
});

/** Each names the one figure that lets all of them pass. */
function refusalsOf(excesses: readonly Excess[]): Refusal[] {
  const shares = excesses.map(({ count, total }) => (total === 0 ? 100 : (count * 100) / total));
  const confirm = Math.min(100, Math.ceil(Math.max(...shares)));
  return excesses.slice(0, MAX_NAMED).map(({ repository, what, setting, count, total, allowed }, at) => ({
    ...{ code: 'blast-radius', ...(repository === undefined ? {} : { repository }) },
    message:
      `${count} of ${total} ${what} (${rounded(shares[at] ?? 100)}%) would be deleted; allowed are ` +
      `${rounded(allowed)}% (${setting}). If that is meant, confirm it with ${howTo(confirm)}`,
  }));
}

const rounded = (percent: number): number => Math.round(percent * 10) / 10;
const howTo = (confirm: number): string => `--confirm ${confirm}%, or "confirm": ${confirm} in the request`;

/**
 * No more than this is due to a run that takes untagged manifests and condemned blobs from the queue.
 *
 * @returns undefined where that cannot be known from the table.
 */
async function dueNow(
  { metadata }: Stores,
  request: PruneRequest,
  now: number,
  mayDelete: boolean,
): Promise<Radius | undefined> {
  const inScope = repositoryScope(request.repositories);
  const manifests = new Map<string, number>();
  let bytes = 0;
  for (const shard of SHARDS) {
    for await (const entries of dueEntries(metadata.table, queueName('manifest', shard), () => now)) {
      for (const { pk } of entries) {
        const name = pk.slice(repositoryPk('').length);
        if (inScope(name)) manifests.set(name, (manifests.get(name) ?? 0) + 1);
      }
    }
    if (!mayDelete) continue;
    for await (const entries of dueEntries(metadata.table, queueName('blob', shard), () => now)) {
      for (let at = 0; at < entries.length; at += BATCH) {
        const keys: Key[] = entries.slice(at, at + BATCH).map(({ pk, sk }) => ({ pk, sk }));
        for (const { state, size } of await metadata.table.getMany(keys)) {
          if (state === 'live') continue;
          if (typeof size !== 'number') return undefined;
          bytes += size;
        }
      }
    }
  }
  return { manifests, bytes };
}

/**
 * @param enough counts no further than this.
 * @param runId counts what this run has deleted as well: it was there when the run began.
 */
async function countManifests(
  { metadata }: Stores,
  repository: string,
  enough: number,
  runId?: string,
): Promise<number> {
  let count = 0;
  for await (const page of metadata.pages(repositoryPk(repository), { prefix: 'MANIFEST#' })) {
    const wasThere = (row: Item) =>
      row['state'] !== 'deleted' || (runId !== undefined && row['runId'] === runId);
    count += page.items.filter(wasThere).length;
    if (count >= enough) break;
  }
  return count;
}

/** As the bucket lists them. @param enough counts no further than this. */
async function countBytes({ bucket }: Stores, enough: number): Promise<number> {
  let bytes = 0;
  for await (const objects of bucket.pages(bucket.layout.blobsPrefix)) {
    for (const { size } of objects) bytes += size;
    if (bytes >= enough) break;
  }
  return bytes;
}
