import { InvalidFilterError } from './invalid-filter-error.ts';

/**
 * The values given for each name, in the order given. The flag is what the map form says of the value; in the
 * list form it is true. A name given without values is there with an empty map: for some names that differs
 * from a name not given.
 */
export type FilterArguments = ReadonlyMap<string, ReadonlyMap<string, boolean>>;

type Form = 'map' | 'list';

const BOTH_FORMS = 'allowed are {"name":["value"]} and {"name":{"value":true}}';

/**
 * Decodes the filters of a request as moby's `filters.FromJSON` does, without looking at their names: a document
 * is either all of maps, `{"label":{"a=b":true}}`, or all of lists, `{"label":["a=b"]}`.
 *
 * A `null` stands for an empty set, for `false` in a map and for the empty string in a list, as in Go. An object is
 * held to the same rules as the text of one; a value that JSON would drop is refused, for a filter that gets lost
 * widens the prune.
 *
 * @param filters - the JSON text or what was decoded from it; `undefined`, `null` and the empty text are no filters
 * @throws {@link InvalidFilterError} naming what is not JSON or not of these forms
 * @see https://github.com/moby/moby/blob/v25.0.0/api/types/filters/parse.go
 * @example
 * parseFilterArguments('{"until":["24h"]}').get('until')?.has('24h'); // true
 */
export function parseFilterArguments(filters: unknown): FilterArguments {
  const document = typeof filters === 'string' ? parseJson(filters) : filters;
  // Maps and not objects from here on: a name or value such as __proto__ is then nothing special.
  const result = new Map<string, ReadonlyMap<string, boolean>>();
  if (document === undefined || document === null) return result;
  if (!isPlainObject(document)) throw invalid(`got ${kindOf(document)} for an object: ${BOTH_FORMS}`);

  const formSeen = new Map<Form, string>();
  for (const [name, given] of Object.entries(document)) {
    const values = decodeValues(name, given);
    result.set(name, values);
    // A null is of either form.
    if (given !== null) formSeen.set(Array.isArray(given) ? 'list' : 'map', name);
  }
  const map = formSeen.get('map');
  const list = formSeen.get('list');
  if (map !== undefined && list !== undefined) {
    throw invalid(`'${map}' is given as a map and '${list}' as a list: give all in one form`);
  }
  return result;
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidFilterError(`invalid filter: not JSON: ${reason}: ${BOTH_FORMS}`, { cause });
  }
}

function decodeValues(name: string, given: unknown): ReadonlyMap<string, boolean> {
  const values = new Map<string, boolean>();
  if (given === null) return values;
  if (Array.isArray(given)) {
    for (const item of given as readonly unknown[]) {
      if (item !== null && typeof item !== 'string') {
        throw invalid(`the list of '${name}' holds ${kindOf(item)}: allowed are strings`);
      }
      values.set(item ?? '', true);
    }
    return values;
  }
  if (!isPlainObject(given)) throw invalid(`'${name}' is ${kindOf(given)}: ${BOTH_FORMS}`);
  for (const [value, flag] of Object.entries(given)) {
    if (flag !== null && typeof flag !== 'boolean') {
      throw invalid(`'${value}' of '${name}' is ${kindOf(flag)}: allowed are true and false`);
    }
    values.set(value, flag ?? false);
  }
  return values;
}

function invalid(what: string): InvalidFilterError {
  return new InvalidFilterError(`invalid filter: ${what}`);
}

/** An object as JSON makes one. Maps, dates and objects with inherited entries would seem empty and are not. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (isPlainObject(value)) return 'an object';
  return typeof value === 'object' ? 'an object of a class' : `a ${typeof value}`;
}
