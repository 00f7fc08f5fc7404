import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type FilterableImage,
  InvalidFilterError,
  parsePruneFilters,
  type ReasonSpared,
} from '../../lambdas/filters/prune-filters.ts';

const NOW = new Date('2026-11-24T19:50:51Z');

function filtersOf(filters: string | object | null | undefined) {
  return parsePruneFilters(filters, NOW);
}

function image(given: Partial<FilterableImage> = {}): FilterableImage {
  return { tagged: false, labels: null, pushedAt: NOW, ...given };
}

function reason(filters: object, given: Partial<FilterableImage>): ReasonSpared | undefined {
  return filtersOf(filters).reasonSpared(image(given));
}

describe('dangling', () => {
  test.each<[string | object | null | undefined, boolean]>([
    [undefined, true],
    [null, true],
    ['', true],
    ['null', true],
    ['{}', true],
    [{}, true],
    [{ dangling: ['true'] }, true],
    [{ dangling: ['1'] }, true],
    [{ dangling: ['true', '1'] }, true],
    [{ dangling: { true: true } }, true],
    [{ dangling: ['false'] }, false],
    [{ dangling: ['0'] }, false],
    [{ dangling: ['0', 'false'] }, false],
    [{ dangling: { false: true } }, false],
  ])('%j: %s', (given, dangling) => {
    const filters = filtersOf(given);
    expect(filters.dangling).toBe(dangling);
    expect(filters.reasonSpared(image({ tagged: true }))).toBe(dangling ? 'tagged' : undefined);
    expect(filters.matches(image({ tagged: true }))).toBe(!dangling);
    expect(filters.matches(image({ tagged: false }))).toBe(true);
  });

  test.each<[object, string]>([
    [{ dangling: ['nope'] }, "invalid filter 'dangling=[nope]'"],
    [{ dangling: ['TRUE'] }, "invalid filter 'dangling=[TRUE]'"],
    [{ dangling: [' true'] }, "invalid filter 'dangling=[ true]'"],
    [{ dangling: ['constructor'] }, "invalid filter 'dangling=[constructor]'"],
    [{ dangling: [null] }, "invalid filter 'dangling=[]'"],
    [{ dangling: [] }, "invalid filter 'dangling=[]'"],
    [{ dangling: {} }, "invalid filter 'dangling=[]'"],
    [{ dangling: null }, "invalid filter 'dangling=[]'"],
    [{ dangling: ['true', 'false'] }, "invalid filter 'dangling=[true false]'"],
    [{ dangling: ['1', '0'] }, "invalid filter 'dangling=[1 0]'"],
    [{ dangling: ['false', 'x'] }, "invalid filter 'dangling=[false x]'"],
    [{ dangling: { false: false } }, "invalid filter 'dangling=[false]'"],
    [{ dangling: { true: null } }, "invalid filter 'dangling=[true]'"],
    [{ dangling: { true: true, false: false } }, "invalid filter 'dangling=[true false]'"],
  ])('%j: %s', (given, message) => {
    expect(() => filtersOf(given)).toThrow(InvalidFilterError);
    expect(() => filtersOf(given)).toThrow(`${message}: allowed are true, 1, false, 0`);
  });
});

describe('until', () => {
  test.each([
    [['24h'], '2026-11-23T19:50:51.000Z'],
    [['24h', '24h'], '2026-11-23T19:50:51.000Z'],
    [['0s'], '2026-11-24T19:50:51.000Z'],
    [['2026-11-14'], '2026-11-14T00:00:00.000Z'],
    [['0001-01-01T00:00:00Z'], '0001-01-01T00:00:00.000Z'],
    [['1795540851.499999999'], '2026-11-24T17:20:51.499Z'],
    [['0'], '1970-01-01T00:00:00.000Z'],
    [{ '24h': false }, '2026-11-23T19:50:51.000Z'],
    [{ '24h': null }, '2026-11-23T19:50:51.000Z'],
  ])('%j is %s', (until, expected) => {
    expect(filtersOf({ until }).until).toEqual(new Date(expected));
  });

  test('spares what is newer, and not what is exactly as old', () => {
    const until = ['2026-11-24T17:50:51Z'];
    expect(reason({ until }, { pushedAt: new Date('2026-11-24T17:50:51.001Z') })).toBe('newer-than-until');
    expect(reason({ until }, { pushedAt: new Date('2026-11-24T17:50:51Z') })).toBeUndefined();
    expect(reason({ until }, { pushedAt: new Date('2026-11-24T17:50:50.999Z') })).toBeUndefined();
  });

  test.each([
    ['1795540851.499999999', false],
    ['1795540851.500000000', true],
    ['1795540851.500000001', true],
    ['2026-11-24T17:20:51.499999999Z', false],
    ['2026-11-24T17:20:51.5Z', true],
  ])('%s is exact to the nanosecond', (until, prunes) => {
    const pushedAt = new Date('2026-11-24T17:20:51.500Z');
    expect(filtersOf({ until: [until] }).matches(image({ pushedAt }))).toBe(prunes);
  });

  test('spares an image whose push has no valid date', () => {
    expect(reason({ until: ['0s'] }, { pushedAt: new Date(Number.NaN) })).toBe('newer-than-until');
  });

  test('spares nothing when it is not given, not even from the future', () => {
    expect(filtersOf({}).until).toBeUndefined();
    expect(reason({}, { pushedAt: new Date('2030-01-01') })).toBeUndefined();
  });

  test.each<[string[] | undefined, number | undefined]>([
    [['24h'], 86_400_000],
    [['1.9ms'], 1],
    [['0s'], 0],
    [['0'], undefined],
    [['2026-11-14'], undefined],
    [['1795540851'], undefined],
    [undefined, undefined],
  ])('%j spares for so long after a push: %s', (until, age) => {
    expect(filtersOf(until === undefined ? {} : { until }).untilAge).toBe(age);
  });

  test('cannot be changed from outside', () => {
    const filters = filtersOf({ until: ['24h'] });
    filters.until?.setTime(NOW.getTime());
    expect(filters.until).toEqual(new Date('2026-11-23T19:50:51Z'));
  });

  test.each<[unknown, string]>([
    [[], "invalid filter 'until=[]': allowed are a duration"],
    [{}, "invalid filter 'until=[]': allowed are a duration"],
    [null, "invalid filter 'until=[]': allowed are a duration"],
    [['1h', '24h'], 'more than one until filter specified: got 1h, 24h'],
    [[''], 'failed to parse value as time or duration: "": allowed are a duration'],
    [[null], 'failed to parse value as time or duration: "": allowed are a duration'],
    [['1d'], 'failed to parse value as time or duration: "1d": allowed are a duration'],
    [['2026-02-30'], 'parsing time "2026-02-30": day out of range: allowed are a duration'],
    [['-1m'], "invalid filter 'until=[-1m]': 2026-11-24T19:51:51.000Z lies in the future"],
    [['-1ns'], "invalid filter 'until=[-1ns]': 2026-11-24T19:50:51.000Z lies in the future"],
    [['2026-11-24T19:50:51.000000001Z'], 'lies in the future'],
    [['2026-11-24T19:50:52Z'], 'lies in the future, now is 2026-11-24T19:50:51.000Z'],
    [['1795540851000'], 'lies in the future'],
    [['9223372036854775807'], "invalid filter 'until=[9223372036854775807]': it lies in the future"],
  ])('%j: %s', (until, message) => {
    expect(() => filtersOf({ until })).toThrow(InvalidFilterError);
    expect(() => filtersOf({ until })).toThrow(message);
  });

  test('is told what is allowed', () => {
    const message =
      "invalid filter 'until=[]': allowed are a duration such as 24h or 1h30m (units ns, us, ms, s, m, h), " +
      'a time such as 2006-01-02T15:04:05Z or shorter, and Unix seconds';
    expect(() => filtersOf({ until: [] })).toThrow(new InvalidFilterError(message));
  });

  test('names a moment for as long as there is a date for it', () => {
    const last = '+275760-09-13T00:00:00.000Z';
    expect(() => filtersOf({ until: ['8640000000000'] })).toThrow(`${last} lies in the future`);
    expect(() => filtersOf({ until: ['8640000000000.001'] })).toThrow('it lies in the future');
  });

  test('of a moment that is now is no future', () => {
    expect(filtersOf({ until: ['2026-11-24T19:50:51Z'] }).until).toEqual(NOW);
  });

  test('of a negative duration is refused though cutting it down would hide it', () => {
    const now = new Date('2026-11-24T19:50:51.300Z');
    expect(() => parsePruneFilters({ until: ['-200ms'] }, now)).toThrow('lies in the future');
  });

  test('needs a clock that works', () => {
    expect(() => parsePruneFilters({}, new Date(Number.NaN))).toThrow(RangeError);
  });
});

describe('label: all entries have to match', () => {
  test.each<[string[], Record<string, string> | null, boolean]>([
    [['a'], { a: '1' }, true],
    [['a'], { a: '' }, true],
    [['a'], { A: '1' }, false],
    [['a'], {}, false],
    [['a'], null, false],
    [['a=1'], { a: '1' }, true],
    [['a=1'], { a: '2' }, false],
    [['a=1'], { a: '11' }, false],
    [['a='], { a: '' }, true],
    [['a='], { a: '1' }, false],
    [['a=x=y'], { a: 'x=y' }, true],
    [['a=x'], { a: 'x=y' }, false],
    [['a.b=x=y'], { 'a.b': 'x=y' }, true],
    [['='], { a: '1' }, false],
    [['='], { '': '' }, true],
    [[''], { a: '1' }, false],
    [[''], { '': 'x' }, true],
    [[' a'], { a: '1' }, false],
    [['name=größe-☃'], { name: 'größe-☃' }, true],
    [['a=1', 'b=1'], { a: '1', b: '1' }, true],
    [['a=1', 'b=1'], { a: '1' }, false],
    [['a=1', 'a=2'], { a: '1' }, false],
    [['constructor'], {}, false],
    [['__proto__'], {}, false],
    [['__proto__=x'], JSON.parse('{"__proto__":"x"}'), true],
    [[], { a: '1' }, true],
    [[], null, true],
  ])('%j of %j: %s', (label, labels, matches) => {
    expect(reason({ label }, { labels })).toBe(matches ? undefined : 'label');
  });

  test('counts an entry that the map marks false', () => {
    expect(reason({ label: { 'a=1': false } }, { labels: { a: '2' } })).toBe('label');
  });
});

describe('label!: spares what has all entries', () => {
  test.each<[string[], Record<string, string> | null, boolean]>([
    [['a'], { a: '1' }, true],
    [['a'], { b: '1' }, false],
    [['a'], null, false],
    [['a=1'], { a: '2' }, false],
    [['a=1', 'b=1'], { a: '1', b: '1' }, true],
    [['a=1', 'b=1'], { a: '1' }, false],
    [['zzz'], {}, false],
    [[''], { a: '1' }, false],
    [['constructor'], {}, false],
    [[], { a: '1' }, true],
    [[], null, true],
  ])('%j of %j: %s', (entries, labels, spared) => {
    expect(reason({ 'label!': entries }, { labels })).toBe(spared ? 'label!' : undefined);
  });

  test.each([{}, null])('given as %j spares all, with or without a config', (entries) => {
    expect(reason({ 'label!': entries }, { labels: { a: '1' } })).toBe('label!');
    expect(reason({ 'label!': entries }, { labels: undefined })).toBe('label!');
  });
});

describe('an image whose config cannot be read', () => {
  test.each<[object, ReasonSpared | undefined]>([
    [{ label: ['a'] }, 'config-unreadable'],
    [{ 'label!': ['a'] }, 'config-unreadable'],
    [{ label: ['a'], 'label!': ['b'] }, 'config-unreadable'],
    [{ label: [] }, undefined],
    [{ until: ['0s'] }, undefined],
    [{}, undefined],
  ])('%j: %s', (filters, expected) => {
    expect(reason(filters, { labels: undefined })).toBe(expected);
  });
});

describe('usesLabels', () => {
  test.each<[object, boolean]>([
    [{}, false],
    [{ until: ['1h'], dangling: ['0'] }, false],
    [{ label: [] }, false],
    [{ 'label!': [] }, false],
    [{ label: ['a'], 'label!': [] }, false],
    [{ label: ['a'] }, true],
    [{ 'label!': ['a'] }, true],
  ])('%j: %s', (filters, usesLabels) => {
    expect(filtersOf(filters).usesLabels).toBe(usesLabels);
  });
});

describe('all filters together', () => {
  const filters = { dangling: ['true'], until: ['1h'], label: ['a'], 'label!': ['b'] };
  const old = new Date('2026-11-24T18:50:51Z');

  test.each<[Partial<FilterableImage>, ReasonSpared | undefined]>([
    [{ tagged: true, labels: undefined }, 'tagged'],
    [{ labels: undefined }, 'newer-than-until'],
    [{ labels: undefined, pushedAt: old }, 'config-unreadable'],
    [{ labels: { b: '1' }, pushedAt: old }, 'label'],
    [{ labels: { a: '1', b: '1' }, pushedAt: old }, 'label!'],
    [{ labels: { a: '1' }, pushedAt: old }, undefined],
  ])('%j: %s', (given, expected) => {
    expect(reason(filters, given)).toBe(expected);
  });
});

describe('names', () => {
  test.each(['before', 'labels', 'label!!', 'label !', 'Label', '', '__proto__', 'constructor'])(
    '%s',
    (name) => {
      const message = `invalid filter '${name}': allowed are dangling, label, label!, until`;
      expect(() => filtersOf(`{${JSON.stringify(name)}:[]}`)).toThrow(message);
      expect(() => filtersOf(JSON.parse(`{${JSON.stringify(name)}:null}`))).toThrow(message);
    },
  );

  test('an unknown one is named before a bad dangling, and that before a bad until', () => {
    const bad = { until: ['1d'], dangling: ['nope'], color: ['red'] };
    expect(() => filtersOf(bad)).toThrow("invalid filter 'color'");
    expect(() => filtersOf({ until: bad.until, dangling: bad.dangling })).toThrow("'dangling=[nope]'");
    expect(() => filtersOf({ until: bad.until })).toThrow('"1d"');
  });
});

describe('toJSON', () => {
  test.each<[object, object]>([
    [{}, { dangling: ['true'] }],
    [{ dangling: { 0: true } }, { dangling: ['false'] }],
    [{ label: [] }, { dangling: ['true'] }],
    [{ 'label!': [] }, { dangling: ['true'], 'label!': [] }],
    [
      { until: ['24h'], label: ['b', 'a=1'], 'label!': ['c', 'c'] },
      { dangling: ['true'], label: ['a=1', 'b'], 'label!': ['c'], until: ['2026-11-23T19:50:51.000Z'] },
    ],
    [{ until: ['0000-01-01T00:00:00+24:00'] }, { dangling: ['true'], until: ['0000-01-01T00:00:00.000Z'] }],
  ])('%j: %j', (given, expected) => {
    expect(JSON.parse(JSON.stringify(filtersOf(given)))).toEqual(expected);
  });
});

describe.skipIf(process.env['MUTANTS'])('any filters', () => {
  const word = fc.constantFrom('a', 'b', 'a=1', 'a=2', 'b=1', 'a=', '=', '', '__proto__', 'constructor');
  const filters = fc.record(
    {
      dangling: fc.constantFrom(['true'], ['false'], ['0']),
      until: fc.constantFrom(['24h'], ['1h'], ['2026-11-14'], ['1795540851.499999999'], ['0']),
      label: fc.array(word, { maxLength: 3 }),
      'label!': fc.array(word, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
  const labels = fc.option(
    fc.dictionary(fc.constantFrom('a', 'b', '', '__proto__'), fc.constantFrom('', '1', '2')),
  );
  const images = fc.record({
    tagged: fc.boolean(),
    labels: fc.option(labels, { nil: undefined }),
    pushedAt: fc.date({ min: new Date('1969-01-01'), max: new Date('2027-01-01') }),
  });

  test('are the same when read back later', () => {
    fc.assert(
      fc.property(filters, images, fc.nat(), (given, candidate, later) => {
        const first = filtersOf(given);
        const second = parsePruneFilters(JSON.stringify(first), new Date(NOW.getTime() + later));
        expect(second.reasonSpared(candidate)).toBe(first.reasonSpared(candidate));
        expect(JSON.stringify(second)).toBe(JSON.stringify(first));
      }),
    );
  });

  test('do not depend on the order of their labels', () => {
    fc.assert(
      fc.property(filters, images, (given, candidate) => {
        const turned = Object.entries(given).map(([name, values]) => [name, [...(values ?? [])].reverse()]);
        const reversed = filtersOf(Object.fromEntries(turned.reverse()));
        expect(reversed.reasonSpared(candidate)).toBe(filtersOf(given).reasonSpared(candidate));
      }),
    );
  });

  test('match less the more is asked for: another label or an older until', () => {
    fc.assert(
      fc.property(filters, images, word, (given, candidate, more) => {
        const narrower = { ...given, label: [...(given.label ?? []), more], until: ['0'] };
        const stillMatches = filtersOf(narrower).matches(candidate);
        expect(stillMatches && !filtersOf(given).matches(candidate)).toBe(false);
      }),
    );
  });

  test('need no config where they say so', () => {
    fc.assert(
      fc.property(filters, images, (given, candidate) => {
        const parsed = filtersOf(given);
        fc.pre(!parsed.usesLabels);
        expect(parsed.reasonSpared({ ...candidate, labels: undefined })).toBe(parsed.reasonSpared(candidate));
      }),
    );
  });

  test('of any text or object are read or refused', () => {
    const name = fc.oneof(fc.constantFrom('dangling', 'label', 'label!', 'until'), fc.string());
    const value = fc.oneof(fc.constantFrom('true', '1h', '-1h', '2026-11-14T1'), fc.string(), fc.anything());
    const nearly = fc.dictionary(name, fc.oneof(fc.array(value), fc.dictionary(fc.string(), value), value));
    const anyText = fc.oneof(
      fc.string(),
      fc.json(),
      nearly.map((given) => JSON.stringify(given, textOfBigInt)),
    );
    fc.assert(
      fc.property(fc.oneof(nearly, fc.object(), anyText), (given) => {
        try {
          filtersOf(given);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidFilterError);
        }
      }),
    );
  });

  function textOfBigInt(_: string, value: unknown): unknown {
    return typeof value === 'bigint' ? String(value) : value;
  }
});
