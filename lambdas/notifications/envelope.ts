/** What the registry's webhook sends: distribution's envelope of events. Nothing in it is taken on trust. */
import * as v from 'valibot';
import { type Digest, isDigest } from '../registry/digest.ts';
import { shown } from '../registry/errors.ts';
import { isObject } from '../registry/json.ts';
import { isKnownManifest } from '../registry/media-types.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';

/** A manifest was pulled, by its digest or by a tag. */
export interface Pull {
  readonly repository: string;
  readonly digest: Digest;
  readonly tag?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Envelope {
  readonly pulls: readonly Pull[];
  /** Events of something else than a manifest's pull. */
  readonly ignored: number;
  /** What is wrong with each event that could not be read. */
  readonly malformed: readonly string[];
}

/** Why a body is not read at all. */
export interface Unreadable {
  readonly problem: 'no-envelope' | 'too-many-events';
  readonly message: string;
}

/** distribution sends its events one by one; something between may collect them. */
export const MAX_EVENTS = 1_000;

const targetSchema = v.object({
  repository: v.pipe(v.string(), v.check(isRepositoryName, 'no repository name')),
  digest: v.custom<Digest>(isDigest, 'no digest'),
  tag: v.exactOptional(v.pipe(v.string(), v.check(isTagName, 'no tag'))),
});
const timestampSchema = v.pipe(v.string(), v.isoTimestamp());

/**
 * Reads an envelope. An event that cannot be read does not spoil the others.
 *
 * @param receivedAt milliseconds since the epoch: the time of an event that has none, or one that is still to come.
 * @returns what is in it; or why it is none. It never throws on any text.
 */
export function parseEnvelope(text: string, receivedAt: number): Envelope | Unreadable {
  const events = eventsOf(text);
  if (events === undefined) {
    return { problem: 'no-envelope', message: 'the body is not JSON of the form {"events": [...]}' };
  }
  if (events.length > MAX_EVENTS) {
    const message = `${events.length} events: allowed are at most ${MAX_EVENTS} in one request`;
    return { problem: 'too-many-events', message };
  }
  const read = events.map((event) => readEvent(event, receivedAt));
  return {
    pulls: read.flatMap((one) => (typeof one === 'object' ? [one.pull] : [])),
    ignored: read.filter((one) => one === 'ignored').length,
    malformed: read.flatMap((one, at) =>
      typeof one === 'string' && one !== 'ignored' ? [`event ${at}: ${one}`] : [],
    ),
  };
}

function eventsOf(text: string): readonly unknown[] | undefined {
  try {
    const envelope: unknown = JSON.parse(text);
    if (!isObject(envelope)) return undefined;
    const events = envelope['events'];
    return Array.isArray(events) ? events : undefined;
  } catch {
    return undefined;
  }
}

/** The pull that it tells of; `ignored` for anything else; or what is wrong with it. */
function readEvent(event: unknown, receivedAt: number): { readonly pull: Pull } | 'ignored' | string {
  if (!isObject(event)) return `${shown(event)} is no event`;
  const { action, target, timestamp } = event;
  if (typeof action !== 'string') return `action: ${shown(action)} is no text`;
  if (action !== 'pull') return 'ignored';
  if (!isObject(target)) return `target: ${shown(target)} is no object`;
  const { mediaType } = target;
  if (typeof mediaType !== 'string') return `target.mediaType: ${shown(mediaType)} is no text`;
  // Layers and configs: a client that has them already does not pull them, so they tell nothing of an image's use.
  if (!isKnownManifest(mediaType)) return 'ignored';
  const parsed = v.safeParse(targetSchema, target);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return `target.${v.getDotPath(issue) ?? ''}: ${shown(issue.input)} is ${issue.message}`;
  }
  return { pull: { ...parsed.output, at: Math.min(timeOf(timestamp) ?? receivedAt, receivedAt) } };
}

/** @returns undefined for what is no time, and for Go's zero time. */
function timeOf(timestamp: unknown): number | undefined {
  if (!v.is(timestampSchema, timestamp)) return undefined;
  const at = Date.parse(timestamp);
  return at > 0 ? at : undefined;
}
