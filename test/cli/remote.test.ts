/**
 * What the command line says with `--function` is what it says without: two registries with the same contents, one pruned
 * by this process and one by the function, command by command.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { thisProcess } from '../../cli/process.ts';
import { dynamoDbClient } from '../../lambdas/store/aws-clients.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { PruneLock } from '../../lambdas/store/lock.ts';
import { image, layer } from '../../local/demo-images.ts';
import { type Handler, type InvokeApi, startInvokeApi } from '../support/invoke-api.ts';
import { schemaErrors } from '../support/schemas.ts';
import {
  adopt,
  BUCKET,
  type Ended,
  pushTwo,
  runCli,
  type Services,
  startServices,
  TABLE,
} from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

const FUNCTION = 'registry-prune-prune';
const OLD = image([layer('base', 2000), layer('old', 3000)]).digest;
const OFFLINE = ['--mode', 'offline'];
const LOCATION = `s3://${BUCKET}/registry-prune/plans/`;

/** One command, or something done to the registry beside it. */
type Cli = (...args: string[]) => Promise<Ended>;

interface Asked {
  /** By the name of what was done. */
  readonly ended: ReadonlyMap<string, Ended>;
  /** With what differs from one run of the same command to the next taken out. */
  readonly plain: ReadonlyMap<string, Ended>;
}

let directory: string;
let api: InvokeApi;
let [byFunction, here]: Asked[] = [];
const started: { readonly stop: () => Promise<void> }[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registry-prune-remote-'));
  // The function's own log.
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockReturnValue(true);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const services = await preparedServices();
  // As a cold start would, it reads its environment when it is loaded.
  const { handler } = (await import('../../lambdas/prune/handler.ts')) as unknown as { handler: Handler };
  api = await startInvokeApi({ [FUNCTION]: handler });
  started.push(api);
  const caller = { AWS_ENDPOINT_URL_LAMBDA: api.endpoint };
  adopt(caller);
  byFunction = await askEverything(services, (...args) => runCli([...args, '--function', FUNCTION], caller));
  const others = await preparedServices();
  here = await askEverything(others, (...args) => runCli(args, others.env));
  vi.restoreAllMocks();
});

afterAll(async () => {
  for (const service of started) await service.stop();
  await rm(directory, { recursive: true, force: true });
});

async function preparedServices(): Promise<Services> {
  const services = await startServices();
  started.push(services);
  adopt(services.env);
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  return services;
}

async function askEverything(services: Services, cli: Cli): Promise<Asked> {
  const ended = new Map<string, Ended>();
  const ids: [string, string][] = [];
  const ask = async (name: string, ...args: string[]): Promise<Ended> => {
    const answer = await cli(...args);
    ended.set(name, answer);
    return answer;
  };
  const file = join(directory, 'plan.json');
  const write = async (plan: object) => await writeFile(file, JSON.stringify(plan));

  await ask('prune, before the first reindex', 'prune', ...OFFLINE);
  await ask('plan, before the first reindex', 'plan', ...OFFLINE, '-o', file);
  await runCli(['reindex'], services.env);
  await ask('watch, nothing', 'watch', '--once');
  await ask('why, kept', 'why', 'team/app:v1', ...OFFLINE);
  await ask('why, kept, as JSON', 'why', 'team/app:v1', ...OFFLINE, '--json');
  await ask('why, due', 'why', `team/app@${OLD}`, ...OFFLINE);
  await ask('why, unknown', 'why', 'team/none:v1');
  await ask('why, nothing that could be', 'why', 'not a name');
  await ask('why, a filter that is none', 'why', 'team/app:v1', '--filter', 'colour=red');
  await ask('prune, foretold', 'prune', ...OFFLINE, '--dry-run');
  await ask('prune, foretold as JSON', 'prune', ...OFFLINE, '--dry-run', '--json');
  await ask('prune, a filter that is none', 'prune', '--filter', 'colour=red');
  await ask('prune, two times', 'prune', '--filter', 'until=1h', '--filter', 'until=2h');
  await ask('plan, a filter that is none', 'plan', '--filter', 'colour=red');

  await ask('plan, into a file', 'plan', ...OFFLINE, '-o', file);
  const plan = JSON.parse(await readFile(file, 'utf8'));
  ids.push([plan.hash, '<hash>']);
  await ask('apply, foretold', 'apply', file, '--dry-run');
  await write({ ...plan, blobs: [] });
  await ask('apply, a plan that was edited', 'apply', file);
  await write({ more: 1 });
  await ask('apply, no plan', 'apply', file);
  await writeFile(file, 'no plan');
  await ask('apply, no JSON', 'apply', file);
  await ask('apply, from elsewhere', 'apply', 's3://other/registry-prune/plans/x.json');
  await ask('apply, what is not there', 'apply', `${LOCATION}none.json`);

  // A function keeps its plans itself.
  const answered = await cli('plan', ...OFFLINE, '--json');
  const kept = JSON.parse(answered.stdout);
  const location = kept.location ?? `${LOCATION}${kept.plan.id}.json`;
  if (kept.location === undefined) await cli('plan', ...OFFLINE, '-o', location);
  await ask('apply, by location, foretold', 'apply', location, '--dry-run');
  const { runId } = JSON.parse((await ask('apply, by location', 'apply', location, '--json')).stdout);
  await ask('apply, again', 'apply', location);
  await ask('why, deleted', 'why', `team/app@${OLD}`);
  await ask('why, deleted, as JSON', 'why', OLD, '--json');

  await services.registry.push('team/app', image([layer('newer', 1000)]), 'v1');
  await runCli(['reindex'], services.env);
  await ask('prune', 'prune', ...OFFLINE);
  await ask('prune, nothing left', 'prune', ...OFFLINE, '--json');
  await ask('runs', 'runs');
  await ask('runs, as JSON', 'runs', '--limit', '2', '--json');
  await ask('runs, too many', 'runs', '--limit', '5001');
  await ask('runs show', 'runs', 'show', runId);
  await ask('runs show, as JSON', 'runs', 'show', runId, '--json');
  await ask('runs show, unknown', 'runs', 'show', '01AAAAAAAAAAAAAAAAAAAAAAAA');
  // This bucket keeps no versions; test/e2e/deployed.test.ts undoes.
  await ask('restore, not to be', 'restore', runId);
  await ask('restore, foretold, not to be', 'restore', runId, '--dry-run', '--json');
  await ask('restore, unknown', 'restore', '01AAAAAAAAAAAAAAAAAAAAAAAA');

  const table = new DynamoDbTable({ client: dynamoDbClient(), tableName: TABLE });
  const holder = { owner: 'somebody@elsewhere pid 1', runId: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD' };
  await PruneLock.take(table, Date.now, { ...holder, deadline: Date.now() + 600_000 });
  await ask('prune, beside another', 'prune', ...OFFLINE);
  await ask('apply, beside another', 'apply', location);
  await ask('watch, another', 'watch', '--once');
  await ask('watch, another, as JSON', 'watch', '--once', '--json');
  const plain = new Map([...ended].map(([name, answer]) => [name, plainOf(answer, ids)] as const));
  // Where a plan is kept differs, and the others have no function.
  ended.set('plan, as JSON', answered);
  ended.set('init', await runCli(['init', '--json'], services.env));
  ended.set('reindex', await runCli(['reindex', '--json'], services.env));
  ended.set('history', await runCli(['history', OLD, '--json'], services.env));
  return { ended, plain };
}

function plainOf({ code, stdout, stderr }: Ended, ids: readonly (readonly [string, string])[]): Ended {
  const plain = (text: string): string =>
    ids
      .reduce((rest, [id, name]) => rest.replaceAll(id, name), text)
      .replaceAll(`${FUNCTION} 11111111-2222-4333-8444-555555555555`, '<owner>')
      .replaceAll(thisProcess(), '<owner>')
      .replaceAll(/(Plan |plan +|"(?:hash|plan)":")sha256:[0-9a-f]{64}/g, '$1<hash>')
      .replaceAll(/(the plan was edited: its hash is )\S+ (and that of its content )\S+;/g, '$1… $2…;')
      .replaceAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, '<time>')
      .replaceAll(/"durationMs":\d+/g, '"durationMs":0')
      .replaceAll(/\d+\.\d s\b/g, '<duration>')
      // Whose error it is.
      .replaceAll(`registry-prune: ${FUNCTION}: `, 'registry-prune: ')
      // What goes at the same time is told in any order.
      .replaceAll(/(?:^deleted: .*\n)+/gm, (lines) => `${lines.trimEnd().split('\n').sort().join('\n')}\n`)
      // Columns are as wide as what is in them.
      .replaceAll(/ +/g, ' ')
      .replaceAll(/─+/g, '─');
  return { code, stdout: plain(stdout), stderr: plain(stderr) };
}

const CODES: readonly (readonly [string, number])[] = [
  ['prune, before the first reindex', EXIT.refused],
  ['plan, before the first reindex', EXIT.refused],
  ['why, nothing that could be', EXIT.usage],
  ['why, a filter that is none', EXIT.usage],
  ['prune, a filter that is none', EXIT.usage],
  ['prune, two times', EXIT.usage],
  ['plan, a filter that is none', EXIT.usage],
  ['apply, a plan that was edited', EXIT.refused],
  ['apply, no plan', EXIT.refused],
  ['apply, no JSON', EXIT.refused],
  ['apply, from elsewhere', EXIT.refused],
  ['apply, what is not there', EXIT.refused],
  ['runs, too many', EXIT.usage],
  ['runs show, unknown', EXIT.error],
  ['restore, not to be', EXIT.refused],
  ['restore, foretold, not to be', EXIT.refused],
  ['restore, unknown', EXIT.error],
  ['prune, beside another', EXIT.alreadyRunning],
  ['apply, beside another', EXIT.alreadyRunning],
];

describe('the command line with --function', () => {
  it('says what it says without, to the letter', () => {
    expect(byFunction?.plain.size).toBeGreaterThan(40);
    expect([...(byFunction?.plain ?? [])]).toEqual([...(here?.plain ?? [])]);
  });

  it('ends with the same exit codes, each error in one line that is on standard error', () => {
    const failed = [...(byFunction?.ended ?? [])].filter(([, { code }]) => code !== EXIT.done);
    expect(failed.map(([name, { code }]) => [name, code])).toEqual(CODES);
    for (const [name, { stdout, stderr }] of failed) {
      if (stdout === '')
        expect([name, stderr]).toEqual([name, expect.stringMatching(/^registry-prune: .+\n$/)]);
      else expect(name).toMatch(/before the first reindex/);
    }
  });

  it('has really pruned, and told what', () => {
    const stdoutOf = (name: string): string => byFunction?.ended.get(name)?.stdout ?? '';
    expect(stdoutOf('prune, foretold')).toContain(`deleted: ${OLD}`);
    expect(JSON.parse(stdoutOf('apply, by location'))).toMatchObject({
      status: 'completed',
      trigger: 'cli',
      manifests: { deleted: 1 },
      plan: { manifests: { planned: 1, gone: 1 }, nextAt: null },
    });
    expect(stdoutOf('apply, again')).toContain('Nothing of the plan is left to go.\n');
    expect(stdoutOf('watch, nothing')).toBe('No prune is running.\n');
    expect(stdoutOf('watch, another')).toContain(
      'Run 01KAV3M2Q8Z5N6W4R7T9Y1B3CD by somebody@elsewhere pid 1',
    );
    const [deleted] = JSON.parse(stdoutOf('why, deleted, as JSON')).manifests;
    expect(deleted).toMatchObject({ verdict: 'deleted', deletion: { by: 'run' } });
  });

  it.each<[string, string]>([
    ['why, kept, as JSON', 'why'],
    ['why, deleted, as JSON', 'why'],
    ['prune, foretold as JSON', 'prune-report'],
    ['plan, as JSON', 'plan-answer'],
    ['apply, by location', 'prune-report'],
    ['prune, nothing left', 'prune-report'],
    ['runs, as JSON', 'runs'],
    ['runs show, as JSON', 'run'],
    ['watch, another, as JSON', 'status'],
    ['init', 'init'],
    ['reindex', 'reindex-report'],
    ['history', 'history'],
  ])('follows the schemas, as without: %s', (name, schema) => {
    for (const { ended } of [byFunction, here].filter((one) => one !== undefined))
      expect(schemaErrors(schema, JSON.parse(ended.get(name)?.stdout ?? ''))).toEqual([]);
  });

  it('sends the function what it can be asked to do, and that the command line asks', () => {
    const actions = api.payloads.map((payload) => Object(payload).action);
    expect(new Set(actions)).toEqual(
      new Set(['prune', 'plan', 'apply', 'restore', 'runs', 'run', 'why', 'status']),
    );
    for (const payload of api.payloads) {
      const { action, trigger } = Object(payload);
      const starts = ['prune', 'plan', 'apply'].includes(action);
      expect([action, trigger]).toEqual([action, starts ? 'cli' : undefined]);
    }
  });
});

describe('says in one line', () => {
  const cli: Cli = (...args) => runCli(args, {});

  it('that there is no such function', async () => {
    const { code, stdout, stderr } = await cli('runs', '--function', 'none');
    expect({ code, stdout }).toEqual({ code: EXIT.error, stdout: '' });
    expect(stderr).toBe(
      'registry-prune: there is no function arn:aws:lambda:us-east-1:123456789012:function:none: ' +
        'check its name and AWS_REGION, and by AWS_PROFILE the account\n',
    );
  });

  it('that a plan is too large to be sent', async () => {
    const file = join(directory, 'large.json');
    await writeFile(file, JSON.stringify({ text: 'x'.repeat(6 * 1024 * 1024) }));
    const before = api.payloads.length;
    const { code, stdout, stderr } = await cli('apply', file, '--function', FUNCTION);
    expect({ code, stdout }).toEqual({ code: EXIT.error, stdout: '' });
    expect(stderr).toMatch(
      /^registry-prune: the request has \d+ bytes, and a function takes 6291456: give a plan by its location s3:.*\n$/,
    );
    expect(api.payloads.length).toBe(before);
  });

  it('that a function keeps its plans itself', async () => {
    const { code, stderr } = await cli('plan', '-o', `${LOCATION}x.json`, '--function', FUNCTION);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/^registry-prune: --output is "s3:.*a function keeps its plans itself.*\n$/);
  });

  it('where the function keeps a plan', async () => {
    const { code, stdout } = await cli('plan', ...OFFLINE, '--function', FUNCTION);
    expect(code).toBe(EXIT.done);
    expect(stdout).toMatch(
      /^Written to (s3:\/\/registry\/registry-prune\/plans\/\w{26}\.json); `registry-prune apply \1` deletes/m,
    );
  });

  it('that nothing answers', async () => {
    adopt({ AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:9' });
    const { code, stderr } = await cli('runs', '--function', FUNCTION);
    expect(code).toBe(EXIT.error);
    expect(stderr).toMatch(/^registry-prune: nothing answers at 127\.0\.0\.1:9 .*\n$/);
  });
});
