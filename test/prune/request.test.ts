import { describe, expect, it } from 'vitest';
import { InvalidFilterError } from '../../lambdas/filters/prune-filters.ts';
import { InvalidRequestError, parsePruneRequest, repositoryScope } from '../../lambdas/prune/request.ts';

const now = new Date('2026-03-01T00:00:00Z');
const parse = (payload: unknown) => parsePruneRequest(payload, now);

describe('a request', () => {
  it.each([[{}], [undefined], [null]])(
    '%j asks for untagged images everywhere, online, for real',
    (payload) => {
      const request = parse(payload);
      expect(request).toMatchObject({ repositories: [], mode: 'online', dryRun: false, trigger: 'manual' });
      expect(request.filters.toJSON()).toEqual({ dangling: ['true'] });
    },
  );

  it('takes `all` as -a: default filters are widened, given ones too', () => {
    const defaults = { filters: '{"label!":["keep"],"dangling":["true"]}' };
    const lists = (body: object) => parsePruneRequest(body, now, defaults).filters.toJSON();
    expect(lists({ all: true })).toEqual({ dangling: ['false'], 'label!': ['keep'] });
    expect(lists({ all: true, filters: { label: ['a'] } })).toEqual({ dangling: ['false'], label: ['a'] });
    expect(lists({ all: true, filters: '{"label":{"a":true}}' })).toEqual({
      dangling: ['false'],
      label: ['a'],
    });
    expect(lists({ all: false })).toEqual({ dangling: ['true'], 'label!': ['keep'] });
    expect(() => lists({ all: true, filters: { dangling: ['true'] } })).toThrow(/^invalid filter 'dangling=/);
    expect(() => lists({ all: 'yes' })).toThrow('all is "yes": allowed are true and false');
  });

  it('takes no glob that takes long to match', () => {
    expect(parse({ repositories: ['*a*b*/**/*c*'] }).repositories).toEqual(['*a*b*/**/*c*']);
    const name = 'a'.repeat(255);
    const began = performance.now();
    repositoryScope(['*a*a*ab'])(name);
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(() => parse({ repositories: ['x/*a*a*a*ab'] })).toThrow(
      'repositories is "x/*a*a*a*ab": allowed are 3 stars between two slashes',
    );
  });

  it('takes every field', () => {
    const request = parse({
      filters: '{"dangling":{"false":true},"until":{"24h":true}}',
      repositories: ['team/*', 'base'],
      mode: 'offline',
      dryRun: true,
      trigger: 'schedule',
    });
    expect(request).toMatchObject({
      repositories: ['team/*', 'base'],
      mode: 'offline',
      dryRun: true,
      trigger: 'schedule',
    });
    expect(request.filters.toJSON()).toEqual({ dangling: ['false'], until: ['2026-02-28T00:00:00.000Z'] });
  });

  it('takes the default filters only where it has none of its own', () => {
    const defaults = { filters: '{"until":["24h"]}', trigger: 'cli' } as const;
    expect(parsePruneRequest({}, now, defaults)).toMatchObject({ trigger: 'cli' });
    expect(parsePruneRequest({}, now, defaults).filters.until).toEqual(new Date('2026-02-28T00:00:00Z'));
    expect(parsePruneRequest({ filters: {} }, now, defaults).filters.until).toBeUndefined();
  });

  it.each([
    ['a list', []],
    ['text', 'prune'],
    ['a number', 1],
    ['true', true],
  ])('that is %s is none', (_, payload) => {
    expect(() => parse(payload)).toThrow(InvalidRequestError);
  });

  it.each([
    ['an unknown field', { filter: {} }, /unknown field "filter": allowed are filters, all, repositories/],
    ['a field in another case', { dryrun: true }, /unknown field "dryrun"/],
    ['a field of every object', JSON.parse('{"__proto__":{}}'), /unknown field "__proto__"/],
    ['a mode', { mode: 'Offline' }, /mode is "Offline": allowed are online, offline/],
    ['a mode of another type', { mode: true }, /mode is true/],
    ['a trigger', { trigger: 'cron' }, /trigger is "cron": allowed are schedule, manual, cli/],
    ['dryRun as text', { dryRun: 'true' }, /dryRun is "true": allowed are true and false/],
    ['dryRun as a number', { dryRun: 1 }, /dryRun is 1/],
    ['repositories as text', { repositories: 'team/*' }, /repositories is "team\/\*": allowed is a list/],
    ['no repositories', { repositories: [] }, /repositories is \[\]/],
    ['an empty glob', { repositories: ['base', ''] }, /repositories is ""/],
    ['a glob that is no text', { repositories: ['base', 7] }, /repositories is 7/],
    ['too many globs', { repositories: Array(101).fill('a') }, /1 to 100 globs/],
    ['filters as a number', { filters: 24 }, /filters is 24/],
  ])('with %s is refused, and says what is allowed', (_, payload, message) => {
    expect(() => parse(payload)).toThrow(InvalidRequestError);
    expect(() => parse(payload)).toThrow(message);
  });

  it.each([
    ['an unknown filter', { filters: { labels: ['a'] } }],
    ['a filter with a bad value', { filters: { dangling: ['maybe'] } }],
    ['two until', { filters: { until: ['1h', '2h'] } }],
    ['an until in the future', { filters: { until: ['-1h'] } }],
    ['a filter that is no JSON', { filters: '{' }],
    ['all of a number', { filters: '0', all: true }],
    ['all of a text', { filters: '""', all: true }],
    ['all of what JSON would drop', { filters: new Map([['until', ['24h']]]), all: true }],
  ])("with %s is refused with Docker's text", (_, payload) => {
    expect(() => parse(payload)).toThrow(InvalidFilterError);
  });
});

describe('globs of repositories', () => {
  it.each([
    [['team/*'], ['team/app'], ['team', 'team/app/web', 'teams/app', 'base']],
    [['team/**'], ['team/app', 'team/app/web'], ['team', 'base']],
    [['team'], ['team'], ['team/app', 'teams']],
    [['*'], ['base', 'team'], ['team/app']],
    [['**'], ['base', 'team/app/web'], []],
    [['{base,web}'], ['base', 'web'], ['app']],
    [['team-?'], ['team-a'], ['team-', 'team-ab']],
    [['!base'], ['!base'], ['team', 'base']],
    [['+(base)'], [], ['base', 'basebase']],
    [['base', 'team/*'], ['base', 'team/app'], ['web']],
  ])('%j', (globs, inside, outside) => {
    const scope = repositoryScope(globs);
    expect(inside.filter((name) => !scope(name))).toEqual([]);
    expect(outside.filter(scope)).toEqual([]);
  });

  it('none is every repository', () => {
    expect(repositoryScope([])('any/thing')).toBe(true);
  });
});

describe('a value that cannot be written', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  it.each([deep, [1n], { a: 1n }])('is refused as any other', (value) => {
    for (const field of ['mode', 'dryRun', 'trigger', 'confirm', 'repositories', 'unknown'])
      expect(() => parse({ [field]: [value] })).toThrow(InvalidRequestError);
    expect(() => parse(value)).toThrow(InvalidRequestError);
  });
});
