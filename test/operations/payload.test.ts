import { describe, expect, it } from 'vitest';
import { MAX_RUNS, type Operation, parseOperation } from '../../lambdas/operations/payload.ts';

const NOW = new Date('2026-11-24T12:00:00.000Z');
const DIGEST = `sha256:${'a'.repeat(64)}`;
const read = (payload: unknown, defaults = {}): Operation => parseOperation(payload, NOW, defaults);
const REQUEST = 'filters, all, repositories, mode, dryRun, trigger, confirm';
const REHEARSED = 'filters, all, repositories, mode, trigger, confirm';

describe('a payload', () => {
  it.each([undefined, null, {}])('without an action is a prune of the defaults: %j', (payload) => {
    expect(read(payload)).toMatchObject({
      action: 'prune',
      request: { repositories: [], mode: 'online', dryRun: false, trigger: 'manual' },
    });
  });

  it('of a schedule is a prune', () => {
    const payload = { trigger: 'schedule', filters: { until: ['1h'] }, repositories: ['team/*'] };
    expect(read(payload)).toEqual(read({ action: 'prune', ...payload }));
    expect(read(payload)).toMatchObject({ request: { trigger: 'schedule', repositories: ['team/*'] } });
  });

  it.each<[object, object]>([
    [
      { action: 'apply', plan: 's3://b/k' },
      { plan: 's3://b/k', dryRun: false, trigger: 'manual' },
    ],
    [
      { action: 'apply', plan: { kind: 'x' }, dryRun: true, trigger: 'cli' },
      { plan: { kind: 'x' }, dryRun: true, trigger: 'cli' },
    ],
    [
      { action: 'restore', runId: '01K' },
      { runId: '01K', dryRun: false },
    ],
    [
      { action: 'restore', runId: '01K', dryRun: true },
      { runId: '01K', dryRun: true },
    ],
    [{ action: 'runs' }, { limit: 20 }],
    [{ action: 'runs', limit: MAX_RUNS }, { limit: MAX_RUNS }],
    [{ action: 'run', runId: '01K' }, { runId: '01K' }],
    [{ action: 'status' }, {}],
  ])('%j', (payload, rest) => {
    const { action } = payload as { action: string };
    expect(read(payload)).toEqual({ action, ...rest });
  });

  it('has the defaults of its caller', () => {
    const defaults = { trigger: 'cli', filters: { label: ['a=b'] } };
    expect(read({ action: 'apply', plan: 'x' }, defaults)).toMatchObject({ trigger: 'cli' });
    for (const action of ['prune', 'plan'])
      expect(read({ action }, defaults)).toMatchObject({ request: { trigger: 'cli' } });
    const asked = read({ action: 'why', subject: DIGEST }, defaults);
    expect('request' in asked && asked.request.filters.toJSON()).toMatchObject({ label: ['a=b'] });
  });

  it('asks why about a tag, a manifest or a digest, as with filters', () => {
    const filters = { dangling: ['false'], until: ['720h'] };
    expect(read({ action: 'why', subject: 'team/app:v1', filters })).toMatchObject({
      subject: { kind: 'tag', repository: 'team/app', tag: 'v1' },
      request: { filters: { dangling: false } },
    });
    expect(read({ action: 'why', subject: `team/app@${DIGEST}` })).toMatchObject({
      subject: { kind: 'manifest', repository: 'team/app', digest: DIGEST },
    });
    expect(read({ action: 'why', subject: DIGEST })).toMatchObject({ subject: { kind: 'digest' } });
  });
});

describe('refused, with the value got and what is allowed', () => {
  const ALL = 'prune, plan, apply, restore, runs, run, why, status; absent it is prune';

  it.each<[unknown, string]>([
    ['prune', 'the request is "prune"; it must be a JSON object, {} for the defaults'],
    [[], 'the request is []; it must be a JSON object, {} for the defaults'],
    [7, 'the request is 7; it must be a JSON object, {} for the defaults'],
    [{ action: null }, `action is null: allowed are ${ALL}`],
    [{ action: '' }, `action is "": allowed are ${ALL}`],
    [{ action: 'Prune' }, `action is "Prune": allowed are ${ALL}`],
    [{ action: 'toString' }, `action is "toString": allowed are ${ALL}`],
    [{ action: ['plan'] }, `action is ["plan"]: allowed are ${ALL}`],
    [{ filterz: {} }, `unknown field "filterz": allowed are action, ${REQUEST}`],
    [{ action: 'prune', plan: 'x' }, `unknown field "plan": allowed are action, ${REQUEST}`],
    [{ action: 'plan', dryRun: true }, `unknown field "dryRun": allowed are action, ${REHEARSED}`],
    [{ action: 'plan', output: 'x' }, `unknown field "output": allowed are action, ${REHEARSED}`],
    [
      { action: 'why', subject: DIGEST, dryRun: false },
      `unknown field "dryRun": allowed are action, subject, ${REHEARSED}`,
    ],
    [{ action: 'why', runId: 'x' }, `unknown field "runId": allowed are action, subject, ${REHEARSED}`],
    [{ action: 'apply', filters: {} }, 'unknown field "filters": allowed are action, plan, dryRun, trigger'],
    [{ action: 'restore', runid: 'x' }, 'unknown field "runid": allowed are action, runId, dryRun'],
    [{ action: 'runs', runId: 'x' }, 'unknown field "runId": allowed are action, limit'],
    [{ action: 'run', limit: 1 }, 'unknown field "limit": allowed are action, runId'],
    [{ action: 'status', runId: 'x' }, 'unknown field "runId": allowed are action'],
    [{ action: 'plan', mode: 'Offline' }, 'mode is "Offline": allowed are online, offline'],
    [{ action: 'apply' }, 'plan is missing: allowed are a plan, and its location s3://<bucket>/<key>'],
    [
      { action: 'apply', plan: null },
      'plan is null: allowed are a plan, and its location s3://<bucket>/<key>',
    ],
    [{ action: 'apply', plan: [1] }, 'plan is [1]: allowed are a plan, and its location s3://<bucket>/<key>'],
    [{ action: 'apply', plan: 'x', dryRun: 'yes' }, 'dryRun is "yes": allowed are true and false'],
    [{ action: 'apply', plan: 'x', trigger: 'me' }, 'trigger is "me": allowed are schedule, manual, cli'],
    [{ action: 'restore' }, 'runId is missing: allowed is a text'],
    [{ action: 'restore', runId: '' }, 'runId is "": allowed is a text'],
    [{ action: 'restore', runId: 'x', dryRun: 1 }, 'dryRun is 1: allowed are true and false'],
    [{ action: 'run', runId: 7 }, 'runId is 7: allowed is a text'],
    [{ action: 'why' }, 'subject is missing: allowed is a text'],
    [{ action: 'why', subject: {} }, 'subject is {}: allowed is a text'],
    [{ action: 'runs', limit: 0 }, 'limit is 0: allowed are 1 to 5000'],
    [{ action: 'runs', limit: 5001 }, 'limit is 5001: allowed are 1 to 5000'],
    [{ action: 'runs', limit: 1.5 }, 'limit is 1.5: allowed are 1 to 5000'],
    [{ action: 'runs', limit: '5' }, 'limit is "5": allowed are 1 to 5000'],
  ])('%j', (payload, message) => {
    expect(() => read(payload)).toThrow(expect.objectContaining({ name: 'InvalidRequestError', message }));
  });

  it('names no more of a value than is read', () => {
    const action = 'x'.repeat(10_000);
    expect(() => read({ action })).toThrow(/^action is "x{76}…: allowed are /);
  });

  it.each<[object, string, RegExp]>([
    [
      { action: 'why', subject: 'team/app' },
      'InvalidSubjectError',
      /^"team\/app" names nothing: allowed are /,
    ],
    [{ action: 'plan', filters: { colour: ['red'] } }, 'InvalidFilterError', /^invalid filter 'colour'/],
    [
      { action: 'why', subject: DIGEST, filters: { until: ['1h', '2h'] } },
      'InvalidFilterError',
      /^more than one until filter/,
    ],
  ])('by the names of others: %j', (payload, name, message) => {
    expect(() => read(payload)).toThrow(
      expect.objectContaining({ name, message: expect.stringMatching(message) }),
    );
  });
});
