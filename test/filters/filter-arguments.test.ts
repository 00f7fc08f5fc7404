import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFilterArguments } from '../../lambdas/filters/filter-arguments.ts';
import { InvalidFilterError } from '../../lambdas/filters/invalid-filter-error.ts';

function plain(filters: unknown): [string, [string, boolean][]][] {
  return [...parseFilterArguments(filters)].map(([name, values]) => [name, [...values]]);
}

test.each([undefined, null, '', 'null', ' null ', {}, '{}', Object.create(null)])(
  '%j is no filters',
  (given) => {
    expect(plain(given)).toEqual([]);
  },
);

describe('both forms, as text and as object', () => {
  test.each<[unknown, [string, [string, boolean][]][]]>([
    [{ label: ['a=b'] }, [['label', [['a=b', true]]]]],
    [{ label: { 'a=b': true } }, [['label', [['a=b', true]]]]],
    [{ label: { 'a=b': false } }, [['label', [['a=b', false]]]]],
    [{ label: { 'a=b': null } }, [['label', [['a=b', false]]]]],
    [
      { label: ['a', 'b', 'a'] },
      [
        [
          'label',
          [
            ['a', true],
            ['b', true],
          ],
        ],
      ],
    ],
    [{ label: [null] }, [['label', [['', true]]]]],
    [{ label: [] }, [['label', []]]],
    [{ label: {} }, [['label', []]]],
    [{ label: null }, [['label', []]]],
    [
      { label: null, until: ['1h'] },
      [
        ['label', []],
        ['until', [['1h', true]]],
      ],
    ],
    [
      { label: null, until: { '1h': true } },
      [
        ['label', []],
        ['until', [['1h', true]]],
      ],
    ],
  ])('%j', (given, expected) => {
    expect(plain(given)).toEqual(expected);
    expect(plain(JSON.stringify(given))).toEqual(expected);
  });

  test('the last of equal names counts, as in Go', () => {
    expect(plain('{"label":["a"],"label":["b"]}')).toEqual([['label', [['b', true]]]]);
  });
});

describe('names that objects have by themselves are nothing special', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s', (word) => {
    const quoted = JSON.stringify(word);
    expect(plain(`{${quoted}:{${quoted}:true}}`)).toEqual([[word, [[word, true]]]]);
    expect(plain(JSON.parse(`{${quoted}:[${quoted}]}`))).toEqual([[word, [[word, true]]]]);
  });

  test('entries that are inherited are refused with their object', () => {
    expect(() => plain(Object.create({ until: ['1h'] }))).toThrow(InvalidFilterError);
    expect(() => plain({ label: Object.create({ a: true }) })).toThrow(InvalidFilterError);
  });
});

describe('what is not of a form', () => {
  test.each<[unknown, string]>([
    ['{', 'invalid filter: not JSON: '],
    ['label=a', 'invalid filter: not JSON: '],
    [' ', 'invalid filter: not JSON: '],
    ['{"label":["a"],}', 'invalid filter: not JSON: '],
    ["{'label':['a']}", 'invalid filter: not JSON: '],
    ['\ufeff{}', 'invalid filter: not JSON: '],
    ['[]', 'invalid filter: got a list for an object'],
    ['"label"', 'invalid filter: got a string for an object'],
    ['1', 'invalid filter: got a number for an object'],
    ['true', 'invalid filter: got a boolean for an object'],
    [1, 'invalid filter: got a number for an object'],
    [[], 'invalid filter: got a list for an object'],
    [new Map([['label', ['a']]]), 'invalid filter: got an object of a class for an object'],
    [() => ({}), 'invalid filter: got a function for an object'],
    [{ label: 'a' }, "invalid filter: 'label' is a string"],
    [{ label: 1 }, "invalid filter: 'label' is a number"],
    [{ label: undefined }, "invalid filter: 'label' is undefined"],
    [{ until: new Date(0) }, "invalid filter: 'until' is an object of a class"],
    [{ label: new Set(['a']) }, "invalid filter: 'label' is an object of a class"],
    [{ label: ['a', 1] }, "invalid filter: the list of 'label' holds a number"],
    [{ label: [['a']] }, "invalid filter: the list of 'label' holds a list"],
    [{ label: [undefined] }, "invalid filter: the list of 'label' holds undefined"],
    [{ label: new Array(1) }, "invalid filter: the list of 'label' holds undefined"],
    [{ label: { a: 1 } }, "invalid filter: 'a' of 'label' is a number"],
    [{ label: { a: 'true' } }, "invalid filter: 'a' of 'label' is a string"],
    [{ label: { a: { b: true } } }, "invalid filter: 'a' of 'label' is an object"],
    [{ label: { a: undefined } }, "invalid filter: 'a' of 'label' is undefined"],
    [
      { dangling: { false: true }, label: ['a'] },
      "invalid filter: 'dangling' is given as a map and 'label' as a list",
    ],
    [{ label: [], until: {} }, "invalid filter: 'until' is given as a map and 'label' as a list"],
  ])('%j: %s', (given, message) => {
    expect(() => plain(given)).toThrow(InvalidFilterError);
    expect(() => plain(given)).toThrow(message);
  });

  const forms = 'allowed are {"name":["value"]} and {"name":{"value":true}}';
  test.each<[unknown, string]>([
    [[], `got a list for an object: ${forms}`],
    [{ label: 'a' }, `'label' is a string: ${forms}`],
    [{ label: ['a', 1] }, "the list of 'label' holds a number: allowed are strings"],
    [{ label: { a: 1 } }, "'a' of 'label' is a number: allowed are true and false"],
    [{ label: { a: {} } }, "'a' of 'label' is an object: allowed are true and false"],
    [{ until: [], label: {} }, "'label' is given as a map and 'until' as a list: give all in one form"],
  ])('%j is told what is allowed', (given, message) => {
    expect(() => plain(given)).toThrow(new InvalidFilterError(`invalid filter: ${message}`));
  });

  test('keeps the error of the JSON parser', () => {
    const parse = () => parseFilterArguments('{');
    expect(parse).toThrow(
      expect.objectContaining({ name: 'InvalidFilterError', cause: expect.any(SyntaxError) }),
    );
  });
});

describe.skipIf(process.env['MUTANTS'])('any filters', () => {
  const lists = fc.dictionary(fc.string(), fc.uniqueArray(fc.string()));

  test('are the same in both forms', () => {
    fc.assert(
      fc.property(lists, (list) => {
        const maps = Object.entries(list).map(([name, values]) => [
          name,
          Object.fromEntries(values.map((value) => [value, true])),
        ]);
        const map = Object.fromEntries(maps);
        const sorted = (given: unknown) =>
          new Map([...parseFilterArguments(given)].map(([k, v]) => [k, new Map(v)]));
        expect(sorted(map)).toEqual(sorted(list));
        expect(sorted(JSON.stringify(map))).toEqual(sorted(JSON.stringify(list)));
      }),
    );
  });

  test('of any text or object are read or refused', () => {
    const anything = fc.anything({
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withBigInt: true,
    });
    const given = fc.oneof(anything, fc.string(), fc.json(), fc.dictionary(fc.string(), anything));
    fc.assert(
      fc.property(given, (filters) => {
        try {
          parseFilterArguments(filters);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidFilterError);
        }
      }),
    );
  });
});
