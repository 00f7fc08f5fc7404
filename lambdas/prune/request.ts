/** What a caller asks for, checked before anything is touched. */
import picomatch from 'picomatch';
import { type PruneFilters, parsePruneFilters } from '../filters/prune-filters.ts';

export type Mode = 'online' | 'offline';
export type Trigger = 'schedule' | 'manual' | 'cli';

export interface PruneRequest {
  readonly filters: PruneFilters;
  /** Globs as given; empty means every repository. */
  readonly repositories: readonly string[];
  readonly mode: Mode;
  readonly dryRun: boolean;
  readonly trigger: Trigger;
  /** Percent of a repository's manifests and of the bucket's bytes that may go, whatever the brake allows. */
  readonly confirm?: number;
}

/** The request cannot be understood; nothing was done. */
export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
}

export const REQUEST_FIELDS = [
  'filters',
  'all',
  'repositories',
  'mode',
  'dryRun',
  'trigger',
  'confirm',
] as const;
const MODES: readonly Mode[] = ['online', 'offline'];
export const TRIGGERS: readonly Trigger[] = ['schedule', 'manual', 'cli'];

/** A glob is matched against every repository; a longer list is a mistake. */
const MAX_GLOBS = 100;
const MAX_STARS = 3;

export interface RequestDefaults {
  /** Filters of a request that has none (`DEFAULT_FILTERS`). */
  readonly filters?: string | object | undefined;
  readonly trigger?: Trigger;
}

/**
 * Reads a Lambda payload, or what the command line made of its arguments. Everything is optional; unknown fields
 * are errors, so that a misspelt one never widens a prune.
 *
 * @throws InvalidRequestError naming the field, the value got and the values allowed.
 * @throws InvalidFilterError with Docker's text.
 */
export function parsePruneRequest(payload: unknown, now: Date, defaults: RequestDefaults = {}): PruneRequest {
  const body = fieldsOf(payload);
  return {
    // Handed on as they came: a schema would drop what it does not know, and a lost filter widens the prune.
    filters: parsePruneFilters(chosenFilters(body, defaults, now), now),
    repositories: globs(body['repositories']),
    mode: oneOf('mode', body['mode'], MODES, 'online'),
    dryRun: flag('dryRun', body['dryRun']),
    trigger: oneOf('trigger', body['trigger'], TRIGGERS, defaults.trigger ?? 'manual'),
    ...confirmation(body['confirm']),
  };
}

/** Whether the request is about a repository. Globs as in shells: `*` stops at a slash, `**` does not. */
export function repositoryScope(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => true;
  return picomatch([...globs], { dot: true, strictSlashes: true, nonegate: true, noextglob: true });
}

function fieldsOf(payload: unknown): Record<string, unknown> {
  if (payload === undefined || payload === null) return {};
  if (typeof payload !== 'object' || Array.isArray(payload)) {
    throw new InvalidRequestError(
      `the request is ${shown(payload)}; it must be a JSON object, {} for the defaults`,
    );
  }
  for (const name of Object.keys(payload)) {
    if (!REQUEST_FIELDS.some((field) => field === name)) {
      throw new InvalidRequestError(`unknown field ${shown(name)}: allowed are ${REQUEST_FIELDS.join(', ')}`);
    }
  }
  return payload as Record<string, unknown>;
}

/**
 * `all` is `-a` of `docker image prune`: tagged images too. By itself it widens the default filters and does not replace
 * them, so that what they protect stays protected.
 */
function chosenFilters(
  body: Record<string, unknown>,
  defaults: RequestDefaults,
  now: Date,
): string | object | undefined {
  const filters = filtersOf(body['filters'] ?? defaults.filters);
  if (!flag('all', body['all'])) return filters;
  // What would be refused without `all` is refused with it: nothing of the filters may get lost on the way.
  parsePruneFilters(filters, now);
  const given: object = Object(typeof filters === 'string' ? JSON.parse(filters || '{}') : filters);
  const isDefault = body['filters'] === undefined || body['filters'] === null;
  const dangling = isDefault ? undefined : Reflect.get(given, 'dangling');
  const texts = [...textsOf(dangling), 'false'];
  // All filters have to be in one of Docker's two shapes; null is of either.
  const isMap = Object.values(given).some((values) => values !== null && !Array.isArray(values));
  return { ...given, dangling: isMap ? Object.fromEntries(texts.map((text) => [text, true])) : texts };
}

/** In either of Docker's shapes. */
const textsOf = (values: unknown): unknown[] =>
  Array.isArray(values) ? values : Object.keys(Object(values ?? {}));

function filtersOf(value: unknown): string | object | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'object') return value;
  throw new InvalidRequestError(`filters is ${shown(value)}: allowed are an object and a JSON string`);
}

function globs(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [];
  const bad = list.find((glob) => typeof glob !== 'string' || glob === '');
  // An empty list is not "every repository": whoever computed it meant none.
  if (list.length === 0 || list.length > MAX_GLOBS || bad !== undefined) {
    throw new InvalidRequestError(
      `repositories is ${shown(bad ?? value)}: allowed is a list of 1 to ${MAX_GLOBS} globs such as "team/*"`,
    );
  }
  // Matching takes a time that grows with the name's length to the power of these, and names are the pushers'.
  const wild = list.find((glob) =>
    glob.split('/').some((part: string) => (part.match(/\*/g) ?? []).length > MAX_STARS),
  );
  if (wild !== undefined) {
    throw new InvalidRequestError(
      `repositories is ${shown(wild)}: allowed are ${MAX_STARS} stars between two slashes`,
    );
  }
  return list;
}

/** A field that is one of some texts; absent it is the standard. @throws InvalidRequestError */
export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[], standard: T): T {
  if (value === undefined || value === null) return standard;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new InvalidRequestError(`${name} is ${shown(value)}: allowed are ${allowed.join(', ')}`);
}

function confirmation(value: unknown): { readonly confirm?: number } {
  if (value === undefined || value === null) return {};
  if (typeof value === 'number' && value >= 1 && value <= 100) return { confirm: value };
  throw new InvalidRequestError(`confirm is ${shown(value)}: allowed are 1 to 100, in percent`);
}

/** A field that is true or false; absent it is false. @throws InvalidRequestError */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw new InvalidRequestError(`${name} is ${shown(value)}: allowed are true and false`);
}

/** A value as messages name it. */
export function shown(value: unknown): string {
  const text = written(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Nested deeper than JSON.stringify goes, or nothing that JSON could hold.
    return typeof value === 'object' ? 'a list or an object' : String(value);
  }
}
