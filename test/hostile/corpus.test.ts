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

describe.each(Object.keys(READERS))('a %s', (reader) => {
  it.each(Object.keys(TEXTS))('of %s is read or refused, as fast as it is long', (name) => {
    const text = TEXTS[name] ?? '';
    const began = performance.now();
    readBy(reader, text);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each(Object.keys(GROWING))('of %s takes time in proportion to its size', (name) => {
    const make = GROWING[name] ?? (() => '');
    const took = (size: number): number => {
      const text = make(size);
      const times = [0, 1].map(() => {
        const began = performance.now();
        readBy(reader, text);
        return performance.now() - began;
      });
      return Math.min(...times);
    };
    took(1_024);
    const [small, large] = [took(128 * 1024), took(1024 * 1024)];
    // Eight times the size: what is quadratic takes 64 times as long.
    expect(large, `${small} ms for an eighth`).toBeLessThan(Math.max(24 * small, 400));
  });
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

it('manifests of the largest size are read one after the other in little memory', async () => {
  const worker = new Worker(new URL('largest.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  const [read] = await Promise.race([
    once(worker, 'message'),
    once(worker, 'error').then(([error]) => Promise.reject(error)),
  ]);
  expect(read).toBe(Object.keys(GROWING).length);
});
