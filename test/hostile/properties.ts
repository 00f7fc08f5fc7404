/** What has to hold for whatever comes from outside, reader by reader. Each says whether it was taken. */
import assert from 'node:assert/strict';
import { InvalidSubjectError, parseSubject, type Subject } from '../../lambdas/explain/subject.ts';
import { InvalidFilterError, parsePruneFilters } from '../../lambdas/filters/prune-filters.ts';
import { hintsOf, UnknownEventError } from '../../lambdas/index/event-keys.ts';
import { strangeLink } from '../../lambdas/index/strange.ts';
import { parseEnvelope } from '../../lambdas/notifications/envelope.ts';
import { type Operation, parseOperation } from '../../lambdas/operations/payload.ts';
import { InvalidPlanError, type Plan, planText, readPlan } from '../../lambdas/plan/document.ts';
import { InvalidRequestError, parsePruneRequest } from '../../lambdas/prune/request.ts';
import { isDigest } from '../../lambdas/registry/digest.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { isRepositoryName, isTagName } from '../../lambdas/registry/names.ts';
import { readJournal } from '../../lambdas/store/journal-reader.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { REGISTRY } from './samples.ts';

export const NOW = new Date('2026-11-24T19:50:51Z');
type ErrorClass = new (...parameters: never[]) => Error;

/** The result, or undefined where it is refused by one of these errors. */
export function read<T>(parse: () => T, ...errors: ErrorClass[]): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!errors.some((kind) => error instanceof kind)) throw error;
    return undefined;
  }
}

/** What JSON it is; undefined where it is none. */
export const jsonIn = (text: string): unknown => read(() => JSON.parse(text) as unknown, SyntaxError);
const LAYOUTS = ['', '/registry/', 'a/b'].map((root) => new RegistryLayout(root));

/** The text as a key, anywhere and below each of the prefixes that a registry has. */
export const placesOf = (layout: RegistryLayout, text: string): string[] =>
  ['', layout.prefix, layout.blobsPrefix, layout.repositoriesPrefix].map((prefix) => prefix + text);

/** A key is what it is built of, or unrecognised; what is recognised is below the root. */
export function checkKey(text: string): boolean {
  let recognised = false;
  for (const layout of LAYOUTS) {
    for (const key of placesOf(layout, text)) {
      const parsed = layout.parse(key);
      assert.equal(layout.keyOf(parsed), key);
      const link = strangeLink(layout, key);
      if (link !== undefined) {
        assert(key.startsWith(`${layout.repositoriesPrefix}${link.name}/`));
        if (link.digest !== undefined) assert(isDigest(link.digest) && key.endsWith('/link'));
      }
      if (parsed.kind === 'unrecognised') continue;
      recognised = true;
      assert(key.startsWith(layout.prefix));
      if ('name' in parsed) assert(isRepositoryName(parsed.name));
      if (parsed.kind === 'upload') continue;
      // What S3's clients, proxies and people would make of it is still the same place.
      assert.equal(new URL(key, 'https://bucket.example/').pathname, `/${key}`);
    }
  }
  return recognised;
}

const FILTERS = ['dangling', 'label', 'label!', 'until'];

/** Filters are taken as they are written: as text, as a value, and written and read again. */
export function checkFilters(text: string): boolean {
  const parsed = read(() => parsePruneFilters(text, NOW), InvalidFilterError);
  if (parsed === undefined) return false;
  const value: unknown = text === '' ? null : JSON.parse(text);
  if (value === null) return true;
  const unknown = Object.keys(Object(value)).filter((name) => !FILTERS.includes(name));
  assert.deepEqual(unknown, []);
  assert.deepEqual(parsePruneFilters(Object(value), NOW).toJSON(), parsed.toJSON());
  assert.deepEqual(parsePruneFilters(JSON.stringify(parsed), NOW).toJSON(), parsed.toJSON());
  if (parsed.until !== undefined) assert(parsed.until <= NOW);
  // Whatever they are, an image of which nothing can be read is spared by labels, and one without a date by age.
  const unread = { tagged: false, labels: undefined, pushedAt: new Date(0) };
  if (parsed.usesLabels) assert(!parsed.matches(unread));
  if (parsed.until !== undefined)
    assert(!parsed.matches({ ...unread, labels: null, pushedAt: new Date(Number.NaN) }));
  if (parsed.dangling) assert(!parsed.matches({ ...unread, tagged: true, labels: null }));
  return true;
}

const REQUEST = ['filters', 'all', 'repositories', 'mode', 'dryRun', 'trigger', 'confirm'];

/** A request is taken exactly; `all` widens nothing that would be refused without it, and no filter is lost. */
export function checkRequest(value: unknown): boolean {
  const parsed = read(() => parsePruneRequest(value, NOW), InvalidRequestError, InvalidFilterError);
  if (parsed === undefined || value === null || value === undefined) return false;
  const given = value as Record<string, unknown>;
  assert.deepEqual(
    Object.keys(given).filter((name) => !REQUEST.includes(name)),
    [],
  );
  assert.equal(parsed.mode, given['mode'] ?? 'online');
  assert.equal(parsed.dryRun, given['dryRun'] ?? false);
  assert.deepEqual(parsed.repositories, given['repositories'] ?? []);
  const { dangling, ...together } = parsed.filters.toJSON();
  if (given['all'] === true) assert.deepEqual(dangling, ['false']);
  if (given['filters'] === undefined || given['filters'] === null) return true;
  const { dangling: _, ...alone } = parsePruneFilters(given['filters'] as object, NOW).toJSON();
  assert.deepEqual(together, alone);
  return true;
}

/** What a registry can hold, and nothing else. */
export function checkSubject(subject: Subject): void {
  if ('repository' in subject) assert(isRepositoryName(subject.repository));
  if ('digest' in subject) assert(isDigest(subject.digest));
  if ('tag' in subject) assert(isTagName(subject.tag));
}

const ACTIONS: readonly Operation['action'][] = [
  ...(['prune', 'plan', 'apply', 'restore', 'runs', 'run', 'why', 'status'] as const),
];

/** An operation is one of those there are, and the one that is asked for. */
export function checkOperation(value: unknown): boolean {
  const parsed = read(
    () => parseOperation(value, NOW),
    ...[InvalidRequestError, InvalidFilterError, InvalidSubjectError],
  );
  if (parsed === undefined) return false;
  assert(ACTIONS.includes(parsed.action));
  const asked = Object.hasOwn(Object(value), 'action') ? Reflect.get(Object(value), 'action') : 'prune';
  assert.equal(parsed.action, asked);
  if (parsed.action === 'why') checkSubject(parsed.subject);
  if ('runId' in parsed) assert(typeof parsed.runId === 'string' && parsed.runId !== '');
  if (parsed.action === 'runs') assert(parsed.limit >= 1 && parsed.limit <= 5_000);
  return true;
}

/** @returns false where it is refused. */
export function checkSubjectText(text: string): boolean {
  const subject = read(() => parseSubject(text), InvalidSubjectError);
  if (subject !== undefined) checkSubject(subject);
  return subject !== undefined;
}

/** A plan of this registry, as text and as a value; it names only keys below the root, and reads back as it is. */
export function checkPlan(document: unknown): Plan | undefined {
  const plan = read(() => readPlan(document, REGISTRY, NOW.getTime()), InvalidPlanError);
  if (plan === undefined) return undefined;
  const [layout = new RegistryLayout('')] = LAYOUTS;
  const keys = [
    ...plan.manifests.flatMap(({ repository: name, digest, tags, taggedAs }) => [
      layout.revisionLink(name, digest),
      ...tags.map(({ tag }) => layout.tagCurrent(name, tag)),
      ...taggedAs.map((tag) => layout.tagPrefix(name, tag)),
    ]),
    ...plan.links.map(({ repository, digest }) => layout.layerLink(repository, digest)),
    ...plan.blobs.map(({ digest }) => layout.blobData(digest)),
    ...plan.uploads.map(({ repository }) => layout.repositoryPrefix(repository)),
  ];
  for (const key of keys) assert(key.startsWith(layout.prefix));
  // By its text: -0 is written 0.
  assert.equal(planText(readPlan(planText(plan), REGISTRY, NOW.getTime())), planText(plan));
  return plan;
}

/** The keys that a message tells of, as they are written. @returns undefined where it is of no known form. */
export function checkMessage(text: string): number | undefined {
  const hints = read(() => hintsOf(text), UnknownEventError);
  for (const { bucket, key, postponed } of hints ?? []) {
    assert.deepEqual([typeof bucket, typeof key], ['string', 'string']);
    assert(Number.isSafeInteger(postponed) && postponed >= 0, `postponed ${postponed}`);
    checkKey(key);
  }
  return hints?.length;
}

/** Pulls of what a registry can hold, never of the future. @returns how many. */
export function checkEnvelope(text: string): number {
  const envelope = parseEnvelope(text, NOW.getTime());
  if ('problem' in envelope) return 0;
  for (const message of envelope.malformed) assert(message.length < 500);
  for (const pull of envelope.pulls) {
    assert(isDigest(pull.digest) && isRepositoryName(pull.repository));
    if (pull.tag !== undefined) assert(isTagName(pull.tag));
    assert(pull.at <= NOW.getTime());
  }
  return envelope.pulls.length;
}

/** Each line is what it is, or a problem. @returns how many lines were read. */
export async function checkJournal(body: Uint8Array): Promise<number> {
  const bucket = new MemoryBucket();
  bucket.seed('journal/x.ndjson', body);
  const texts = new TextDecoder().decode(body).split('\n').filter(Boolean);
  let lines = 0;
  for await (const part of readJournal(bucket, 'journal/')) {
    assert.equal(part.lines.length + part.problems.length, texts.length);
    for (const one of part.lines) {
      lines += 1;
      if ('digest' in one) assert(isDigest(one.digest));
      if ('repository' in one) assert(isRepositoryName(one.repository));
      if ('tag' in one) assert(isTagName(one.tag));
    }
    for (const { line = 0, reason } of part.problems) assert(line >= 1 && reason.length < 1_000);
  }
  return lines;
}
