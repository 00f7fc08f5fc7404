/**
 * The object keys that a message of the queue tells of. A message is only a hint to look at a key: nothing else of it
 * is read, and it may come late, twice and in any order (docs/metadata.md).
 */
import * as v from 'valibot';

export interface Hint {
  readonly bucket: string;
  readonly key: string;
  /** How often the key has been put off so far. */
  readonly postponed: number;
}

/** The message is of no form that is known. It fails, so that it ends where a run sees it: as a dead letter. */
export class UnknownEventError extends Error {
  override readonly name = 'UnknownEventError';
}

const SOURCE = 'registry-prune';
const POSTPONED = 'Key Postponed';

/** S3's events on EventBridge, and the ones by which a key is put off. */
const busEvent = v.object({
  source: v.string(),
  'detail-type': v.string(),
  detail: v.object({
    bucket: v.object({ name: v.string() }),
    object: v.object({ key: v.string() }),
    postponed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  }),
});

/** S3's own notifications. Their keys are encoded as in a form. */
const notification = v.object({
  Records: v.array(
    v.object({
      eventName: v.string(),
      s3: v.object({ bucket: v.object({ name: v.string() }), object: v.object({ key: v.string() }) }),
    }),
  ),
});

/** S3 sends one when notifications are set up. */
const testEvent = v.object({ Event: v.literal('s3:TestEvent') });

/** Events of S3 that change nothing the table tells of (tags, access rules, storage classes). */
const CHANGES = /^(?:s3:)?(?:ObjectCreated|ObjectRemoved|LifecycleExpiration):/;
const BUS_CHANGES = new Set(['Object Created', 'Object Deleted']);

/**
 * Reads a message's body.
 *
 * @returns its keys; none when it tells of nothing that matters here.
 * @throws UnknownEventError
 */
export function hintsOf(body: string): Hint[] {
  const message = parse(body);
  if (v.is(testEvent, message)) return [];
  if (v.is(busEvent, message)) return ofBus(v.parse(busEvent, message));
  if (v.is(notification, message)) {
    return message.Records.filter(({ eventName }) => CHANGES.test(eventName)).map(({ s3 }) => ({
      bucket: s3.bucket.name,
      key: formDecoded(s3.object.key),
      postponed: 0,
    }));
  }
  throw new UnknownEventError(
    `the message is neither an event of S3 on EventBridge nor a notification of S3: ${body.slice(0, 200)}`,
  );
}

function ofBus(event: v.InferOutput<typeof busEvent>): Hint[] {
  const { source, 'detail-type': type, detail } = event;
  const mine = source === SOURCE && type === POSTPONED;
  if (!mine && !(source === 'aws.s3' && BUS_CHANGES.has(type))) return [];
  const postponed = mine ? detail.postponed : 0;
  return [{ bucket: detail.bucket.name, key: detail.object.key, postponed }];
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new UnknownEventError(`the message is not JSON: ${body.slice(0, 200)}`, { cause: error });
  }
}

function formDecoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch (error) {
    throw new UnknownEventError(`the key ${key.slice(0, 200)} of a notification is not encoded as S3 does`, {
      cause: error,
    });
  }
}

/** The message by which a key is looked at once more, later. */
export function postponedBody({ bucket, key, postponed }: Hint): string {
  const detail = { bucket: { name: bucket }, object: { key }, postponed: postponed + 1 };
  return JSON.stringify({ source: SOURCE, 'detail-type': POSTPONED, detail });
}
