import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvalidFilterError, parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';

/**
 * What a real Docker daemon did with the same filters. The recordings lie beside the checkout and not in it, so a
 * clone elsewhere goes without; in CI they have to be there. Every recorded case holds for a registry: none is left out.
 */
const FILE = join(import.meta.dirname, '../../../shared/vectors/moby-filters.json');
const recorded = existsSync(FILE);

interface Vectors {
  readonly now: string;
  readonly images: readonly {
    readonly name: string;
    readonly tagged: boolean;
    readonly pushedAt: string;
    readonly labels?: Record<string, string> | null;
  }[];
  readonly cases: readonly {
    readonly id: string;
    readonly filters: string | null;
    readonly now?: string;
    readonly expect: { readonly matches: readonly string[] } | { readonly error: true };
    readonly dockerError?: string;
  }[];
}

test.runIf(process.env['CI'])('the recordings are there', () => {
  expect(recorded, FILE).toBe(true);
});

describe.runIf(recorded)('filters recorded from a Docker daemon', () => {
  const vectors: Vectors = recorded
    ? JSON.parse(readFileSync(FILE, 'utf8'))
    : { now: '1970-01-01', images: [], cases: [] };

  test('there are cases', () => {
    expect(vectors.cases.length).toBeGreaterThan(100);
  });

  test.each(vectors.cases)('$id', ({ filters, now, expect: expected, dockerError }) => {
    const clock = new Date(now ?? vectors.now);
    if ('error' in expected) {
      const message = errorOf(() => parsePruneFilters(filters ?? undefined, clock)).message;
      if (isOfFilters(dockerError)) expect(message.startsWith(lowerFirst(dockerError)), message).toBe(true);
      return;
    }
    for (const given of givenAs(filters)) {
      const parsed = parsePruneFilters(given, clock);
      const matching = vectors.images.filter((image) =>
        parsed.matches({ ...image, labels: image.labels, pushedAt: new Date(image.pushedAt) }),
      );
      expect(new Set(matching.map(({ name }) => name))).toEqual(new Set(expected.matches));
    }
  });

  /** As text, and as the object that the text says. */
  function givenAs(filters: string | null): (string | object | null | undefined)[] {
    return filters === null ? [undefined] : [filters, filters === '' ? {} : JSON.parse(filters)];
  }
});

function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidFilterError) return error;
    throw error;
  }
  throw new Error('expected an InvalidFilterError');
}

/** Go's JSON errors speak of Go's types, and a crash has no text: those are worded otherwise here. */
function isOfFilters(dockerError: string | undefined): dockerError is string {
  return (
    dockerError !== undefined && /^(Invalid filter|failed to parse|parsing time|more than)/.test(dockerError)
  );
}

/** Newer daemons write `invalid filter`, and so does this. */
function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
