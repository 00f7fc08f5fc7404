import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Envelope, MAX_EVENTS, parseEnvelope } from '../../lambdas/notifications/envelope.ts';
import { isDigest } from '../../lambdas/registry/digest.ts';
import { isRepositoryName, isTagName } from '../../lambdas/registry/names.ts';
import { runs } from '../support/runs.ts';
import { DIGEST, DISTRIBUTION_2, DISTRIBUTION_3, type EventOptions, envelope, event } from './envelopes.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');

function parsed(text: string): Envelope {
  const result = parseEnvelope(text, NOW);
  if ('problem' in result) throw new Error(result.message);
  return result;
}

const parsedEvent = (options: EventOptions): Envelope => parsed(envelope(event(options)));

const TYPES = {
  'an OCI manifest': 'application/vnd.oci.image.manifest.v1+json',
  'an OCI index': 'application/vnd.oci.image.index.v1+json',
  'a Docker manifest': 'application/vnd.docker.distribution.manifest.v2+json',
  'a Docker manifest list': 'application/vnd.docker.distribution.manifest.list.v2+json',
  'schema 1': 'application/vnd.docker.distribution.manifest.v1+json',
  'schema 1, signed': 'application/vnd.docker.distribution.manifest.v1+prettyjws',
};

describe('a pull', () => {
  it('by tag, of distribution 2', () => {
    const at = Date.parse('2026-02-28T23:59:02.691Z');
    expect(parsed(DISTRIBUTION_2)).toEqual({
      pulls: [{ repository: 'team/app', digest: DIGEST, tag: 'v1', at }],
      ignored: 0,
      malformed: [],
    });
  });

  it('by digest, of distribution 3', () => {
    const at = Date.parse('2026-02-28T23:59:30.500Z');
    expect(parsed(DISTRIBUTION_3)).toEqual({
      pulls: [{ repository: 'team/app', digest: DIGEST, at }],
      ignored: 0,
      malformed: [],
    });
  });

  it.each(Object.entries(TYPES))('of %s', (_, mediaType) => {
    expect(parsedEvent({ target: { mediaType } }).pulls).toHaveLength(1);
  });

  it.each([
    { title: 'in the future', timestamp: '2026-03-01T00:00:01Z' },
    { title: 'of no moment', timestamp: 'yesterday' },
    { title: 'of a day that is none', timestamp: '2026-02-31T99:00:00Z' },
    { title: 'shortened', timestamp: '2026' },
    { title: "Go's zero", timestamp: '0001-01-01T00:00:00Z' },
    { title: 'a number', timestamp: 1 },
    { title: 'null', timestamp: null },
  ])('with a time that is of no use counts as received now: $title', ({ timestamp }) => {
    expect(parsedEvent({ timestamp }).pulls).toMatchObject([{ at: NOW }]);
  });
});

describe('an event of something else', () => {
  it.each(['push', 'mount', 'delete', 'scan', '', '__proto__'])('is ignored: action %j', (action) => {
    expect(parsedEvent({ action })).toEqual({ pulls: [], ignored: 1, malformed: [] });
  });

  it.each([
    'application/octet-stream',
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.docker.container.image.v1+json',
    '',
  ])('is ignored: a pull of %j', (mediaType) => {
    expect(parsedEvent({ target: { mediaType } })).toEqual({ pulls: [], ignored: 1, malformed: [] });
  });

  it('is ignored though it has no target, as the deletion of a repository has hardly one', () => {
    expect(parsed(envelope({ action: 'delete' }))).toMatchObject({ ignored: 1, malformed: [] });
  });
});

describe('a malformed event', () => {
  const long = 'x'.repeat(5_000);

  it.each([
    { title: 'null', bad: null, message: 'null is no event' },
    { title: 'a list', bad: [], message: 'is no event' },
    { title: 'no action', bad: { target: {} }, message: 'action: undefined' },
    { title: 'no target', bad: { action: 'pull' }, message: 'target: undefined' },
    { title: 'a list for a target', bad: { action: 'pull', target: [] }, message: 'target: a list' },
    { title: 'no media type', bad: event({ target: { mediaType: undefined } }), message: 'target.mediaType' },
    {
      title: 'no repository',
      bad: event({ target: { repository: undefined } }),
      message: 'target.repository',
    },
    { title: 'a path', bad: event({ target: { repository: '../other' } }), message: '"../other"' },
    {
      title: 'a key',
      bad: event({ target: { repository: 'app/MANIFEST#x' } }),
      message: 'no repository name',
    },
    { title: 'no digest', bad: event({ target: { digest: undefined } }), message: 'target.digest' },
    { title: 'a short digest', bad: event({ target: { digest: 'sha256:12' } }), message: '"sha256:12"' },
    {
      title: 'an upper-case digest',
      bad: event({ target: { digest: DIGEST.toUpperCase() } }),
      message: 'no digest',
    },
    { title: 'a tag that is none', bad: event({ target: { tag: 'a b' } }), message: 'no tag' },
    { title: 'a number for a tag', bad: event({ target: { tag: 1 } }), message: 'target.tag' },
    { title: 'a very long name', bad: event({ target: { repository: long } }), message: 'x…' },
  ])('is told of and spoils no other: $title', ({ bad, message }) => {
    const { pulls, ignored, malformed } = parsed(envelope(event(), bad, event({ target: { tag: 'v2' } })));
    expect(pulls.map(({ tag }) => tag)).toEqual([undefined, 'v2']);
    expect(ignored).toBe(0);
    expect(malformed).toEqual([expect.stringContaining(message)]);
    expect(malformed[0]).toMatch(/^event 1: /);
    expect(malformed[0]?.length).toBeLessThan(250);
  });
});

describe('what is no envelope', () => {
  it.each([
    '',
    ' ',
    'null',
    '[]',
    '1',
    '"events"',
    '{}',
    '{"events":null}',
    '{"events":{}}',
    '{"events":[',
    '\u0000',
  ])('%j', (text) => {
    expect(parseEnvelope(text, NOW)).toMatchObject({ problem: 'no-envelope' });
  });

  it('is nested endlessly', () => {
    expect(parseEnvelope('['.repeat(1_000_000), NOW)).toMatchObject({ problem: 'no-envelope' });
    const deep = `{"events":[${'['.repeat(5_000)}${']'.repeat(5_000)}]}`;
    expect(parseEnvelope(deep, NOW)).toMatchObject({ pulls: [], malformed: [expect.any(String)] });
  });

  it('has more events than are allowed', () => {
    const events = Array.from({ length: MAX_EVENTS }, () => event());
    expect(parsed(envelope(...events)).pulls).toHaveLength(MAX_EVENTS);
    expect(parseEnvelope(envelope(...events, event()), NOW)).toEqual({
      problem: 'too-many-events',
      message: '1001 events: allowed are at most 1000 in one request',
    });
  });
});

describe('any text', () => {
  const strange = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      'pull',
      DIGEST,
      'team/app',
      'v1',
      TYPES['an OCI manifest'],
      '2026-01-01T00:00:00Z',
    ),
  );
  const target = fc.record(
    {
      mediaType: fc.constantFrom(...Object.values(TYPES)),
      digest: strange,
      repository: strange,
      tag: strange,
    },
    { requiredKeys: ['mediaType'] },
  );
  const one = fc.record({ action: fc.constantFrom('pull', 'push'), timestamp: strange, target });
  const text = fc.oneof(
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.array(fc.oneof(strange, one), { maxLength: 5 }).map((events) => JSON.stringify({ events })),
  );

  it('is read without an error; every event is accounted for; what is taken is safe to use', () => {
    fc.assert(
      fc.property(text, (body) => {
        const result = parseEnvelope(body, NOW);
        if ('problem' in result) return;
        const { pulls, ignored, malformed } = result;
        const { events } = JSON.parse(body);
        expect(pulls.length + ignored + malformed.length).toBe(events.length);
        for (const { repository, digest, tag, at } of pulls) {
          expect(isRepositoryName(repository) && isDigest(digest)).toBe(true);
          expect(tag === undefined || isTagName(tag)).toBe(true);
          expect(Number.isSafeInteger(at) && at > 0 && at <= NOW).toBe(true);
        }
      }),
      runs(500),
    );
  });
});
