import { parseGoDuration } from './go-duration.ts';
import { parseGoTime, type TimeLayout } from './go-time.ts';

/** A moment, or in the daemon's words why the text names none. */
export type TimestampResult =
  | {
      /** Nanoseconds since 1970, in UTC. For a duration, cut down to the whole second as Docker does. */
      readonly nanoseconds: bigint;
      /** The same before it was cut down, to tell whether it lies in the future. */
      readonly requested: bigint;
    }
  | { readonly problem: string };

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Reads a moment exactly as moby's `GetTimestamp` does: a Go duration before the reference (`24h`), else a time of
 * RFC 3339 that may be shortened (`2026-11-24T16:50`), else Unix seconds with a fraction (`1795540851.5`).
 * A time without a zone is in UTC. `0` is the start of 1970 and not a duration.
 *
 * @param reference - the moment that durations count back from
 * @returns the moment; or the text of the daemon's error. It never throws on any value.
 * @see https://github.com/moby/moby/blob/v25.0.0/api/types/time/timestamp.go
 */
export function parseTimestamp(value: string, reference: Date): TimestampResult {
  const duration = parseGoDuration(value);
  if (value !== '0' && 'nanoseconds' in duration) {
    const requested = toNanoseconds(reference) - duration.nanoseconds;
    return { nanoseconds: wholeSeconds(requested), requested };
  }
  const time = parseGoTime(layoutOf(value), value);
  if ('nanoseconds' in time) return { nanoseconds: time.nanoseconds, requested: time.nanoseconds };
  // A hyphen tells a mistyped date from a mistyped number. So no moment before 1970 can be given in Unix seconds.
  if (value.includes('-')) return time;
  const unix = parseUnixSeconds(value);
  if (unix === undefined) {
    return { problem: `failed to parse value as time or duration: ${JSON.stringify(value)}` };
  }
  return { nanoseconds: unix, requested: unix };
}

/** A date in nanoseconds since 1970. The date has to be a valid one. */
export function toNanoseconds(date: Date): bigint {
  return BigInt(date.getTime()) * NANOSECONDS_PER_MILLISECOND;
}

/** The whole milliseconds since 1970 that have passed by then; before 1970 as well this is never a later moment. */
export function toMilliseconds(nanoseconds: bigint): number {
  return Number(floorDivide(nanoseconds, NANOSECONDS_PER_MILLISECOND));
}

/** moby's guess at the layout: only by which characters occur, so that the error names the form that was meant. */
function layoutOf(value: string): TimeLayout {
  const utc = /[zZ]/.test(value);
  const zone = utc || value.includes('+') || count(value, '-') === 3;
  if (value.includes('.')) return { precision: 'nano', zone };
  if (!value.includes('T')) return { precision: 'date', zone };
  // The colon of an offset such as +02:00 is none of the time's.
  const colons = count(value, ':') - (zone && !utc ? 1 : 0);
  if (colons <= 0) return { precision: 'hour', zone };
  return { precision: colons === 1 ? 'minute' : 'second', zone };
}

function count(value: string, character: string): number {
  return value.split(character).length - 1;
}

/**
 * Docker scales the fraction in float64; here the digits below a nanosecond are cut off exactly, so that
 * `.4999999999999999999` does not become half a second.
 */
function parseUnixSeconds(value: string): bigint | undefined {
  const point = value.indexOf('.');
  const seconds = parseInt64(point < 0 ? value : value.slice(0, point));
  if (seconds === undefined) return undefined;
  if (point < 0) return seconds * NANOSECONDS_PER_SECOND;
  const digits = value.slice(point + 1);
  const fraction = parseInt64(digits);
  if (fraction === undefined) return undefined;
  return seconds * NANOSECONDS_PER_SECOND + scaleToNanoseconds(fraction, digits.length);
}

function scaleToNanoseconds(fraction: bigint, digits: number): bigint {
  if (digits <= 9) return fraction * 10n ** BigInt(9 - digits);
  // An int64 has at most 19 digits, so all that stand before them are zeros and nothing is left of a nanosecond.
  return digits > 28 ? 0n : fraction / 10n ** BigInt(digits - 9);
}

/**
 * Go's `strconv.ParseInt(text, 10, 64)` of a text that has no hyphen: a plus or none and digits, without underscores,
 * spaces or prefixes.
 */
function parseInt64(text: string): bigint | undefined {
  const digits = /^\+?0*([0-9]+)$/.exec(text)?.[1];
  // An int64 has at most 19; reading a longer number takes the square of its length.
  if (digits === undefined || digits.length > 19) return undefined;
  const value = BigInt(digits);
  return value > INT64_MAX ? undefined : value;
}

function wholeSeconds(nanoseconds: bigint): bigint {
  return floorDivide(nanoseconds, NANOSECONDS_PER_SECOND) * NANOSECONDS_PER_SECOND;
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && dividend % divisor !== 0n ? quotient - 1n : quotient;
}
