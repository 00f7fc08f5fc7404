/** How much of a time is written, and whether a zone follows it. */
export interface TimeLayout {
  readonly precision: Precision;
  readonly zone: boolean;
}

/** The last part that is written; `nano` is a second whose layout names a fraction. */
export type Precision = 'date' | 'hour' | 'minute' | 'second' | 'nano';

/** Nanoseconds since 1970 in UTC, or in Go's words why the text is no such time. */
export type TimeResult = { readonly nanoseconds: bigint } | { readonly problem: string };

type Field = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'nanosecond' | 'offsetSeconds';
type Fields = Record<Field, number>;

/** What is left after an element, and what was wrong with it: not of its form, or the name of what is out of range. */
interface Reading {
  readonly rest: string;
  readonly bad?: true;
  readonly outOfRange?: string;
}

interface Element {
  /** The literal that separates it from the element before. */
  readonly before: '' | '-' | 'T' | ':';
  /** Go's spelling of the element, for messages. */
  readonly spelling: string;
  readonly read: (rest: string, fields: Fields) => Reading;
}

const ELEMENTS: readonly Element[] = [
  { before: '', spelling: '2006', read: number('year', /^[0-9]{4}/, 0, 9999) },
  { before: '-', spelling: '01', read: number('month', /^[0-9]{2}/, 1, 12) },
  // The day is held against its month at the end, when the year is known as well.
  { before: '-', spelling: '02', read: number('day', /^[0-9]{2}/, 0, 99) },
  { before: 'T', spelling: '15', read: number('hour', /^[0-9]{1,2}/, 0, 23) },
  { before: ':', spelling: '04', read: number('minute', /^[0-9]{2}/, 0, 59) },
  { before: ':', spelling: '05', read: readSecond },
];
const ZONE: Element = { before: '', spelling: 'Z07:00', read: readZone };

const ELEMENTS_WRITTEN: Record<Precision, number> = { date: 3, hour: 4, minute: 5, second: 6, nano: 6 };

/**
 * Reads a time as Go's `time.Parse` does for the layouts of RFC 3339 and its shortened forms. A time without a zone is
 * in UTC. A fraction may follow the second even where the layout names none; below a nanosecond it is cut off.
 *
 * @param value - the text, which has to follow the layout to its end
 * @returns nanoseconds since 1970; or the text of Go's error. It never throws.
 * @see https://pkg.go.dev/time#Parse
 * @example
 * parseGoTime({ precision: 'date', zone: false }, '2026-02-30');
 * // { problem: 'parsing time "2026-02-30": day out of range' }
 */
export function parseGoTime(layout: TimeLayout, value: string): TimeResult {
  const problem = (what: string) => ({ problem: `parsing time ${JSON.stringify(value)}${what}` });
  const cannotParse = (rest: string, as: string) =>
    problem(
      ` as ${JSON.stringify(spell(layout))}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(as)}`,
    );
  const fields: Fields = {
    year: 0,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    offsetSeconds: 0,
  };

  let rest = value;
  for (const { before, spelling, read } of elementsOf(layout)) {
    if (!rest.startsWith(before)) return cannotParse(rest, before);
    const reading = read(rest.slice(before.length), fields);
    if (reading.outOfRange !== undefined) return problem(`: ${reading.outOfRange} out of range`);
    if (reading.bad) return cannotParse(reading.rest, spelling);
    rest = reading.rest;
  }
  if (rest !== '') return problem(`: extra text: ${JSON.stringify(rest)}`);
  if (fields.day < 1 || fields.day > daysIn(fields.year, fields.month)) return problem(': day out of range');
  return { nanoseconds: sinceEpoch(fields) };
}

function elementsOf({ precision, zone }: TimeLayout): readonly Element[] {
  const written = ELEMENTS.slice(0, ELEMENTS_WRITTEN[precision]);
  return zone ? [...written, ZONE] : written;
}

function spell(layout: TimeLayout): string {
  const fraction = layout.precision === 'nano' ? '.999999999' : '';
  const written = elementsOf({ ...layout, zone: false }).map(({ before, spelling }) => before + spelling);
  return written.join('') + fraction + (layout.zone ? ZONE.spelling : '');
}

function number(field: Field, form: RegExp, lowest: number, highest: number): Element['read'] {
  return (text, fields) => {
    const digits = form.exec(text)?.[0];
    if (digits === undefined) return { rest: text, bad: true };
    const value = Number(digits);
    fields[field] = value;
    const rest = text.slice(digits.length);
    return value < lowest || value > highest ? { rest, outOfRange: field } : { rest };
  };
}

function readSecond(text: string, fields: Fields): Reading {
  const reading = number('second', /^[0-9]{2}/, 0, 59)(text, fields);
  if (reading.bad || reading.outOfRange !== undefined) return reading;
  // Go takes a comma for the point, as ISO 8601 allows.
  const [fraction, digits = ''] = /^[.,]([0-9]+)/.exec(reading.rest) ?? [];
  if (fraction === undefined) return reading;
  fields.nanosecond = Number(digits.slice(0, 9).padEnd(9, '0'));
  return { rest: reading.rest.slice(fraction.length) };
}

function readZone(text: string, fields: Fields): Reading {
  if (text.startsWith('Z')) return { rest: text.slice(1) };
  if (text.length < 6 || text.charAt(3) !== ':') return { rest: text, bad: true };
  const rest = text.slice(6);
  const match = /^([+-])([0-9]{2}):([0-9]{2})/.exec(text);
  if (match === null) return { rest, bad: true };
  const [, sign, hours, minutes] = match;
  // Go lets 24 hours and 60 minutes pass, because people write them.
  if (Number(hours) > 24) return { rest, outOfRange: 'time zone offset hour' };
  if (Number(minutes) > 60) return { rest, outOfRange: 'time zone offset minute' };
  const seconds = (Number(hours) * 60 + Number(minutes)) * 60;
  fields.offsetSeconds = sign === '-' ? -seconds : seconds;
  return { rest };
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function sinceEpoch(fields: Fields): bigint {
  // setUTCFullYear and not Date.UTC, which takes the years 0 to 99 for those of the twentieth century.
  const midnight = new Date(0).setUTCFullYear(fields.year, fields.month - 1, fields.day);
  const seconds = (fields.hour * 60 + fields.minute) * 60 + fields.second - fields.offsetSeconds;
  return (BigInt(midnight) / 1000n + BigInt(seconds)) * 1_000_000_000n + BigInt(fields.nanosecond);
}
