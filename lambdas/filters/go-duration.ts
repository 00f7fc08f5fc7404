/** A length of time in nanoseconds, or in Go's words why the text is none. */
export type DurationResult = { readonly nanoseconds: bigint } | { readonly problem: string };

/** Go counts a duration in an int64 of nanoseconds: about 292 years either way. */
const INT64_LIMIT = 2n ** 63n;

/** Of an int64. A longer number is refused before it is read, which takes the square of its length. */
const INT64_DIGITS = 19;

const NANOSECONDS = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n], // the micro sign
  ['\u03bcs', 1_000n], // the Greek letter mu
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

/** One term as Go cuts it: digits, perhaps a point and digits, and then everything up to the next digit or point. */
const TERM = /([0-9]*)(\.[0-9]*)?([^0-9.]*)/y;

/**
 * Reads a duration exactly as Go's `time.ParseDuration` does: `24h`, `1h30m`, `1.5h`, `-300ms`, `0`.
 *
 * Units are ns, us (µs, μs), ms, s, m and h. There are no days or weeks, no spaces and no bare numbers but zero:
 * a reader that guessed at them would move the border behind which images are deleted.
 *
 * @param text - the duration, with an optional sign
 * @returns nanoseconds, negative for a `-`; or the text of Go's error. It never throws.
 * @see https://pkg.go.dev/time#ParseDuration
 * @example
 * parseGoDuration('1h30m'); // { nanoseconds: 5_400_000_000_000n }
 * parseGoDuration('1d'); // { problem: 'time: unknown unit "d" in duration "1d"' }
 */
export function parseGoDuration(text: string): DurationResult {
  const invalid = { problem: `time: invalid duration ${JSON.stringify(text)}` };
  const unsigned = text.replace(/^[+-]/, '');
  const negative = text.startsWith('-');
  if (unsigned === '0') return { nanoseconds: 0n };
  if (unsigned === '') return invalid;

  let total = 0n;
  let position = 0;
  while (position < unsigned.length) {
    TERM.lastIndex = position;
    const [term = '', whole = '', point = '', unit = ''] = TERM.exec(unsigned) ?? [];
    const fraction = point.slice(1);
    const digits = whole.replace(/^0+/, '');
    if ((whole === '' && fraction === '') || digits.length > INT64_DIGITS || BigInt(digits) > INT64_LIMIT)
      return invalid;
    if (unit === '') return { problem: `time: missing unit in duration ${JSON.stringify(text)}` };
    const size = NANOSECONDS.get(unit);
    if (size === undefined) {
      return { problem: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` };
    }
    total += BigInt(digits) * size + fractionOf(fraction, size);
    // Checked term by term, so that a sum cannot wrap round to a small number, as Go's does at exactly 2^64.
    if (total > INT64_LIMIT) return invalid;
    position += term.length;
  }
  if (negative) return { nanoseconds: -total };
  return total < INT64_LIMIT ? { nanoseconds: total } : invalid;
}

/**
 * Go multiplies the fraction in float64 and cuts off what is below a nanosecond. The same steps are taken here
 * and not exact ones, so that `0.3333333333333333333h` is twenty minutes for both.
 */
function fractionOf(digits: string, size: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit);
    if (value > (INT64_LIMIT - 1n) / 10n || next > INT64_LIMIT) break;
    value = next;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(size) / scale)));
}
