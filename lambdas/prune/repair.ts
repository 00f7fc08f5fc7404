/** The way back: nothing leaves `deleting` for `live` unrepaired (protocol, "Repair"). */
import type { Digest } from '../registry/digest.ts';
import { DEPARTING, makeVisible, reviveManifest, wasNeverThere } from '../store/hold.ts';
import { blobKey, blobQueue } from '../store/items.ts';
import { live, tombstoneExpiry } from '../store/metadata.ts';
import type { Run } from './run.ts';

/**
 * Makes a manifest that this or an earlier run has taken whole and `live` again.
 *
 * @param at when it counts as touched, milliseconds since the epoch: now, unless nothing has been done to it yet.
 */
export async function repairManifest(
  run: Run,
  name: string,
  digest: Digest,
  at: number = run.now(),
): Promise<void> {
  const { lost } = await reviveManifest(run, name, digest, {
    at,
    grace: run.policy.grace,
    gains: false,
  });
  for (const blob of lost) reportLost(run, blob, name);
}

/**
 * Makes a blob that was `deleting` visible and `live` again.
 *
 * @returns `lost` when its data is gone and cannot be brought back; it is buried then.
 */
export async function repairBlob(run: Run, digest: Digest): Promise<'live' | 'lost' | 'left'> {
  const { metadata, now, policy } = run;
  for (;;) {
    const item = await metadata.blobItem(digest);
    if (item?.state !== 'deleting') return 'left';
    const visible = (await makeVisible(run, item)) || wasNeverThere(item);
    const [set, gone] = visible
      ? [live(blobQueue(digest), { at: now(), grace: policy.grace }), DEPARTING]
      : [{ state: 'deleted', expireAt: tombstoneExpiry(now()) }, ['queue', 'dueAt', 'rescue']];
    if ((await metadata.transition(blobKey(digest), item.version, set, gone)) === undefined) continue;
    return visible ? 'live' : 'lost';
  }
}

/** Data that something needs is gone for good: said loudly, never papered over. */
export function reportLost(run: Run, digest: Digest, repository: string): void {
  const message = `blob ${digest} is needed in ${repository} and its data cannot be brought back`;
  run.tally.incomplete++;
  run.tally.lost.push(digest);
  run.tally.refuse({ code: 'lost', message, repository, digest });
}
