/** What the world is told of a blob that was needed after it had been deleted (protocol section 6, docs/events.md). */
import pMap from 'p-map';
import type { Digest } from '../registry/digest.ts';
import { type BusEvent, EVENT_SOURCE, type EventBus } from '../store/event-bus.ts';
import type { RestoredBlob } from '../store/hold.ts';
import { isInForce } from '../store/items.ts';
import type { Metadata } from '../store/metadata.ts';

export const BLOB_RESTORED = 'Blob Restored';
export const BLOB_LOST = 'Blob Lost';

/** Repositories named in one event; a base layer may be in thousands. */
const MAX_REPOSITORIES = 20;
const PUBLISHED_AT_ONCE = 4;

export interface BlobEventDetail {
  readonly schemaVersion: '1.0';
  readonly type: 'blob';
  readonly action: 'restored' | 'lost';
  readonly digest: Digest;
  readonly bucket: string;
  /** Bytes; null when the table does not know. */
  readonly size: number | null;
  /** The run that deleted it; null when none is known to have. */
  readonly deletedBy: string | null;
  /** Those with a manifest or link that needs it, the first twenty. */
  readonly repositories: readonly string[];
  readonly time: string;
}

export interface Announcer {
  readonly metadata: Metadata;
  readonly bus: EventBus;
  readonly bucketName: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What became of blobs that were needed again. */
export interface Healed {
  readonly restored: readonly RestoredBlob[];
  readonly lost: readonly Digest[];
}

/**
 * Publishes `Blob Restored` and `Blob Lost`, one for each blob.
 *
 * @throws EventNotPublishedError after all were tried.
 */
export async function announce(announcer: Announcer, { restored, lost }: Healed): Promise<void> {
  const blobs = [
    ...new Map(restored.map((blob) => [blob.digest, { action: 'restored' as const, blob }])).values(),
    ...[...new Set(lost)].map((digest) => ({ action: 'lost' as const, blob: { digest } })),
  ];
  const publish = async ({ action, blob }: (typeof blobs)[number]): Promise<void> => {
    await announcer.bus.publish(await blobEvent(announcer, action, blob));
  };
  await pMap(blobs, publish, { concurrency: PUBLISHED_AT_ONCE, stopOnError: false }).catch(
    (error: unknown) => {
      // All were tried; what one failed of is most likely what the others did.
      throw error instanceof AggregateError ? error.errors[0] : error;
    },
  );
}

async function blobEvent(
  { metadata, bucketName, now }: Announcer,
  action: BlobEventDetail['action'],
  blob: RestoredBlob,
): Promise<BusEvent> {
  const { digest } = blob;
  const { item, links, references } = await metadata.blob(digest);
  const needed = [...references, ...links].filter(isInForce).map(({ name }) => name);
  const time = new Date(now());
  const detail: BlobEventDetail = {
    schemaVersion: '1.0',
    type: 'blob',
    action,
    digest,
    bucket: bucketName,
    size: blob.size ?? item?.size ?? null,
    deletedBy: blob.runId ?? item?.runId ?? null,
    repositories: [...new Set(needed)].slice(0, MAX_REPOSITORIES),
    time: time.toISOString(),
  };
  return {
    source: EVENT_SOURCE,
    detailType: action === 'restored' ? BLOB_RESTORED : BLOB_LOST,
    ...{ detail, time },
    resources: [`arn:aws:s3:::${bucketName}`],
  };
}
