import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTimestamp, toMilliseconds } from '../../lambdas/filters/timestamp.ts';

const NOW = new Date('2026-11-24T19:50:51.750Z');

/** Nanoseconds since 1970, by other means than those tested. */
function at(time: string, nanoseconds = 0n): bigint {
  return BigInt(Date.parse(time)) * 1_000_000n + nanoseconds;
}

function momentOf(value: string, reference = NOW): bigint | string {
  const result = parseTimestamp(value, reference);
  return 'problem' in result ? result.problem : result.nanoseconds;
}

describe('durations before now', () => {
  test.each([
    ['24h', '2026-11-23T19:50:51Z'],
    ['1h30m', '2026-11-24T18:20:51Z'],
    ['1.5h', '2026-11-24T18:20:51Z'],
    ['0s', '2026-11-24T19:50:51Z'],
    ['+0', '2026-11-24T19:50:51Z'],
    ['-0', '2026-11-24T19:50:51Z'],
    ['-48h', '2026-11-26T19:50:51Z'],
    ['750ms', '2026-11-24T19:50:51Z'],
    ['751ms', '2026-11-24T19:50:50Z'],
    ['1ns', '2026-11-24T19:50:51Z'],
  ])('%s is %s, cut down to the second', (value, expected) => {
    expect(momentOf(value)).toBe(at(expected));
  });

  test('are cut down to the earlier second before 1970 as well', () => {
    expect(momentOf('1ms', new Date(0))).toBe(-1_000_000_000n);
    expect(momentOf('1s', new Date(0))).toBe(-1_000_000_000n);
  });

  test('are known before they are cut down', () => {
    expect(parseTimestamp('-100ms', NOW)).toEqual({
      nanoseconds: at('2026-11-24T19:50:51Z'),
      requested: at('2026-11-24T19:50:51.850Z'),
    });
  });
});

describe('times', () => {
  test.each<[string, string, bigint?]>([
    ['2026-11-24T16:50:51Z', '2026-11-24T16:50:51Z'],
    ['2026-11-24T18:50:51+02:00', '2026-11-24T16:50:51Z'],
    ['2026-11-24T09:50:51-07:00', '2026-11-24T16:50:51Z'],
    ['2026-11-24T16:50:51', '2026-11-24T16:50:51Z'],
    ['2026-11-24T16:50', '2026-11-24T16:50:00Z'],
    ['2026-11-24T16:50Z', '2026-11-24T16:50:00Z'],
    ['2026-11-24T18:50+02:00', '2026-11-24T16:50:00Z'],
    ['2026-11-24T09:50-07:00', '2026-11-24T16:50:00Z'],
    ['2026-11-24T16', '2026-11-24T16:00:00Z'],
    ['2026-11-24T16Z', '2026-11-24T16:00:00Z'],
    ['2026-11-24T18+02:00', '2026-11-24T16:00:00Z'],
    ['2026-11-24', '2026-11-24T00:00:00Z'],
    ['2026-11-24Z', '2026-11-24T00:00:00Z'],
    ['2026-11-24+02:00', '2026-11-23T22:00:00Z'],
    ['2026-11-24-07:00', '2026-11-24T07:00:00Z'],
    // Go takes an hour of one digit, though no minute of one.
    ['2026-11-24T6', '2026-11-24T06:00:00Z'],
    ['2026-11-24T6:05:04Z', '2026-11-24T06:05:04Z'],
    ['2026-11-24T16:50:51.5', '2026-11-24T16:50:51.5Z'],
    ['2026-11-24T16:50:51.5Z', '2026-11-24T16:50:51.5Z'],
    ['2026-11-24T18:50:51.5+02:00', '2026-11-24T16:50:51.5Z'],
    ['2026-11-24T16:50:51,5Z', '2026-11-24T16:50:51.5Z'],
    ['2026-11-24T16:50:51.000000001Z', '2026-11-24T16:50:51Z', 1n],
    ['2026-11-24T16:50:51.4999999999999Z', '2026-11-24T16:50:51.499Z', 999_999n],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['2000-02-29', '2000-02-29T00:00:00Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['0000-02-29', '0000-02-29T00:00:00Z'],
    ['0099-12-31', '0099-12-31T00:00:00Z'],
    ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59.5Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
    ['2026-11-24T00:00:00+24:60', '2026-11-22T23:00:00Z'],
  ])('%s', (value, expected, more = 0n) => {
    expect(momentOf(value)).toBe(at(expected, more));
  });

  test.each([
    ['2026-02-29', 'parsing time "2026-02-29": day out of range'],
    ['1900-02-29', 'parsing time "1900-02-29": day out of range'],
    ['2026-04-31', 'parsing time "2026-04-31": day out of range'],
    ['2026-01-32', 'parsing time "2026-01-32": day out of range'],
    ['2026-01-00', 'parsing time "2026-01-00": day out of range'],
    ['2026-13-01', 'parsing time "2026-13-01": month out of range'],
    ['2026-00-01', 'parsing time "2026-00-01": month out of range'],
    ['2026-01-01T24:00', 'parsing time "2026-01-01T24:00": hour out of range'],
    ['2026-01-01T23:60', 'parsing time "2026-01-01T23:60": minute out of range'],
    ['2026-01-01T23:59:60', 'parsing time "2026-01-01T23:59:60": second out of range'],
    [
      '2026-01-01T23:59:59+25:00',
      'parsing time "2026-01-01T23:59:59+25:00": time zone offset hour out of range',
    ],
    [
      '2026-01-01T23:59:59+02:61',
      'parsing time "2026-01-01T23:59:59+02:61": time zone offset minute out of range',
    ],
    ['2026-11-24 16:50', 'parsing time "2026-11-24 16:50": extra text: " 16:50"'],
    ['2026-11-24T16:50:51z', '"2006-01-02T15:04:05Z07:00": cannot parse "z" as "Z07:00"'],
    ['2026-11-24T16:50:5', '"2006-01-02T15:04:05": cannot parse "5" as "05"'],
    ['2026-11-24T16:5', '"2006-01-02T15:04": cannot parse "5" as "04"'],
    ['2026-11-24T', '"2006-01-02T15": cannot parse "" as "15"'],
    ['2026-11-24.5', '"2006-01-02T15:04:05.999999999": cannot parse ".5" as "T"'],
    ['2026-11-24T16:50:51.5+0200', '"2006-01-02T15:04:05.999999999Z07:00": cannot parse "+0200" as "Z07:00"'],
    ['2026-11-24T18+0200', '"2006-01-02T15Z07:00": cannot parse "+0200" as "Z07:00"'],
    ['2026-11-24T18:50+02:0', 'cannot parse "+02:0" as "Z07:00"'],
    ['2026-11-24T16:50:51+2a:00', 'cannot parse "" as "Z07:00"'],
    ['2026-11', '"2006-01-02": cannot parse "" as "-"'],
    ['x2026-11-24', 'cannot parse "x2026-11-24" as "2006"'],
    ['2026-x11-24', 'cannot parse "x11-24" as "01"'],
    ['2026-11-24Tx16', 'cannot parse "x16" as "15"'],
    ['2026-11-24T16:x50', 'cannot parse "x50" as "04"'],
    ['2026-11-24T16:50:x51', 'cannot parse "x51" as "05"'],
    ['2026-11-24T16:50:.5', 'cannot parse ".5" as "05"'],
    ['2026-11-24T16:50:60.5', ': second out of range'],
    ['2026-11-24T16:50:51x.5', 'extra text: "x.5"'],
    ['2026-11-24T16:50:51xZ', 'cannot parse "xZ" as "Z07:00"'],
    ['2026-11-24T16:50:51.5+02000', 'cannot parse "+02000" as "Z07:00"'],
    ['2026-11-24T16:50:51+02:+02:00', 'cannot parse "2:00" as "Z07:00"'],
    ['26-11-24', '"2006-01-02": cannot parse "26-11-24" as "2006"'],
    ['-1', 'parsing time "-1" as "2006-01-02": cannot parse "-1" as "2006"'],
    ['-1.5', 'cannot parse "-1.5" as "2006"'],
    ['2026-01-01T00:00:00-01-00', 'extra text: "-01-00"'],
  ])('%s: %s', (value, problem) => {
    expect(momentOf(value)).toContain(problem);
  });
});

describe('Unix seconds', () => {
  test.each<[string, bigint]>([
    ['0', 0n],
    ['1', 1_000_000_000n],
    ['+1795539051', 1_795_539_051_000_000_000n],
    ['007', 7_000_000_000n],
    ['1795540851.4', 1_795_540_851_400_000_000n],
    ['1795540851.499999999', 1_795_540_851_499_999_999n],
    ['1795540851.5000000000', 1_795_540_851_500_000_000n],
    ['1795540851.4999999999999999999', 1_795_540_851_499_999_999n],
    ['1.000000001', 1_000_000_001n],
    ['1.0000000000000000000000000000000000007', 1_000_000_000n],
    ['9223372036854775807', 9_223_372_036_854_775_807_000_000_000n],
    // strconv takes a sign for the fraction too, and it counts as a digit.
    ['1.+5', 1_050_000_000n],
  ])('%s', (value, expected) => {
    expect(momentOf(value)).toBe(expected);
  });

  test.each([
    '',
    ' ',
    '1.',
    '.5',
    '.',
    '1.x',
    '1.5.5',
    '1_000',
    '0x10',
    '1e9',
    ' 1',
    '1 ',
    '++1',
    '+',
    '１２',
    'now',
    '1d',
    '9223372036854775808',
    '1.9223372036854775808',
    '2026/01/01',
    '15:04',
    'NaN',
  ])('%j is neither a time nor a duration', (value) => {
    expect(momentOf(value)).toBe(`failed to parse value as time or duration: ${JSON.stringify(value)}`);
  });
});

test('every time of RFC 3339 is the moment that Date reads', () => {
  const years = { min: new Date('0001-01-01'), max: new Date('9998-12-31'), noInvalidDate: true };
  fc.assert(
    fc.property(fc.date(years), fc.integer({ min: -1439, max: 1439 }), (date, offset) => {
      const minutes = Math.abs(offset);
      const zone = [Math.floor(minutes / 60), minutes % 60]
        .map((part) => String(part).padStart(2, '0'))
        .join(':');
      const local = date.toISOString().slice(0, -1);
      const value = `${local}${offset < 0 ? '-' : '+'}${zone}`;
      expect(momentOf(value)).toBe(at(value));
      expect(momentOf(local)).toBe(at(`${local}Z`));
    }),
  );
});

test('no later millisecond is made of a nanosecond', () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 19n), 10n ** 19n), (nanoseconds) => {
      const milliseconds = BigInt(toMilliseconds(nanoseconds));
      expect(milliseconds * 1_000_000n <= nanoseconds).toBe(true);
      expect((milliseconds + 1n) * 1_000_000n > nanoseconds).toBe(true);
    }),
  );
});

test.skipIf(process.env['MUTANTS'])('no text makes it throw', () => {
  const nearly = fc.string({ unit: fc.constantFrom(...'0123456789-:+.,TZz ') });
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (value) => {
      expect(Object.keys(parseTimestamp(value, NOW))).not.toEqual([]);
    }),
  );
});
