import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidSubjectError, parseSubject } from '../../lambdas/explain/subject.ts';
import { InvalidFilterError, parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';
import { hintsOf, UnknownEventError } from '../../lambdas/index/event-keys.ts';
import { strangeLink } from '../../lambdas/index/strange.ts';
import { parseEnvelope } from '../../lambdas/notifications/envelope.ts';
import { parseOperation } from '../../lambdas/operations/payload.ts';
import { InvalidPlanError, readPlan } from '../../lambdas/plan/document.ts';
import { InvalidRequestError, parsePruneRequest } from '../../lambdas/prune/request.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import {
  blobsOf,
  ConfigError,
  childrenOf,
  ManifestError,
  parseImageConfig,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { readJournal } from '../../lambdas/store/journal-reader.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { PATIENCE } from '../support/runs.ts';
import { GROWING, HIDDEN, HIDING, TEXTS } from './corpus.ts';
import { expectCleanPrototypes } from './pollution.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const NOW = new Date('2026-11-24T19:50:51Z');
const REGISTRY = { bucket: 'registry', prefix: 'docker/registry/v2/', index: 'one' };
const layout = new RegistryLayout('');
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What was parsed of it, as the runtime hands it to a function; the text itself where it is no JSON. */
function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Milliseconds of the processor, for work of which each takes some seconds at most. */
const LONGEST = 20_000;

type ErrorClass = new (...parameters: never[]) => Error;

/** Every reader of what comes from outside, with the errors that it may throw. */
const READERS: Readonly<Record<string, readonly [(text: string) => unknown, ...ErrorClass[]]>> = {
  manifest: [(text) => parseManifest(utf8(text)), ManifestError],
  config: [(text) => parseImageConfig(utf8(text)), ConfigError],
  filters: [(text) => parsePruneFilters(text, NOW), InvalidFilterError],
  'filters as a value': [(text) => parsePruneFilters(Object(valueIn(text)), NOW), InvalidFilterError],
  request: [(text) => parsePruneRequest(valueIn(text), NOW), InvalidRequestError, InvalidFilterError],
  'request for all': [
    (text) => parsePruneRequest({ all: true, filters: text }, NOW),
    ...[InvalidRequestError, InvalidFilterError],
  ],
  'request in every field': [
    (text) => parsePruneRequest({ mode: valueIn(text), trigger: text, repositories: [text] }, NOW),
    InvalidRequestError,
  ],
  operation: [
    (text) => parseOperation(valueIn(text), NOW),
    ...[InvalidRequestError, InvalidFilterError, InvalidSubjectError],
  ],
  subject: [(text) => parseSubject(text), InvalidSubjectError],
  plan: [(text) => readPlan(text, REGISTRY, NOW.getTime()), InvalidPlanError],
  'plan as a value': [(text) => readPlan(valueIn(text), REGISTRY, NOW.getTime()), InvalidPlanError],
  events: [
    (text) =>
      hintsOf(text).map(({ key }) => [
        layout.parse(key),
        strangeLink(layout, layout.repositoriesPrefix + key),
      ]),
    UnknownEventError,
  ],
  webhook: [(text) => parseEnvelope(text, NOW.getTime())],
  'storage key': [(text) => [layout.parse(text), strangeLink(layout, layout.repositoriesPrefix + text)]],
};

function readBy(reader: string, text: string): unknown {
  const [read, ...errors] = READERS[reader] ?? [() => undefined];
  try {
    return read(text);
  } catch (error) {
    if (!errors.some((kind) => error instanceof kind)) throw error;
    return error;
  }
}

/** Milliseconds of the processor: other tests may run at the same time. */
function timeOf(reader: string, text: string): number {
  const before = process.threadCpuUsage().user;
  readBy(reader, text);
  return (process.threadCpuUsage().user - before) / 1_000;
}

/** A compilation or a collection of garbage may come between, so what takes too long has two more tries. */
function expectWithin(limit: number, once: () => number): void {
  const times = [once()];
  while (Math.min(...times) >= limit && times.length < 3) times.push(once());
  expect(Math.min(...times)).toBeLessThan(limit);
}

/** Readers whose work on a long text is that of another. */
const REPEATING = new Set(['filters as a value', 'request for all', 'plan as a value']);

describe.each(Object.keys(READERS))('a %s', (reader) => {
  it.each(Object.keys(TEXTS))('of %s is read or refused, as fast as it is long', (name) => {
    expectWithin(1_000, () => timeOf(reader, TEXTS[name] ?? ''));
  });

  it.each(REPEATING.has(reader) ? [] : Object.keys(GROWING))(
    'of %s takes time in proportion to its size',
    (name) => {
      const make = GROWING[name] ?? (() => '');
      const [small, large] = [make(16 * 1024), make(256 * 1024)];
      timeOf(reader, make(1_024));
      // Sixteen times the size: what is quadratic takes 256 times as long.
      expectWithin(Math.max(64 * timeOf(reader, small), 150), () => timeOf(reader, large));
    },
  );
});

describe('a manifest that hides a digest', () => {
  it.each(Object.keys(HIDING))('by %s keeps it', (name) => {
    const manifest = parseManifest(utf8(HIDING[name] ?? ''));
    expect(manifest.kind).toBe('unknown');
    expect(blobsOf(manifest)).toContain(HIDDEN);
    expect(childrenOf(manifest)).toContain(HIDDEN);
  });
});

it('a journal of the same is read line by line', async () => {
  const bucket = new MemoryBucket();
  bucket.seed('journal/x.ndjson', Object.values(TEXTS).join('\n'));
  for await (const { lines, problems } of readJournal(bucket, 'journal/')) {
    expect(lines).toEqual([]);
    expect(problems.length).toBeGreaterThan(20);
  }
});

it(
  'manifests of the largest size and larger take little time and memory',
  async () => {
    const worker = new Worker(new URL('largest.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 192 },
    });
    const [took] = await Promise.race([
      once(worker, 'message'),
      once(worker, 'error').then(([error]) => Promise.reject(error)),
    ]);
    expect(Object.keys(took).length).toBe(5);
    for (const [work, time] of Object.entries(took)) expect(time, work).toBeLessThan(LONGEST);
    // What it may take is bounded by the processor's time.
  },
  3 * PATIENCE,
);
