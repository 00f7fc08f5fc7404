/**
 * A batch of the queue's messages, applied to the table. Each message fails or succeeds by itself; a key that several
 * tell of is looked at once.
 */
import pMap from 'p-map';
import type { Digest } from '../registry/digest.ts';
import type { RegistryKey } from '../registry/layout.ts';
import type { EventQueue } from '../store/event-queue.ts';
import type { RestoredBlob } from '../store/hold.ts';
import { MAX_QUEUE_DELAY } from '../store/limits.ts';
import { apply } from './apply.ts';
import { type Announcer, announce } from './blob-events.ts';
import { type IndexContext, lostIn, type Outcome, type Problem } from './context.ts';
import { type Hint, hintsOf, postponedBody } from './event-keys.ts';
import { seeHeartbeat } from './heartbeat.ts';

export interface Indexer extends IndexContext, Announcer {
  readonly heartbeatPrefix: string;
  /** Where a key goes that is to be looked at once more, later. */
  readonly postpone: Pick<EventQueue, 'send'>;
  /** Keys looked at side by side; each may hold one manifest and one config in memory. @default 8 */
  readonly concurrency?: number;
}

export interface Message {
  readonly id: string;
  readonly body: string;
}

export interface BatchResult {
  /** Messages to be delivered again, and in the end to the dead-letter queue. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
  /** Keys that the table has in line with the bucket now. */
  readonly applied: number;
  /** Keys that are none of the registry's layout, or of another bucket; messages that tell of no key. */
  readonly ignored: number;
  /** Keys sent to the queue anew, each with why: what they need is being deleted this moment. */
  readonly postponed: readonly { readonly key: string; readonly reason: string }[];
  readonly heartbeats: number;
  readonly restored: readonly RestoredBlob[];
  readonly lost: readonly Digest[];
  /** What was recorded and is kept, though not all of it is understood or there. */
  readonly problems: readonly Problem[];
}

const CONCURRENCY = 8;

/** What a push writes first comes first, so that less of it waits for the rest. */
const ORDER = ['blob', 'layer', 'revision', 'tag-history', 'tag', 'upload', 'unrecognised'] as const;

interface Pending {
  readonly hint: Hint;
  readonly key: RegistryKey;
  /** Messages that tell of it. */
  readonly ids: string[];
}

/** Applies a batch. Never throws for a message's sake: what fails is in the result. */
export async function applyBatch(indexer: Indexer, messages: readonly Message[]): Promise<BatchResult> {
  const failed = new Map<string, unknown>();
  const restored = new Map<Digest, { readonly blob: RestoredBlob; readonly ids: readonly string[] }>();
  const lost = new Map<Digest, readonly string[]>();
  const problems = new Map<string, Problem>();
  const postponed: { hint: Hint; reason: string; ids: readonly string[] }[] = [];
  const counts = { applied: 0, ignored: 0, heartbeats: 0 };
  const context: Indexer = {
    ...indexer,
    // A look that is void is repeated.
    onProblem: (problem) => problems.set(JSON.stringify(problem), problem),
  };

  const attempt = async (ids: readonly string[], work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      for (const id of ids) failed.set(id, error);
    }
  };
  const settle = ({ hint, ids }: Pending, outcome: Outcome): void => {
    if (outcome.status === 'retry') postponed.push({ hint, reason: outcome.reason, ids });
    else if (outcome.status === 'ignored') counts.ignored++;
    else counts.applied++;
    for (const digest of lostIn(outcome)) lost.set(digest, ids);
  };

  // Keys that need the same blob bring it back side by side.
  const healing = ({ ids }: Pending): Indexer => ({
    ...context,
    onRestored: (blob) => restored.set(blob.digest, restored.get(blob.digest) ?? { blob, ids }),
  });

  const { pending, beats, ignored } = gather(indexer, messages, failed);
  counts.ignored += ignored;
  for (const kind of ORDER) {
    const keys = pending.filter(({ key }) => key.kind === kind);
    const look = (one: Pending): Promise<void> =>
      attempt(one.ids, async () => settle(one, await apply(healing(one), one.key)));
    await pMap(keys, look, { concurrency: indexer.concurrency ?? CONCURRENCY });
  }
  await putOff(indexer, postponed, attempt);
  for (const { blob, ids } of restored.values()) {
    await attempt(ids, () => announce(indexer, { restored: [blob], lost: [] }));
  }
  for (const [digest, ids] of lost) {
    await attempt(ids, () => announce(indexer, { restored: [], lost: [digest] }));
  }
  // Last, so that what came with it is in the table before it counts as seen.
  for (const { hint, ids } of beats) {
    await attempt(ids, async () => {
      if (await seeHeartbeat(context, hint.key)) counts.heartbeats++;
    });
  }
  return {
    ...counts,
    restored: [...restored.values()].map(({ blob }) => blob),
    ...{ problems: [...problems.values()], lost: [...lost.keys()] },
    failed: [...failed].map(([id, error]) => ({ id, error })),
    postponed: postponed.map(({ hint, reason }) => ({ key: hint.key, reason })),
  };
}

function gather(indexer: Indexer, messages: readonly Message[], failed: Map<string, unknown>) {
  const byKey = new Map<string, Pending>();
  const beats = new Map<string, Pending>();
  let ignored = 0;
  const { layout } = indexer.bucket;
  for (const { id, body } of messages) {
    try {
      const hints = hintsOf(body);
      if (hints.length === 0) ignored++;
      for (const hint of hints) {
        if (hint.bucket !== indexer.bucketName) {
          ignored++;
          continue;
        }
        const key = layout.parse(hint.key);
        const place = hint.key.startsWith(indexer.heartbeatPrefix) ? beats : byKey;
        // Of an upload any key leads to the same look.
        const what = key.kind === 'upload' ? `${key.name}@${key.uuid}` : hint.key;
        const known = place.get(what);
        if (known === undefined) place.set(what, { hint, key, ids: [id] });
        else known.ids.push(id);
      }
    } catch (error) {
      failed.set(id, error);
    }
  }
  return { pending: [...byKey.values()], beats: [...beats.values()], ignored };
}

/** As messages of their own: their waiting is no failure, and so never ends in the dead-letter queue. */
async function putOff(
  indexer: Indexer,
  postponed: readonly { readonly hint: Hint; readonly ids: readonly string[] }[],
  attempt: (ids: readonly string[], work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if (postponed.length === 0) return;
  const bodies = postponed.map(({ hint }) => ({
    body: postponedBody(hint),
    delay: Math.min(2 ** hint.postponed, MAX_QUEUE_DELAY),
  }));
  await attempt(
    postponed.flatMap(({ ids }) => ids),
    () => indexer.postpone.send(bodies),
  );
}
