import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidSubjectError, parseSubject } from '../../lambdas/explain/subject.ts';
import { InvalidFilterError, parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';
import { hintsOf, UnknownEventError } from '../../lambdas/index/event-keys.ts';
import { parseEnvelope } from '../../lambdas/notifications/envelope.ts';
import { parseOperation } from '../../lambdas/operations/payload.ts';
import { InvalidPlanError, type PlanBody, readPlan, sealPlan } from '../../lambdas/plan/document.ts';
import { InvalidRequestError, parsePruneRequest, repositoryScope } from '../../lambdas/prune/request.ts';
import { isDigest } from '../../lambdas/registry/digest.ts';
import { isRepositoryName, isTagName } from '../../lambdas/registry/names.ts';
import { readJournal } from '../../lambdas/store/journal-reader.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { event } from '../notifications/envelopes.ts';
import { digest } from '../registry/documents.ts';
import { busEvent, notification } from '../support/indexer.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { anyBytes, anyText, anyValue, changed, json, spoilt } from './arbitraries.ts';
import { expectCleanPrototypes } from './pollution.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const NOW = new Date('2026-11-24T19:50:51Z');
type ErrorClass = new (...parameters: never[]) => Error;

/** The result, or undefined where it is refused by one of these errors in a few words. */
function read<T>(parse: () => T, ...errors: ErrorClass[]): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!errors.some((kind) => error instanceof kind)) throw error;
    expect(error).toHaveProperty('message');
    return undefined;
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const parsedOf = (texts: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
  texts.map((text): unknown => JSON.parse(text));

const filters = { dangling: ['false'], label: ['a=b'], 'label!': ['keep'], until: ['24h'] };
const filterMaps = { dangling: { false: true }, label: { 'a=b': true }, until: { '24h': true } };
const filterText = fc.oneof(
  { weight: 1, arbitrary: json },
  { weight: 5, arbitrary: changed(filters, filterMaps) },
);

describe('filters of anything', () => {
  it('are taken as they are written, or refused', () => {
    let taken = 0;
    fc.assert(
      fc.property(spoilt(filterText).map(decode), (text) => {
        const parsed = read(() => parsePruneFilters(text, NOW), InvalidFilterError);
        if (parsed === undefined) return;
        taken += 1;
        const value: unknown = JSON.parse(text);
        if (value === null) return;
        expect(Object.keys(Object(value)).filter((name) => !Object.hasOwn({ ...filters }, name))).toEqual([]);
        const object = read(() => parsePruneFilters(Object(value), NOW), InvalidFilterError);
        expect(object?.toJSON()).toEqual(parsed.toJSON());
        // Written and read again, they are the same.
        expect(parsePruneFilters(JSON.stringify(parsed), NOW).toJSON()).toEqual(parsed.toJSON());
        if (parsed.until !== undefined) expect(parsed.until.getTime()).toBeLessThanOrEqual(NOW.getTime());
      }),
      runs(2_000),
    );
    expect(taken).toBeGreaterThan(100);
  });
});

const request = {
  filters,
  all: true,
  repositories: ['team/*'],
  mode: 'offline',
  dryRun: true,
  trigger: 'cli',
  confirm: 50,
};

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
    let taken = 0;
    fc.assert(
      fc.property(requests, (value) => {
        const parsed = read(() => parsePruneRequest(value, NOW), InvalidRequestError, InvalidFilterError);
        if (parsed === undefined || value === null) return;
        taken += 1;
        const given = value as Record<string, unknown>;
        expect(Object.keys(given).filter((name) => !Object.hasOwn(request, name))).toEqual([]);
        expect(parsed.mode).toBe(given['mode'] ?? 'online');
        expect(parsed.dryRun).toBe(given['dryRun'] ?? false);
        expect(parsed.repositories).toEqual(given['repositories'] ?? []);
        // What `all` widens is nothing that would be refused without it, nor is any filter lost on the way.
        if (given['filters'] === undefined || given['filters'] === null) return;
        const { dangling: _, ...alone } = parsePruneFilters(given['filters'] as object, NOW).toJSON();
        const { dangling, ...together } = parsed.filters.toJSON();
        expect(together).toEqual(alone);
        if (given['all'] === true) expect(dangling).toEqual(['false']);
      }),
      runs(2_000),
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('whose globs are anything match in no time and never everything by accident', () => {
    const glob = fc.oneof(
      anyText,
      fc
        .array(
          fc.constantFrom(
            '*',
            '**',
            '?',
            '[',
            ']',
            '{',
            '}',
            ',',
            '!',
            '(',
            ')',
            '|',
            '+',
            'a',
            '/',
            '\\',
            '@',
          ),
          {
            maxLength: 12,
          },
        )
        .map((parts) => parts.join('')),
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
  const operations = [
    { action: 'prune', ...request },
    { action: 'plan', filters },
    { action: 'why', subject: 'team/app:v1' },
    { action: 'apply', plan: 's3://bucket/plan.json', dryRun: true },
    { action: 'restore', runId: 'x' },
    { action: 'runs', limit: 3 },
    { action: 'status' },
  ];
  it('are one of those there are, or refused', () => {
    const actions = operations.map(({ action }) => action);
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(anyValue, parsedOf(changed(...operations))), (value) => {
        const parsed = read(
          () => parseOperation(value, NOW),
          ...[InvalidRequestError, InvalidFilterError, InvalidSubjectError],
        );
        if (parsed === undefined) return;
        taken += 1;
        expect(actions).toContain(parsed.action);
        expect(Object.hasOwn(Object(value), 'action') ? Reflect.get(Object(value), 'action') : 'prune').toBe(
          parsed.action,
        );
      }),
      runs(2_000),
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('are about what a registry can hold', () => {
    fc.assert(
      fc.property(fc.tuple(anyText, fc.constantFrom('', '@', ':'), anyText), (parts) => {
        const subject = read(() => parseSubject(parts.join('')), InvalidSubjectError);
        if (subject === undefined) return;
        if ('repository' in subject) expect(isRepositoryName(subject.repository)).toBe(true);
        if ('digest' in subject) expect(isDigest(subject.digest)).toBe(true);
        if ('tag' in subject) expect(isTagName(subject.tag)).toBe(true);
      }),
      runs(3_000),
    );
  });
});

const REGISTRY = { bucket: 'registry', prefix: 'docker/registry/v2/', index: 'one' };
const none = { manifests: 0, tags: 0, links: 0, blobs: 0, bytes: 0 };
const plan: PlanBody = {
  kind: 'registry-prune/plan',
  schemaVersion: '1.0',
  ...{ id: 'x', createdAt: NOW.toISOString(), status: 'completed', registry: REGISTRY },
  request: { filters, repositories: [], mode: 'online' },
  times: { grace: 0, quarantine: 0 },
  totals: { ...none, uploads: 0, uploadBytes: 0 },
  repositories: [{ repository: 'app', ...none, sharedBytes: 0 }],
  kept: [{ code: 'x', message: 'y' }],
  manifests: [
    {
      ...{
        repository: 'app',
        digest: digest('one'),
        reason: 'x',
        mediaType: 'x',
        size: 1,
        taggedAs: ['v1'],
        gains: 0,
      },
      tags: [{ tag: 'v1', etag: 'e' }],
    },
  ],
  links: [{ repository: 'app', digest: digest('one'), reason: 'x', size: 1, gains: 0 }],
  blobs: [{ digest: digest('one'), reason: 'x', size: 1, gains: 0, repositories: ['app'] }],
  uploads: [],
  multipartUploads: [],
};

describe('plans of anything', () => {
  it('are those that were sealed, or refused, as text and as values', () => {
    const sealed = sealPlan(plan);
    expect(readPlan(JSON.stringify(sealed), REGISTRY, NOW.getTime())).toEqual(sealed);
    fc.assert(
      fc.property(spoilt(fc.oneof(json, changed(sealed))).map(decode), (text) => {
        for (const document of [text, read(() => JSON.parse(text) as unknown, SyntaxError)]) {
          const got = read(() => readPlan(document, REGISTRY, NOW.getTime()), InvalidPlanError);
          if (got !== undefined) expect(got).toEqual(sealed);
        }
      }),
      runs(1_500),
    );
  });

  it('name only what a registry can hold, whoever sealed them', () => {
    let taken = 0;
    const rows = (list: 'manifests' | 'links' | 'blobs') =>
      fc.record({ list: fc.constant(list), row: changed(plan[list][0] ?? {}) });
    fc.assert(
      fc.property(fc.oneof(rows('manifests'), rows('links'), rows('blobs')), ({ list, row }) => {
        const forged = read(() => sealPlan({ ...plan, [list]: [JSON.parse(row)] }), InvalidPlanError);
        const got = read(() => readPlan(forged, REGISTRY, NOW.getTime()), InvalidPlanError);
        for (const { digest } of got?.[list] ?? []) {
          taken += 1;
          expect(isDigest(digest)).toBe(true);
        }
        for (const one of got?.manifests ?? []) {
          expect(isRepositoryName(one.repository)).toBe(true);
          for (const { tag } of one.tags) expect(isTagName(tag)).toBe(true);
        }
      }),
      runs(1_500),
    );
    expect(taken).toBeGreaterThan(20);
  });
});

describe('messages of anything', () => {
  const messages = [busEvent('a/b'), notification('a/b')].map((text): object => JSON.parse(text));
  it('tell of keys as they are written, or are unknown', () => {
    let told = 0;
    fc.assert(
      fc.property(spoilt(fc.oneof(json, changed(...messages))).map(decode), (text) => {
        const hints = read(() => hintsOf(text), UnknownEventError);
        for (const { bucket, key, postponed } of hints ?? []) {
          told += 1;
          expect([typeof bucket, typeof key]).toEqual(['string', 'string']);
          expect(Number.isSafeInteger(postponed) && postponed >= 0).toBe(true);
        }
      }),
      runs(2_000),
    );
    expect(told).toBeGreaterThan(50);
  });
});

describe('webhooks of anything', () => {
  it('tell of pulls of what a registry can hold, never of the future', () => {
    let pulls = 0;
    const events = fc.array(fc.oneof(json, changed(event(), event().target)), { maxLength: 3 });
    const bodies = fc.oneof(
      json,
      events.map((some) => `{"events":[${some.join(',')}]}`),
    );
    const targets = changed(event().target).map(
      (target) => `{"events":[{"action":"pull","target":${target}}]}`,
    );
    fc.assert(
      fc.property(spoilt(fc.oneof(bodies, targets)).map(decode), (text) => {
        const envelope = parseEnvelope(text, NOW.getTime());
        if ('problem' in envelope) return;
        for (const message of envelope.malformed) expect(message.length).toBeLessThan(500);
        for (const pull of envelope.pulls) {
          pulls += 1;
          expect(isDigest(pull.digest) && isRepositoryName(pull.repository)).toBe(true);
          if (pull.tag !== undefined) expect(isTagName(pull.tag)).toBe(true);
          expect(pull.at).toBeLessThanOrEqual(NOW.getTime());
        }
      }),
      runs(2_000),
    );
    expect(pulls).toBeGreaterThan(50);
  });
});

const always = { time: 't', run: 'r', reason: 'x' };
const LINES = [
  {
    ...always,
    ...{ action: 'delete-manifest', repository: 'app', digest: digest('one'), mediaType: 'x', size: 1 },
    taggedAs: ['v1'],
  },
  {
    ...always,
    action: 'untag',
    repository: 'app',
    digest: digest('one'),
    tag: 'v1',
    etag: 'e',
    versionId: 'v',
  },
  { ...always, action: 'unlink', repository: 'app', digest: digest('one'), size: 1 },
  { ...always, action: 'delete-blob', digest: digest('one'), size: 1, repositories: ['app'] },
  { ...always, action: 'delete-upload', repository: 'app', upload: 'u', size: 1 },
  { ...always, action: 'abort-multipart', key: 'k', upload: 'u' },
];

describe('journals of anything', () => {
  it('are read line by line, each as what it is or as a problem', async () => {
    let read = 0;
    const line = fc.oneof(
      { weight: 1, arbitrary: anyBytes },
      { weight: 4, arbitrary: spoilt(changed(...LINES)) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 5 }), async (lines) => {
        const bucket = new MemoryBucket();
        const body = lines.map((one) => Buffer.from(one).toString('latin1')).join('\n');
        bucket.seed('journal/x.ndjson', Buffer.from(body, 'latin1'));
        for await (const part of readJournal(bucket, 'journal/')) {
          const texts = decode(Buffer.from(body, 'latin1')).split('\n').filter(Boolean);
          expect(part.lines.length + part.problems.length).toBe(texts.length);
          for (const one of part.lines) {
            read += 1;
            if ('digest' in one) expect(isDigest(one.digest)).toBe(true);
            if ('repository' in one && one.action !== 'delete-upload')
              expect(isRepositoryName(one.repository)).toBe(true);
          }
        }
      }),
      runs(1_000),
    );
    expect(read).toBeGreaterThan(100);
  });
});
