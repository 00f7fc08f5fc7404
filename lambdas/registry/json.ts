import { type Digest, digestsWithin } from './digest.ts';

export type JsonObject = { readonly [key: string]: unknown };

/** A JSON object together with the text it was read from, which may say more than the value does. */
export interface JsonDocument {
  readonly value: JsonObject;
  /**
   * Some object names a key twice. Readers disagree on what that means (JavaScript takes the last, Go merges the two,
   * others take the first), so what the document refers to depends on who reads it.
   */
  readonly duplicateKeys: boolean;
  readonly text: string;
}

/** Text of UTF-8 bytes. Throws when they are too many or not UTF-8; a byte order mark stays, and JSON refuses it. */
export function decodeText(bytes: Uint8Array, limit: number): string {
  if (bytes.byteLength > limit) throw new RangeError(`${bytes.byteLength} bytes, more than ${limit}`);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Reads a JSON object. Throws when the text is not JSON, or is JSON but no object. */
export function readDocument(text: string): JsonDocument {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new TypeError('not a JSON object');
  return { value, duplicateKeys: keysWritten(text) !== keysIn(value), text };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Every digest a document writes, in any string of its text: values of duplicate keys, which the parsed value no
 * longer has, escaped characters and digests inside longer strings included.
 */
export function digestsWritten(text: string): Set<Digest> {
  const found = new Set<Digest>();
  for (const { raw } of strings(text)) {
    const decoded = raw.includes('\\') ? String(JSON.parse(raw)) : raw;
    for (const digest of digestsWithin(decoded)) found.add(digest);
  }
  return found;
}

/**
 * Whether any object has a key that Go's decoder would take for one of `names` though it differs in case
 * (`encoding/json` folds case, also `ſ` to `s`). distribution and its clients would follow a reference under such a
 * key; a reader that does not fold would not see it.
 *
 * @param opaque - keys whose content is free text, which is not looked into
 */
export function hasLookalikeKey(
  value: JsonObject,
  names: ReadonlySet<string>,
  opaque: ReadonlySet<string>,
): boolean {
  const folded = new Set([...names].map(fold));
  for (const object of objectsIn(value, opaque))
    for (const key of Object.keys(object)) if (!names.has(key) && folded.has(fold(key))) return true;
  return false;
}

function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

function keysIn(value: JsonObject): number {
  let count = 0;
  for (const object of objectsIn(value)) count += Object.keys(object).length;
  return count;
}

function keysWritten(text: string): number {
  let count = 0;
  for (const { key } of strings(text)) if (key) count += 1;
  return count;
}

/** Every object of a JSON value, itself included; iterative, whatever the depth. */
function* objectsIn(value: JsonObject, opaque?: ReadonlySet<string>): Generator<JsonObject> {
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (Array.isArray(next)) for (const item of next) pending.push(item);
    if (!isObject(next)) continue;
    yield next;
    for (const [key, item] of Object.entries(next)) if (!opaque?.has(key)) pending.push(item);
  }
}

/** Every string of a text known to be JSON, quotes and escapes as written. One that a colon follows is a key. */
function* strings(text: string): Generator<{ raw: string; key: boolean }> {
  const colon = /[ \t\r\n]*:/y;
  for (let start = text.indexOf('"'); start !== -1; ) {
    let end = text.indexOf('"', start + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    colon.lastIndex = end + 1;
    yield { raw: text.slice(start, end + 1), key: colon.test(text) };
    start = text.indexOf('"', end + 1);
  }
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}
