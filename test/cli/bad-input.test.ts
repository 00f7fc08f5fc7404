import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { parsePruneRequest } from '../../lambdas/prune/request.ts';
import { dynamoDbClient } from '../../lambdas/store/aws-clients.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { PruneLock, SKEW } from '../../lambdas/store/lock.ts';
import {
  adopt,
  type Moment,
  pushTwo,
  runCli,
  type Services,
  spawnCli,
  startServices,
  TABLE,
} from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

/** Everything here is over one registry with garbage in it, which nothing of this may touch. */
let services: Services;
let before: Moment;

beforeAll(async () => {
  services = await startServices();
  adopt(services.env);
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  await runCli(['reindex'], services.env);
  before = await services.moment();
});

afterAll(() => services?.stop());

async function unchanged(): Promise<void> {
  expect(await services.moment()).toEqual(before);
  expect(services.published).toEqual([]);
}

/** The message, whole, after the program's name. */
const oneLine = (message: string): string => `registry-prune: ${message}\n`;

const DURATION_HINT =
  'allowed are a duration such as 24h or 1h30m (units ns, us, ms, s, m, h), ' +
  'a time such as 2006-01-02T15:04:05Z or shorter, and Unix seconds';

const FILTERS: readonly [string, readonly string[], string][] = [
  ['an unknown name', ['color=red'], "invalid filter 'color': allowed are dangling, label, label!, until"],
  ['two moments', ['until=1h', 'until=2h'], 'more than one until filter specified: got 1h, 2h'],
  [
    'a unit that Go does not know',
    ['until=1d'],
    `failed to parse value as time or duration: "1d": ${DURATION_HINT}`,
  ],
  ['no moment', ['until='], `failed to parse value as time or duration: "": ${DURATION_HINT}`],
  ['no value', ['label'], 'invalid argument "label" for --filter: it must be name=value'],
  [
    'a contradiction',
    ['dangling=true', 'dangling=false'],
    "invalid filter 'dangling=[true false]': allowed are true, 1, false, 0",
  ],
];

describe('a filter that cannot be understood', () => {
  it.each(FILTERS)('%s', async (_, filters, message) => {
    const args = [
      'prune',
      '--yes',
      '--mode',
      'offline',
      ...filters.flatMap((filter) => ['--filter', filter]),
    ];
    expect(await runCli(args, services.env)).toEqual({
      code: EXIT.usage,
      stdout: '',
      stderr: oneLine(message),
    });
    await unchanged();
  });

  it('a moment in the future', async () => {
    const { code, stderr } = await runCli(['prune', '--filter', 'until=-1h'], services.env);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(/^registry-prune: .*until.*future.*\n$/);
    await unchanged();
  });

  it('ends a process of its own with code 2', async () => {
    const ended = await spawnCli(['prune', '--filter', 'color=red'], services.env);
    const message = "invalid filter 'color': allowed are dangling, label, label!, until";
    expect(ended).toEqual({ code: EXIT.usage, stdout: '', stderr: oneLine(message) });
    await unchanged();
  });
});

describe('arguments that do not exist', () => {
  it.each([
    [['prune', '--colour'], "registry-prune: unknown option '--colour'; see registry-prune prune --help\n"],
    [
      ['prune', 'extra'],
      "registry-prune: too many arguments for 'prune'. Expected 0 arguments but got 1: extra; see registry-prune prune --help\n",
    ],
    [
      ['prune', '--mode', 'sideways'],
      "registry-prune: option '--mode <mode>' argument 'sideways' is invalid. Allowed choices are online, offline.\n",
    ],
    [
      ['prune', '--repository', ''],
      oneLine('repositories is "": allowed is a list of 1 to 100 globs such as "team/*"'),
    ],
  ])('%j', async (args, stderr) => {
    expect(await runCli(args, services.env)).toEqual({ code: EXIT.usage, stdout: '', stderr });
    await unchanged();
  });

  it('a command that does not exist', async () => {
    const { code, stderr } = await runCli(['gc'], services.env);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toBe("registry-prune: unknown command 'gc'; see registry-prune --help\n");
  });
});

describe('an environment that is not usable', () => {
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(services.env).filter(([name]) => !names.includes(name)));
  const unusable = (problems: string) => oneLine(`the environment is not usable: ${problems}`);

  it.each(['init', 'reindex', 'prune'])('%s without its table', async (command) => {
    const ended = await runCli([command], without('METADATA_TABLE'));
    expect(ended).toEqual({ code: EXIT.usage, stdout: '', stderr: unusable('METADATA_TABLE is not set') });
    await unchanged();
  });

  it('says everything that is wrong at once', async () => {
    const env = { ...without('METADATA_TABLE', 'REGISTRY_BUCKET'), GRACE: '1d', ALLOW_UNVERSIONED: 'yes' };
    const { code, stderr } = await runCli(['prune'], env);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toBe(
      unusable(
        'METADATA_TABLE is not set; REGISTRY_BUCKET is not set; ' +
          'GRACE: time: unknown unit "d" in duration "1d": allowed are durations such as 24h, 90m, 30s; ' +
          'ALLOW_UNVERSIONED: "yes" is neither true nor false',
      ),
    );
    await unchanged();
  });

  it.each([
    [
      'not JSON',
      '{label',
      /^registry-prune: the environment is not usable: DEFAULT_FILTERS: invalid filter: not JSON: .+\n$/,
    ],
    ['an unknown filter', '{"color":["red"]}', /DEFAULT_FILTERS: invalid filter 'color': allowed are .+\n$/],
    ['two moments', '{"until":["1h","2h"]}', /DEFAULT_FILTERS: more than one until filter specified: .+\n$/],
  ])('default filters: %s', async (_, DEFAULT_FILTERS, message) => {
    const ended = await runCli(['prune', '--mode', 'offline'], { ...services.env, DEFAULT_FILTERS });
    expect(ended).toEqual({ code: EXIT.usage, stdout: '', stderr: expect.stringMatching(message) });
    await unchanged();
  });
});

describe('something that is not there', () => {
  it.each([['prune', '--mode', 'offline'], ['prune', '--dry-run'], ['reindex']])(
    'the bucket: %s %s',
    async (...args) => {
      const ended = await runCli(args, { ...services.env, REGISTRY_BUCKET: 'nowhere' });
      const stderr = oneLine(
        'The bucket "nowhere" does not exist: check REGISTRY_BUCKET, and by AWS_PROFILE the account',
      );
      expect(ended).toEqual({ code: EXIT.error, stdout: '', stderr });
      await unchanged();
    },
  );

  it.each([['prune', '--mode', 'offline'], ['prune', '--dry-run'], ['reindex']])(
    'the table: %s %s',
    async (...args) => {
      const ended = await runCli(args, { ...services.env, METADATA_TABLE: 'nowhere' });
      const stderr = expect.stringMatching(
        /^registry-prune: The metadata table "nowhere" does not exist.+`registry-prune init`.*\n$/,
      );
      expect(ended).toEqual({ code: EXIT.error, stdout: '', stderr });
      await unchanged();
    },
  );
});

describe('a prune beside another one', () => {
  let lock: PruneLock;
  let held: Moment;
  const deadline = Date.now() + 600_000;

  beforeAll(async () => {
    const table = new DynamoDbTable({ client: dynamoDbClient(), tableName: TABLE });
    const request = { owner: 'somebody@elsewhere pid 1', runId: '01OTHER', deadline };
    lock = await PruneLock.take(table, Date.now, request);
    held = await services.moment();
  });

  afterAll(async () => {
    await lock.release();
    before = await services.moment();
  });

  it('ends with 3 and names the holder and the end of its lease', async () => {
    const ended = await spawnCli(['prune', '--mode', 'offline', '--json'], services.env);
    const end = new Date(deadline + SKEW).toISOString();
    const message = `a prune operation is already running: run 01OTHER by somebody@elsewhere pid 1, its lease ends at ${end}`;
    expect(ended).toEqual({ code: EXIT.alreadyRunning, stdout: '', stderr: oneLine(message) });
    expect(await services.moment()).toEqual(held);
    expect(services.published).toEqual([]);
  });

  it('may foretell, which needs no lock', async () => {
    const { code } = await runCli(['prune', '--dry-run'], services.env);
    expect(code).toBe(EXIT.done);
    expect(await services.moment()).toEqual(held);
  });
});

describe('a request that cannot be understood', () => {
  it.each([
    [
      { filter: {} },
      'unknown field "filter": allowed are filters, all, repositories, mode, dryRun, trigger, confirm',
    ],
    [{ dryRun: 'true' }, 'dryRun is "true": allowed are true and false'],
    [{ mode: 'fast' }, 'mode is "fast": allowed are online, offline'],
    [{ repositories: [] }, 'repositories is []: allowed is a list of 1 to 100 globs such as "team/*"'],
    [[], 'the request is []; it must be a JSON object, {} for the defaults'],
  ])('%j', (payload, message) => {
    expect(() => parsePruneRequest(payload, new Date())).toThrow(
      expect.objectContaining({ name: 'InvalidRequestError', message }),
    );
  });
});
