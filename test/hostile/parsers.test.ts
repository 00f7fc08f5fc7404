import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidPlanError, sealPlan } from '../../lambdas/plan/document.ts';
import { InvalidRequestError, parsePruneRequest, repositoryScope } from '../../lambdas/prune/request.ts';
import { event } from '../notifications/envelopes.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { anyBytes, anyText, anyValue, changed, json, spoilt } from './arbitraries.ts';
import { expectCleanPrototypes } from './pollution.ts';
import {
  checkEnvelope,
  checkFilters,
  checkJournal,
  checkMessage,
  checkOperation,
  checkPlan,
  checkRequest,
  checkSubjectText,
  jsonIn,
  NOW,
  read,
} from './properties.ts';
import { filterMaps, filters, journalLines, messages, operations, plan, request } from './samples.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const parsedOf = (texts: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
  texts.map((text): unknown => JSON.parse(text));

/** @returns how many of so many inputs were taken. */
function taken<T>(inputs: fc.Arbitrary<T>, count: number, check: (input: T) => boolean | number): number {
  let sum = 0;
  fc.assert(
    fc.property(inputs, (input) => {
      sum += Number(check(input));
    }),
    runs(count),
  );
  return sum;
}

const filterText = fc.oneof(
  { weight: 1, arbitrary: json },
  { weight: 5, arbitrary: changed(filters, filterMaps) },
);

describe('filters of anything', () => {
  it('are taken as they are written, or refused', () => {
    expect(taken(spoilt(filterText).map(decode), 2_000, checkFilters)).toBeGreaterThan(found(100));
  });
});

describe('requests of anything', () => {
  const requests = fc.oneof(
    { weight: 1, arbitrary: anyValue },
    { weight: 3, arbitrary: parsedOf(changed(request)) },
    {
      weight: 3,
      arbitrary: fc.record({
        filters: fc.oneof(anyValue, filterText, parsedOf(filterText)),
        all: fc.constant(true),
      }),
    },
  );

  it('are taken exactly, or refused', () => {
    expect(taken(requests, 2_000, checkRequest)).toBeGreaterThan(found(100));
  });

  it('whose globs are anything match in no time and never everything by accident', () => {
    const signs = [...'*?[]{},!()|+a/\\@', '**'];
    const glob = fc.oneof(
      anyText,
      fc.array(fc.constantFrom(...signs), { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(glob, (one) => {
        const parsed = read(() => parsePruneRequest({ repositories: [one] }, NOW), InvalidRequestError);
        if (parsed === undefined) return;
        const inScope = repositoryScope(parsed.repositories);
        if (inScope('a/b/c/d') && inScope('some-other/name')) expect(one).toMatch(/\*/);
      }),
      runs(2_000),
    );
  });
});

describe('operations of anything', () => {
  it('are one of those there are, or refused', () => {
    const values = fc.oneof(anyValue, parsedOf(changed(...operations)));
    expect(taken(values, 2_000, checkOperation)).toBeGreaterThan(found(100));
  });

  it('are about what a registry can hold', () => {
    const texts = fc.tuple(anyText, fc.constantFrom('', '@', ':'), anyText).map((parts) => parts.join(''));
    expect(taken(texts, 3_000, checkSubjectText)).toBeGreaterThan(found(30));
  });
});

describe('plans of anything', () => {
  it('are those that were sealed, or refused, as text and as values', () => {
    const sealed = sealPlan(plan);
    expect(checkPlan(JSON.stringify(sealed))).toEqual(sealed);
    fc.assert(
      fc.property(spoilt(fc.oneof(json, changed(sealed))).map(decode), (text) => {
        for (const document of [text, jsonIn(text)]) {
          const got = checkPlan(document);
          if (got !== undefined) expect(got).toEqual(sealed);
        }
      }),
      runs(1_500),
    );
  });

  it('name only what a registry can hold, whoever sealed them', () => {
    const rows = (list: 'manifests' | 'links' | 'blobs') =>
      changed(plan[list][0] ?? {}).map((row) => ({ ...plan, [list]: [JSON.parse(row)] }));
    const check = (forged: typeof plan): boolean => {
      const sealed = read(() => sealPlan(forged), InvalidPlanError);
      return checkPlan(sealed) !== undefined;
    };
    const forged = fc.oneof(rows('manifests'), rows('links'), rows('blobs'));
    expect(taken(forged, 1_500, check)).toBeGreaterThan(found(20));
  });
});

describe('messages of anything', () => {
  it('tell of keys as they are written, or are unknown', () => {
    const documents = messages.map((text): object => JSON.parse(text));
    const texts = spoilt(fc.oneof(json, changed(...documents))).map(decode);
    expect(taken(texts, 2_000, (text) => checkMessage(text) ?? 0)).toBeGreaterThan(found(50));
  });
});

describe('webhooks of anything', () => {
  it('tell of pulls of what a registry can hold, never of the future', () => {
    const events = fc.array(fc.oneof(json, changed(event(), event().target)), { maxLength: 3 });
    const bodies = fc.oneof(
      json,
      events.map((some) => `{"events":[${some.join(',')}]}`),
    );
    const targets = changed(event().target).map(
      (target) => `{"events":[{"action":"pull","target":${target}}]}`,
    );
    const texts = spoilt(fc.oneof(bodies, targets)).map(decode);
    expect(taken(texts, 2_000, checkEnvelope)).toBeGreaterThan(found(50));
  });
});

describe('journals of anything', () => {
  it('are read line by line, each as what it is or as a problem', async () => {
    let lines = 0;
    const line = fc.oneof(
      { weight: 1, arbitrary: anyBytes },
      { weight: 4, arbitrary: spoilt(changed(...journalLines)) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 5 }), async (some) => {
        const body = Buffer.concat(some.flatMap((one) => [one, Buffer.from('\n')]));
        lines += await checkJournal(body);
      }),
      runs(1_000),
    );
    expect(lines).toBeGreaterThan(found(100));
  });
});
