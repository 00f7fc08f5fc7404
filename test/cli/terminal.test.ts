/** Recordings: what a person sees on the terminal. `vitest -u` records anew what is in recordings/. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { dynamoDbClient } from '../../lambdas/store/aws-clients.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { PruneLock } from '../../lambdas/store/lock.ts';
import { holdRequests } from '../support/held-requests.ts';
import { openTerminal, recorded, type TerminalSession } from '../support/terminal.ts';
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

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const OFFLINE = ['prune', '--mode', 'offline'];
const ASKED = 'Continue? [y/N]';

const dataOf = ({ objects }: Moment) => [...objects.keys()].filter((key) => key.endsWith('/data'));

async function expectRecording(terminal: TerminalSession, name: string, styles = false): Promise<void> {
  await expect(recorded(terminal.screen({ styles }))).toMatchFileSnapshot(
    join(import.meta.dirname, 'recordings', `${name}.txt`),
  );
}

describe('help', () => {
  it.each([
    ['help', ['--help']],
    ['help-prune', ['prune', '--help']],
  ])('%s', async (name, args) => {
    const terminal = openTerminal(args);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, name);
  });
});

describe('a registry with garbage', () => {
  let services: Services;

  beforeEach(async () => {
    services = await startServices();
    adopt(services.env);
    await pushTwo(services.registry);
    await runCli(['init'], services.env);
  });

  afterEach(() => services.stop());

  const open = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    openTerminal(args, { env: { ...services.env, NO_COLOR: '1', ...env } });
  const reindex = () => runCli(['reindex'], services.env);

  it('is reindexed', async () => {
    const terminal = open(['reindex']);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'reindex');
  });

  it('is pruned when the answer is yes', async () => {
    await reindex();
    const before = await services.moment();
    const terminal = open(OFFLINE);
    await terminal.shows(ASKED);
    terminal.type('y');
    terminal.press('enter');
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'prune-yes');
    expect(dataOf(await services.moment()).length).toBeLessThan(dataOf(before).length);
  });

  it.each([
    ['prune-no', 'n', 'enter'],
    ['prune-ctrl-c-at-the-question', '', 'ctrl-c'],
    ['prune-ctrl-d-at-the-question', '', 'ctrl-d'],
  ] as const)('is left as it is: %s', async (name, answer, key) => {
    await reindex();
    const before = await services.moment();
    const terminal = open(OFFLINE);
    await terminal.shows(ASKED);
    terminal.type(answer);
    terminal.press(key);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, name);
    expect(await services.moment()).toEqual(before);
  });

  it('is not pruned before the first reindex', async () => {
    const before = await services.moment();
    const terminal = open(['prune', '--yes']);
    expect(await terminal.ended()).toBe(EXIT.refused);
    await expectRecording(terminal, 'prune-refused');
    expect(dataOf(await services.moment())).toEqual(dataOf(before));
  });

  it('is not pruned beside another prune', async () => {
    await reindex();
    const table = new DynamoDbTable({ client: dynamoDbClient(), tableName: TABLE });
    const request = { owner: 'somebody@elsewhere pid 1', runId: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD' };
    await PruneLock.take(table, Date.now, { ...request, deadline: Date.now() + 600_000 });
    const before = await services.moment();
    const terminal = open([...OFFLINE, '--yes']);
    expect(await terminal.ended()).toBe(EXIT.alreadyRunning);
    await expectRecording(terminal, 'prune-already-running');
    expect(await services.moment()).toEqual(before);
  });

  it('keeps the rest when Ctrl-C ends a prune, for the next one', async () => {
    await reindex();
    const s3 = services.env['AWS_ENDPOINT_URL_S3'] ?? '';
    const slow = await holdRequests(s3, isDeletion);
    const terminal = open([...OFFLINE, '--yes'], { AWS_ENDPOINT_URL_S3: slow.endpoint });
    await slow.held;
    expect(await lockOf(services)).toMatchObject({
      expiresAt: expect.toSatisfy((time) => time > Date.now()),
    });
    terminal.press('ctrl-c');
    await terminal.shows('Ending after the batch under way');
    slow.release();
    expect(await terminal.ended()).toBe(EXIT.partial);
    await expectRecording(terminal, 'prune-interrupted');
    expect(await lockOf(services)).toMatchObject({ expiresAt: 0 });

    const next = open([...OFFLINE, '--yes']);
    expect(await next.ended()).toBe(EXIT.done);
    await expectRecording(next, 'prune-after-an-interrupted-one');
  });
});

describe('colours', () => {
  let services: Services;

  beforeAll(async () => {
    services = await startServices();
    adopt(services.env);
    await pushTwo(services.registry);
    await runCli(['init'], services.env);
  });

  afterAll(() => services.stop());

  const REFUSED = ['prune', '--yes'];
  const open = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    openTerminal(args, { env: { ...services.env, ...env } });

  it('mark what was refused, and the total', async () => {
    const terminal = open([...REFUSED], {});
    expect(await terminal.ended()).toBe(EXIT.refused);
    await expectRecording(terminal, 'prune-refused-in-colours', true);
  });

  it('mark an error', async () => {
    const terminal = open(['prun'], {});
    expect(await terminal.ended()).toBe(EXIT.usage);
    expect(terminal.screen({ styles: true })).toBe(
      "‹red›registry-prune:‹/› unknown command 'prun'; did you mean prune?\n",
    );
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('are left out with %j', async (env) => {
    const terminal = open([...REFUSED], env);
    expect(await terminal.ended()).toBe(EXIT.refused);
    // Only what takes a line of progress back.
    expect(terminal.raw.replaceAll('\r\u001b[K', '')).not.toContain('\u001b');
  });

  it('are there without a terminal when they are asked for', async () => {
    const asked = await spawnCli(['prun'], { ...services.env, FORCE_COLOR: '1' });
    expect(asked.stderr).toContain('\u001b[31mregistry-prune:\u001b[39m unknown');
    const { stdout, stderr } = await spawnCli(REFUSED, services.env);
    expect(stdout + stderr).not.toContain('\u001b');
  });
});

describe('progress', () => {
  it('is shown while a prune is under way, and gone afterwards', async () => {
    const services = await startServices();
    onTestFinished(() => services.stop());
    adopt(services.env);
    await pushTwo(services.registry);
    await runCli(['init'], services.env);
    await runCli(['reindex'], services.env);
    const s3 = services.env['AWS_ENDPOINT_URL_S3'] ?? '';
    // The second batch: after it has been told of the first.
    let batches = 0;
    const slow = await holdRequests(s3, (request) => isDeletion(request) && ++batches === 2);
    const terminal = openTerminal([...OFFLINE, '--yes'], {
      env: { ...services.env, AWS_ENDPOINT_URL_S3: slow.endpoint },
      columns: 100,
    });
    await slow.held;
    await terminal.shows(
      /^prune {2}\d+( of \d+ \(\d+ %\))?( {2}[\d.]+\/\w+)?( {2}about \d+ \w+ left)? {2}0 B reclaimed$/m,
    );
    slow.release();
    expect(await terminal.ended()).toBe(EXIT.done);
    expect(terminal.screen()).not.toMatch(/^prune {2}/m);
  });
});

const isDeletion = ({ method, url }: { readonly method: string; readonly url: string }) =>
  method === 'POST' && /[?&]delete\b/.test(url);

const lockOf = async (services: Services) => (await services.moment()).items.get('LOCK prune');
