/**
 * The brake on the blast radius (protocol section 5): a run that would delete more than a set share of a repository's
 * manifests, or of the bucket's bytes, deletes nothing unless that figure is confirmed.
 */
import type { Stores } from '../store/hold.ts';
import { queueName, repositoryPk, SHARDS, toBlob } from '../store/items.ts';
import { dueEntries } from '../store/queue.ts';
import type { Key } from '../store/table.ts';
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

interface Excess {
  readonly share: number;
  readonly text: (confirm: number) => Refusal;
}

/**
 * Looks whether a run may go on.
 *
 * What is due bounds what an online run of untagged manifests takes; only where that bound is too much, or there is none,
 * the run is rehearsed. What there is in all is counted no further than it takes to know, so that this costs as much as
 * there is garbage.
 *
 * @param rehearse what the run would delete, to the last item; undefined where that could not be known in time.
 * @returns why not, with the figure and how to confirm it; nothing when it may.
 */
export async function brake(
  about: {
    readonly stores: Stores;
    readonly request: PruneRequest;
    readonly settings: BrakeSettings;
    /** Milliseconds since the epoch. */
    readonly now: number;
    readonly mayDelete: boolean;
    /** Whether what the run sets free waits for a later one. */
    readonly waits: boolean;
  },
  rehearse: () => Promise<Radius | undefined>,
): Promise<readonly Refusal[]> {
  const { stores, request, mayDelete } = about;
  const settings = confirmed(about.settings, request);
  if (settings.manifestShare >= 1 && settings.byteShare >= 1) return [];
  const isBounded = about.waits && request.filters.dangling;
  if (isBounded) {
    const bound = await dueNow(stores, request, about.now, mayDelete);
    if ((await excessOf(stores, bound, settings)).length === 0) return [];
  }
  const radius = await rehearse();
  if (radius === undefined) {
    const message =
      'how much the run would delete could not be worked out in the time it has: run it from the command line, ' +
      `apply a plan, or confirm any figure with ${howTo(100)}`;
    return [{ code: 'blast-radius', message }];
  }
  return refusalsOf(await excessOf(stores, radius, settings));
}

/** What a rehearsal that is over would be refused for. */
export async function excess(
  stores: Stores,
  radius: Radius,
  settings: BrakeSettings,
  request: PruneRequest,
): Promise<readonly Refusal[]> {
  return refusalsOf(await excessOf(stores, radius, confirmed(settings, request)));
}

function refusalsOf(excesses: readonly Excess[]): Refusal[] {
  const most = Math.max(...excesses.map(({ share }) => share));
  const confirm = Math.min(100, Math.ceil(most * 100));
  return excesses.slice(0, MAX_NAMED).map(({ text }) => text(confirm));
}

/** A figure that the caller has confirmed lets as much pass. */
function confirmed(settings: BrakeSettings, { confirm = 0 }: PruneRequest): BrakeSettings {
  return {
    ...settings,
    manifestShare: Math.max(settings.manifestShare, confirm / 100),
    byteShare: Math.max(settings.byteShare, confirm / 100),
  };
}

async function excessOf(stores: Stores, radius: Radius, settings: BrakeSettings): Promise<Excess[]> {
  const found: Excess[] = [];
  const byCount = [...radius.manifests].sort(([, a], [, b]) => b - a);
  for (const [repository, count] of byCount) {
    if (count <= settings.manifestFloor) break;
    const total = await countManifests(stores, repository, count / settings.manifestShare);
    if (count <= total * settings.manifestShare) continue;
    const share = count / total;
    found.push({
      share,
      text: (confirm) => ({
        ...{ code: 'blast-radius', repository },
        message:
          `${count} of ${total} manifests (${percent(share)}) would be deleted; allowed are ` +
          `${percent(settings.manifestShare)} (MAX_MANIFEST_SHARE). If that is meant, confirm it with ${howTo(confirm)}`,
      }),
    });
  }
  if (radius.bytes <= settings.byteFloor) return found;
  const total = await countBytes(stores, radius.bytes / settings.byteShare);
  if (radius.bytes <= total * settings.byteShare) return found;
  const share = Math.min(1, radius.bytes / total);
  const text = (confirm: number): Refusal => ({
    code: 'blast-radius',
    message:
      `${radius.bytes} of ${total} bytes of blobs (${percent(share)}) would be deleted; allowed are ` +
      `${percent(settings.byteShare)} (MAX_BYTE_SHARE). If that is meant, confirm it with ${howTo(confirm)}`,
  });
  return [...found, { share, text }];
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`;
const howTo = (confirm: number): string => `--confirm ${confirm}%, or "confirm": ${confirm} in the request`;

/** No more than this can go in a run that takes untagged manifests and condemned blobs from the queue. */
async function dueNow(
  { metadata }: Stores,
  request: PruneRequest,
  now: number,
  mayDelete: boolean,
): Promise<Radius> {
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
        for (const row of await metadata.table.getMany(keys)) {
          if (row['state'] !== 'live') bytes += toBlob(row).size ?? 0;
        }
      }
    }
  }
  return { manifests, bytes };
}

/** @param enough counts no further than this. */
async function countManifests({ metadata }: Stores, repository: string, enough: number): Promise<number> {
  let count = 0;
  for await (const page of metadata.pages(repositoryPk(repository), 'MANIFEST#')) {
    count += page.items.filter((row) => row['state'] !== 'deleted').length;
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
