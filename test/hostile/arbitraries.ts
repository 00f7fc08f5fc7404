/** Documents that somebody made to be misread: as text, for a value cannot hold a key twice. */
import fc from 'fast-check';
import { digest, everyDocument } from '../registry/documents.ts';

const hex = digest('hostile').slice('sha256:'.length);

/** Texts in the place of digests. */
export const DIGESTS = [
  digest('one'),
  digest('two'),
  digest('subject'),
  `sha384:${hex}${hex.slice(32)}`,
  `sha512:${hex}${hex}`,
  `md5:${hex.slice(32)}`,
  `sha1:${hex.slice(24)}`,
  `sha256:${hex.slice(1)}`,
  `sha256:${hex}a`,
  `sha512:${hex}`,
  `sha256:${hex.toUpperCase()}`,
  `SHA256:${hex}`,
  `sha256+b64:${hex}`,
  ` sha256:${hex}`,
  `sha256:${hex}\n`,
  `sha256:${hex}\0`,
  `\ufeffsha256:${hex}`,
  `app@sha256:${hex}`,
  `sha256:../../../../${hex}`,
  `sha256:${'０'.repeat(64)}`,
  'sha256:',
  '',
];

/** Texts in the place of names, tags, ids and paths. */
export const NAMES = [
  ...['app', 'team/app', 'a', 'latest', 'v1', 'Team/app'],
  ...[
    '..',
    '.',
    '../..',
    'a/../../b',
    '/',
    '//',
    'a//b',
    '/a',
    'a/',
    '%2e%2e',
    '%2F',
    'a%00',
    '\\',
    '..\\..',
  ],
  ...[
    'a\0b',
    'a\nb',
    'a\r\n',
    '\u202eppa',
    '\u200b',
    '\ud800',
    '\udc00x',
    'é',
    'e\u0301',
    '\uff0e\uff0e/',
    ' a',
    'a ',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    '_manifests',
    '_layers',
    '_uploads',
  ],
  ...['a/_layers', 'a/_manifests/tags/x', 'link', 'current', 'index', 'a@b', 'a:b', 'a#b', 'REPO#a', 'a\tb'],
  ...[
    'a'.repeat(255),
    'a'.repeat(256),
    'a/'.repeat(128),
    'a-'.repeat(127),
    '-',
    '_',
    '__',
    'a__b',
    'a___b',
    '',
  ],
];

export const FIELDS = [
  ...[
    'schemaVersion',
    'mediaType',
    'artifactType',
    'config',
    'layers',
    'manifests',
    'blobs',
    'fsLayers',
    'history',
  ],
  ...[
    'subject',
    'digest',
    'size',
    'urls',
    'annotations',
    'platform',
    'blobSum',
    'v1Compatibility',
    'signatures',
  ],
  ...['Labels', 'created', 'os', 'architecture', 'rootfs', 'container_config', 'data', 'references'],
];
const OTHER_CASES = FIELDS.flatMap((name) => [
  name.toUpperCase(),
  name.charAt(0).toUpperCase() + name.slice(1),
  name.replace('s', 'ſ'),
  name.replace('k', '\u212a'),
]);
export const PROTOTYPES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'toJSON',
  'then',
];

export const NUMBERS = [
  ...[
    '0',
    '-0',
    '1',
    '2',
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '1e-999',
    '9007199254740993',
    '9223372036854775808',
  ],
  ...['2.0', '2e0', '0.1', '1e21', `1${'0'.repeat(400)}`, '123456789012345678901234567890'],
];

/** A JSON string of a text, some of it escaped though it need not be. */
const written = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(text, fc.nat(3), fc.nat()).map(([value, how, at]) => {
    const plain = JSON.stringify(value);
    if (how !== 0 || value === '') return plain;
    const place = at % value.length;
    const escaped = `\\u${value.charCodeAt(place).toString(16).padStart(4, '0')}`;
    const parts = [value.slice(0, place), value.slice(place + 1)].map((part) =>
      JSON.stringify(part).slice(1, -1),
    );
    return `"${parts.join(escaped)}"`;
  });

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...DIGESTS) },
  { weight: 2, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...Object.values(everyDocument).map((one) => JSON.stringify(one))),
  },
);

const key: fc.Arbitrary<string> = written(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...FIELDS) },
    { weight: 2, arbitrary: fc.constantFrom(...OTHER_CASES) },
    { weight: 2, arbitrary: fc.constantFrom(...PROTOTYPES) },
    { weight: 2, arbitrary: anyText },
  ),
);

const space = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n ');

/** Any JSON, as text. */
export const json: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string; list: string }>(
  (tie) => ({
    object: fc
      .array(fc.tuple(space, key, space, tie('value')), { maxLength: 5, depthIdentifier: 'json' })
      .map((pairs) => `{${pairs.map(([a, name, b, value]) => `${a}${name}${b}:${value}`).join(',')}}`),
    list: fc
      .array(tie('value'), { maxLength: 4, depthIdentifier: 'json' })
      .map((values) => `[${values.join(',')}]`),
    value: fc.oneof(
      { depthIdentifier: 'json', maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: written(anyText) },
      { weight: 1, arbitrary: fc.constantFrom(...NUMBERS, 'true', 'false', 'null') },
      { weight: 3, arbitrary: tie('object') },
      { weight: 2, arbitrary: tie('list') },
    ),
  }),
).value;

type Pairs = readonly (readonly [string, string])[];
const text = (pairs: Pairs): string => `{${pairs.map(([name, value]) => `${name}:${value}`).join(',')}}`;
const pairsOf = (value: object): Pairs =>
  Object.entries(value).map(([name, part]) => [JSON.stringify(name), JSON.stringify(part)]);

const nested = (depth: number, inner: string, list: boolean): string =>
  list ? '['.repeat(depth) + inner + ']'.repeat(depth) : '{"a":'.repeat(depth) + inner + '}'.repeat(depth);

const deep = fc
  .tuple(fc.constantFrom(1, 10, 1000), json, fc.boolean())
  .map(([depth, inner, list]) => nested(depth, inner, list));

/** How a pair of a document, or one of what is below it, is changed. */
type Change = (pairs: Pairs, at: number) => Pairs;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(key, fc.oneof(json, deep)).map(
    ([name, value]): Change =>
      (pairs, at) =>
        pairs.toSpliced(at, 0, [name, value]),
  ),
  fc.oneof(json, deep).map(
    (value): Change =>
      (pairs, at) =>
        pairs.toSpliced(at, 1, [pairs[at]?.[0] ?? '"x"', value]),
  ),
  fc.oneof(json, deep).map(
    (value): Change =>
      (pairs, at) => [...pairs, [pairs[at]?.[0] ?? '"x"', value]],
  ),
  key.map(
    (name): Change =>
      (pairs, at) =>
        pairs.toSpliced(at, 1, [name, pairs[at]?.[1] ?? 'null']),
  ),
  fc.constant<Change>((pairs, at) => pairs.toSpliced(at, 1)),
  fc.constant<Change>((pairs, at) => pairs.toSpliced(at, 0, ...pairs.slice(at, at + 1))),
  fc.tuple(written(anyText), fc.nat()).map(
    ([value, which]): Change =>
      (pairs, at) => {
        const [name = '"x"', before = 'null'] = pairs[at] ?? [];
        const strings = [...before.matchAll(/"(?:[^"\\]|\\.)*"/g)];
        const found = strings[which % Math.max(1, strings.length)];
        if (found === undefined) return pairs;
        return pairs.toSpliced(at, 1, [
          name,
          before.slice(0, found.index) + value + before.slice(found.index + found[0].length),
        ]);
      },
  ),
);

/** A valid document with some changes, as text. */
export const changed = (...documents: readonly object[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...documents),
      fc.array(fc.tuple(change, fc.nat()), { minLength: 1, maxLength: 3 }),
    )
    .map(([document, changes]) =>
      text(
        changes.reduce((pairs, [one, at]) => one(pairs, at % Math.max(1, pairs.length)), pairsOf(document)),
      ),
    );

/** Text as bytes, some of them spoilt. */
export const spoilt = (texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(texts, fc.nat(9), fc.nat(), fc.nat(255))
    .map(([one, how, where, value]) => {
      const bytes = new TextEncoder().encode(one);
      const at = where % Math.max(1, bytes.length);
      if (how === 0) return bytes.slice(0, at);
      if (how === 1) return bytes.with(Math.min(at, Math.max(0, bytes.length - 1)), value);
      if (how === 2) return Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes);
      if (how === 3) return Uint8Array.from([...bytes.slice(0, at), value, ...bytes.slice(at)]);
      return bytes;
    })
    .filter((bytes) => bytes.length > 0);

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  { weight: 4, arbitrary: spoilt(json) },
);

/** Whatever a value can be that JSON made, prototypes' names and depth included. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(json, deep).map((one): unknown => JSON.parse(one));
