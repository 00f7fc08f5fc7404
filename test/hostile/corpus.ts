/** The nastiest documents so far, by what was or could have been wrong with them. Each is tried in every run. */
import { digest, everyDocument } from '../registry/documents.ts';

const DEPTH = 100_000;
export const nest = (open: string, close: string, depth = DEPTH, inner = ''): string =>
  open.repeat(depth) + inner + close.repeat(depth);

export const DEEP_LIST = nest('[', ']');
export const DEEP_OBJECT = nest('{"a":', '}', DEPTH, '1');
export const HIDDEN = digest('hidden');

const image = JSON.stringify(everyDocument.ociManifest);
const withTail = (tail: string): string => `${image.slice(0, -1)},${tail}}`;
const many = (count: number, one: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => one(at)).join(',');
const hex = (at: number): string => at.toString(16).padStart(64, '0');

/** Texts that are given to every reader of text. */
export const TEXTS: Readonly<Record<string, string>> = {
  nothing: '',
  'a byte order mark': `\ufeff${image}`,
  'a NUL': '\0',
  'lone surrogates': '"\ud800"',
  'escaped lone surrogates': withTail('"artifactType":"\\ud800","annotations":{"\\udc00":"\\ud800"}'),
  'a deep list': DEEP_LIST,
  'a deep object': DEEP_OBJECT,
  'a deep list that does not end': '['.repeat(DEPTH),
  'a deep field': withTail(`"x":${DEEP_LIST}`),
  'a deep media type': `{"mediaType":${DEEP_OBJECT}}`,
  'a deep event': `{"Records":${DEEP_LIST},"detail":${DEEP_OBJECT},"events":[${DEEP_OBJECT}]}`,
  'a deep filter': `{"label":${DEEP_OBJECT},"dangling":${DEEP_LIST}}`,
  'a deep plan': `{"kind":"registry-prune/plan","schemaVersion":"1.0","hash":"x","manifests":${DEEP_OBJECT}}`,
  'a deep kind of plan': `{"kind":${DEEP_LIST}}`,
  'a deep version of plan': `{"kind":"registry-prune/plan","schemaVersion":${DEEP_LIST}}`,
  'a deep hash of plan': `{"kind":"registry-prune/plan","schemaVersion":"1.0","hash":${DEEP_LIST}}`,
  'a deep request': `{"mode":${DEEP_LIST},"action":${DEEP_OBJECT}}`,
  'a deep journal line': `{"action":"untag","digest":${DEEP_LIST}}`,
  'huge numbers': withTail(`"x":[1e999,-1e999,${'9'.repeat(10_000)},1e-999]`),
  'a prototype': withTail('"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'),
  'a prototype as a label': '{"config":{"Labels":{"__proto__":"x","constructor":"y","toString":"z"}}}',
  'a prototype in an event': '{"__proto__":{"Records":[]},"events":[{"__proto__":{"action":"pull"}}]}',
  'a key 10,000 times': `{${many(10_000, () => '"a":1')}}`,
  'a number for a request': '0',
  'a text for a request': '""',
  true: 'true',
  null: 'null',
};

/** Manifests that have to keep {@link HIDDEN} or be unreadable. */
export const HIDING: Readonly<Record<string, string>> = {
  'a digest before a deep list': `{"mediaType":"x","a":"${HIDDEN}","b":${DEEP_LIST}}`,
  'a digest in the depth': `{"mediaType":"x","a":${nest('[', ']', DEPTH, `"${HIDDEN}"`)}}`,
  'a key twice in the depth': withTail(`"x":${nest('[', ']', DEPTH, `{"a":"${HIDDEN}","a":1}`)}`),
  'another case in the depth': withTail(`"x":${nest('[', ']', DEPTH, `{"Digest":"${HIDDEN}"}`)}`),
  'the last of many keys': `{"mediaType":"x",${many(50_000, (at) => `"${at}":${at}`)},"last":"${HIDDEN}"}`,
  'the last of many digests': `{"mediaType":"x","all":[${many(20_000, (at) => `"sha256:${hex(at)}"`)},"${HIDDEN}"]}`,
  'between lone surrogates': `{"mediaType":"x","a":"\\ud800${HIDDEN}\\ud800"}`,
  'after NULs': `{"mediaType":"x","a":"\\u0000\\u0000${HIDDEN}\\u0000"}`,
  'after backslashes': `{"mediaType":"x","a":"\\\\\\\\${HIDDEN}\\\\"}`,
  'after another digest': `{"mediaType":"x","a":"sha256:sha256:${HIDDEN}"}`,
  'written right to left': `{"mediaType":"x","a":"\u202e${HIDDEN}\u202c"}`,
  'all of it escaped': `{"mediaType":"x","a":"${[...HIDDEN].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join('')}"}`,
};

/** Of a size, for doubling: what a reader has to go through once. */
export const GROWING: Readonly<Record<string, (size: number) => string>> = {
  'many layers': (n) =>
    `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"${HIDDEN}"},"layers":[${many(n >> 7, (at) => `{"digest":"sha256:${hex(at)}","size":${at}}`)}]}`,
  'many children': (n) =>
    `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[${many(n >> 7, (at) => `{"digest":"sha256:${hex(at)}","size":${at}}`)}]}`,
  'many annotations': (n) =>
    `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"${HIDDEN}","annotations":{${many(n >> 5, (at) => `"key-${at}":"value"`)}}}]}`,
  'many labels': (n) => `{"config":{"Labels":{${many(n >> 5, (at) => `"key-${at}":"value"`)}}}}`,
  quotes: (n) => `{"mediaType":"x","a":"${'\\"'.repeat(n >> 1)}"}`,
  backslashes: (n) => `{"mediaType":"x","a":"${'\\\\'.repeat(n >> 1)}"}`,
  'backslashes between quotes': (n) => `{"mediaType":"x","a":"${`${'\\\\'.repeat(50)}\\"`.repeat(n / 102)}"}`,
  'spaces before colons': (n) => `{"a"${' '.repeat(n)}:1}`,
  'spaces after strings': (n) => `{"mediaType":"x","a":[${many(n >> 9, () => `"b"${' '.repeat(508)}`)}]}`,
  depth: (n) => `{"mediaType":"x","a":${nest('[', ']', n >> 1)}}`,
  'depth of objects': (n) => `{"mediaType":"x","a":${nest('{"a":', '}', n / 6, '1')}}`,
  'empty objects': (n) => `{"mediaType":"x","a":[${'{},'.repeat(n / 3)}1]}`,
  'almost digests': (n) => `{"mediaType":"x","a":"${'sha256:'.repeat(n / 7)}"}`,
  'digests too long': (n) => `{"mediaType":"x","a":"${`sha512:${'a'.repeat(127)}`.repeat(n / 134)}"}`,
  'one long digit string': (n) => `{"mediaType":"x","a":"sha256:${'a'.repeat(n)}"}`,
  'many records': (n) =>
    `{"Records":[${many(n >> 7, (at) => `{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a%2Fb+${at}"}}}`)}]}`,
  'a long key': (n) =>
    `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"${'/_layers/'.repeat(n / 9)}"}}}`,
  'a long until': (n) => `{"until":["${'1h'.repeat(n >> 1)}"]}`,
  'a long number for until': (n) => `{"until":["${'9'.repeat(n)}"]}`,
  'many labels to filter by': (n) => `{"label":[${many(n >> 4, (at) => `"key-${at}"`)}]}`,
  'a long timestamp': (n) => `{"events":[{"action":"pull","timestamp":"${'2026-'.repeat(n / 5)}"}]}`,
  'a long name': (n) =>
    `{"events":[{"action":"pull","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${HIDDEN}","repository":"${'a-'.repeat(n >> 1)}"}}]}`,
};
