import { type FilterArguments, parseFilterArguments } from './filter-arguments.ts';
import { parseGoDuration } from './go-duration.ts';
import { InvalidFilterError } from './invalid-filter-error.ts';
import { hasAllLabels, type ImageLabels, type LabelEntry, parseLabelEntry } from './labels.ts';
import { parseUntil } from './until.ts';

export { InvalidFilterError } from './invalid-filter-error.ts';

/** What the filters need to know of an image. */
export interface FilterableImage {
  /** Whether a tag holds the image. */
  readonly tagged: boolean;
  /** `null` where the config has no labels, `undefined` where the config could not be read. */
  readonly labels: ImageLabels;
  /** When it was pushed into this registry, which is what its age counts from. */
  readonly pushedAt: Date;
}

/** Why the filters leave an image alone. */
export type ReasonSpared = 'tagged' | 'newer-than-until' | 'label' | 'label!' | 'config-unreadable';

/** The list form of the filters. */
export type FilterLists = Readonly<Record<string, readonly string[]>>;

/** The filters of one prune. An image is pruned if all of them let it pass. */
export interface PruneFilters {
  /** Whether only images that no tag holds are pruned. */
  readonly dangling: boolean;
  /** Images pushed after this moment are spared; one pushed exactly then is not. To the millisecond, rounded down. */
  readonly until: Date | undefined;
  /** Milliseconds, where `until` was given as a duration: an image is spared for so long after its push. */
  readonly untilAge: number | undefined;
  /** Whether an image's labels have a say. If not, configs need not be read. */
  readonly usesLabels: boolean;
  /** Whether the image is to be pruned: no filter spares it. */
  matches(image: FilterableImage): boolean;
  /** The first of the filters that spares the image, or `undefined` if none does. */
  reasonSpared(image: FilterableImage): ReasonSpared | undefined;
  /**
   * The filters in the list form, sorted, with a duration resolved to its moment: read back at any later time, they
   * are the same filters.
   */
  toJSON(): FilterLists;
}

const NAMES: readonly string[] = ['dangling', 'label', 'label!', 'until'];
const DANGLING = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** Go reads years of four digits only, from 0000. */
const YEAR_ZERO = Date.parse('0000-01-01T00:00:00.000Z');

/**
 * Reads the filters of `docker image prune`: `dangling`, `label`, `label!` and `until`, as Docker's daemon does, and
 * more strictly where the daemon would widen a prune by accident (an empty or contradictory `dangling`, an empty or
 * future `until`, an image whose config cannot be read).
 *
 * @param filters - JSON text or its object, in the form of maps or of lists; none means the default, `dangling=true`
 * @param now - the moment that durations count back from
 * @throws {@link InvalidFilterError} for anything that cannot be taken exactly as given
 * @throws RangeError if `now` is not a valid date
 * @see https://docs.docker.com/reference/cli/docker/image/prune/#filter
 * @example
 * const filters = parsePruneFilters('{"dangling":["false"],"until":["24h"]}', new Date());
 * filters.matches({ tagged: true, labels: null, pushedAt: new Date('2020-01-01') }); // true
 */
export function parsePruneFilters(filters: string | object | null | undefined, now: Date): PruneFilters {
  if (Number.isNaN(now.getTime())) throw new RangeError('now is not a valid date');
  const given = parseFilterArguments(filters);
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new InvalidFilterError(`invalid filter '${unknown}': allowed are ${NAMES.join(', ')}`);
  }
  const dangling = parseDangling(given.get('dangling'));
  const until = given.get('until');
  return new DockerPruneFilters(dangling, until && parseUntil(until.keys(), now), given);
}

/** Docker takes any `false` for a no, whatever stands beside it; here all values have to say the same. */
function parseDangling(values: ReadonlyMap<string, boolean> | undefined): boolean {
  if (values === undefined) return true;
  const meant = new Set([...values].map(([value, flag]) => (flag ? DANGLING.get(value) : undefined)));
  const [dangling] = meant;
  if (meant.size !== 1 || dangling === undefined) {
    const got = [...values.keys()].join(' ');
    throw new InvalidFilterError(`invalid filter 'dangling=[${got}]': allowed are true, 1, false, 0`);
  }
  return dangling;
}

class DockerPruneFilters implements PruneFilters {
  readonly dangling: boolean;
  readonly untilAge: number | undefined;
  readonly #until: number | undefined;
  readonly #given: FilterArguments;
  readonly #label: readonly LabelEntry[];
  readonly #labelNot: readonly LabelEntry[];
  readonly #sparesAll: boolean;

  constructor(dangling: boolean, until: number | undefined, given: FilterArguments) {
    this.dangling = dangling;
    this.#until = until;
    this.untilAge = until === undefined ? undefined : ageOf(given.get('until')?.keys());
    this.#given = given;
    this.#label = entriesOf(given, 'label');
    this.#labelNot = entriesOf(given, 'label!');
    // Every image has all of no entries: Docker reads a `label!` without entries so, and so nothing is pruned.
    this.#sparesAll = given.has('label!') && this.#labelNot.length === 0;
  }

  get until(): Date | undefined {
    return this.#until === undefined ? undefined : new Date(this.#until);
  }

  get usesLabels(): boolean {
    return !this.#sparesAll && this.#label.length + this.#labelNot.length > 0;
  }

  matches(image: FilterableImage): boolean {
    return this.reasonSpared(image) === undefined;
  }

  reasonSpared(image: FilterableImage): ReasonSpared | undefined {
    if (this.dangling && image.tagged) return 'tagged';
    // Written so that an image whose push has no valid date counts as too new.
    if (this.#until !== undefined && !(image.pushedAt.getTime() <= this.#until)) return 'newer-than-until';
    if (this.#sparesAll) return 'label!';
    if (!this.usesLabels) return undefined;
    // Docker lets such an image pass every label filter. What cannot be read may be what was to be spared.
    if (image.labels === undefined) return 'config-unreadable';
    const labels = image.labels ?? {};
    if (!hasAllLabels(labels, this.#label)) return 'label';
    if (this.#labelNot.length > 0 && hasAllLabels(labels, this.#labelNot)) return 'label!';
    return undefined;
  }

  toJSON(): FilterLists {
    const label = textsOf(this.#given, 'label');
    const labelNot = textsOf(this.#given, 'label!');
    return {
      dangling: [String(this.dangling)],
      ...(label.length > 0 && { label }),
      ...(this.#given.has('label!') && { 'label!': labelNot }),
      // An offset can put a moment before the year zero, which could not be read back; nothing was pushed then.
      ...(this.#until !== undefined && { until: [new Date(Math.max(this.#until, YEAR_ZERO)).toISOString()] }),
    };
  }
}

/** A duration is taken for one before a time is; what is neither was refused before. */
function ageOf(values: Iterable<string> = []): number | undefined {
  const [value = ''] = values;
  const parsed = parseGoDuration(value);
  return 'problem' in parsed || value === '0' ? undefined : Number(parsed.nanoseconds / 1_000_000n);
}

/** The texts of a filter. Their flags have no say: Docker counts `{"a=b":false}` as given. */
function textsOf(given: FilterArguments, name: 'label' | 'label!'): string[] {
  return [...(given.get(name)?.keys() ?? [])].sort();
}

function entriesOf(given: FilterArguments, name: 'label' | 'label!'): LabelEntry[] {
  return textsOf(given, name).map(parseLabelEntry);
}
