import { InvalidFilterError } from './invalid-filter-error.ts';
import { parseTimestamp, toMilliseconds, toNanoseconds } from './timestamp.ts';

const ALLOWED =
  'allowed are a duration such as 24h or 1h30m (units ns, us, ms, s, m, h), ' +
  'a time such as 2006-01-02T15:04:05Z or shorter, and Unix seconds';

/** The last millisecond that a Date can hold. */
const LAST_MILLISECOND = 8.64e15;

/**
 * Reads the one value of an `until` filter.
 *
 * An `until` in the future is refused, because it spares nothing: `-24h` for `24h`, or milliseconds for seconds, would
 * prune what was pushed a moment ago.
 *
 * @param values - what was given for `until`
 * @param now - the moment that durations count back from
 * @returns milliseconds since 1970, rounded down. As pushes are known to the millisecond, comparing with it is the
 * same as comparing with the nanosecond that was given.
 * @throws {@link InvalidFilterError} for none, several, an unreadable one or one in the future
 */
export function parseUntil(values: Iterable<string>, now: Date): number {
  const [value, ...others] = values;
  if (value === undefined) throw new InvalidFilterError(`invalid filter 'until=[]': ${ALLOWED}`);
  if (others.length > 0) {
    throw new InvalidFilterError(
      `more than one until filter specified: got ${[value, ...others].join(', ')}`,
    );
  }
  const result = parseTimestamp(value, now);
  if ('problem' in result) throw new InvalidFilterError(`${result.problem}: ${ALLOWED}`);
  if (result.requested > toNanoseconds(now)) {
    throw new InvalidFilterError(
      `invalid filter 'until=[${value}]': ${describeMoment(result.requested)} lies in the future, ` +
        `now is ${now.toISOString()}; a duration counts back from now, and Unix time is in seconds`,
    );
  }
  return toMilliseconds(result.nanoseconds);
}

function describeMoment(nanoseconds: bigint): string {
  const milliseconds = toMilliseconds(nanoseconds);
  return milliseconds > LAST_MILLISECOND ? 'it' : new Date(milliseconds).toISOString();
}
