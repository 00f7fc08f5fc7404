/** Recordings of what an operator decides with. `vitest -u` records anew what is in recordings/. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { dynamoDbClient } from '../../lambdas/store/aws-clients.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { lockKey } from '../../lambdas/store/items.ts';
import { PruneLock, SKEW, UNLOCK_REST } from '../../lambdas/store/lock.ts';
import { image, layer } from '../../local/demo-images.ts';
import { openTerminal, recorded, type TerminalSession } from '../support/terminal.ts';
import { adopt, type Moment, pushTwo, runCli, type Services, startServices, TABLE } from './support.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const ASKED = 'Continue? [y/N]';
const RUN = '01KAV3M2Q8Z5N6W4R7T9Y1B3CD';

let services: Services;
let folder: string;

beforeEach(async () => {
  services = await startServices();
  folder = await mkdtemp(join(tmpdir(), 'plans-'));
  adopt(services.env);
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  await runCli(['reindex'], services.env);
});

afterEach(async () => {
  await services.stop();
  await rm(folder, { recursive: true });
});

const open = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  openTerminal(args, { env: { ...services.env, NO_COLOR: '1', ...env }, cwd: folder });
const table = () => new DynamoDbTable({ client: dynamoDbClient(), tableName: TABLE });
const dataOf = ({ objects }: Moment) =>
  new Set([...objects.keys()].filter((key) => key.endsWith('/data') && key.includes('/blobs/')));
const registryOf = ({ objects }: Moment) =>
  [...objects.keys()].filter((key) => key.startsWith('docker/')).sort();

async function expectRecording(terminal: TerminalSession, name: string): Promise<void> {
  await expect(recorded(terminal.screen())).toMatchFileSnapshot(
    join(import.meta.dirname, 'recordings', `${name}.txt`),
  );
}

async function plan(...args: readonly string[]): Promise<void> {
  const terminal = open(['plan', '--mode', 'offline', '-o', 'plan.json', ...args]);
  expect(await terminal.ended()).toBe(EXIT.done);
}

/** The lock as another run holds it. @param ago milliseconds since it took it. */
async function heldBy(owner: string, ago: number, lifetime = 900_000): Promise<void> {
  const then = () => Date.now() - ago;
  await PruneLock.take(table(), then, { owner, runId: RUN, deadline: then() + lifetime });
}

describe('a plan', () => {
  it('is made, shown and written', async () => {
    const before = await services.moment();
    const terminal = open(['plan', '--mode', 'offline', '-o', 'plan.json']);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'plan');
    expect(await services.moment()).toEqual(before);
    expect(services.published).toEqual([]);
    const written = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8'));
    expect(written).toMatchObject({ kind: 'registry-prune/plan', totals: { manifests: 1 } });
  });

  it('is applied when the answer is yes, and takes what it names', async () => {
    await plan();
    const { blobs, totals } = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8'));
    const before = dataOf(await services.moment());
    const terminal = open(['apply', 'plan.json']);
    await terminal.shows(ASKED);
    terminal.type('y');
    terminal.press('enter');
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'apply');
    const gone = before.difference(dataOf(await services.moment()));
    expect(gone.size).toBe(blobs.length);
    for (const { digest } of blobs)
      expect([...gone].some((key) => key.includes(digest.slice('sha256:'.length)))).toBe(true);
    expect(totals.blobs).toBe(blobs.length);
  });

  it('is not applied when the answer is no', async () => {
    await plan();
    const before = await services.moment();
    const terminal = open(['apply', 'plan.json']);
    await terminal.shows(ASKED);
    terminal.press('enter');
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'apply-no');
    expect(await services.moment()).toEqual(before);
  });

  it('drops what was pushed again since', async () => {
    await plan();
    const base = layer('base', 2000);
    await services.registry.push('team/app', image([base, layer('old', 3000)]), 'v0');
    await runCli(['reindex'], services.env);
    const before = registryOf(await services.moment());
    const terminal = open(['apply', 'plan.json', '--yes']);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'apply-dropped');
    expect(registryOf(await services.moment())).toEqual(before);
  });

  it.each([
    ['apply-edited', (text: string) => text.replace('"untagged"', '"because"')],
    ['apply-foreign', (text: string) => text, { REGISTRY_ROOT: 'elsewhere' }],
    ['apply-no-plan', () => '{"kind":"shopping list"}'],
    ['apply-no-json', () => 'not JSON'],
  ] as const)('is refused: %s', async (name, change, env: Record<string, string> = {}) => {
    await plan();
    const path = join(folder, 'plan.json');
    await writeFile(path, change(await readFile(path, 'utf8')));
    const before = await services.moment();
    const terminal = open(['apply', 'plan.json', '--yes'], env);
    expect(await terminal.ended()).toBe(EXIT.refused);
    await expectRecording(terminal, name);
    expect(await services.moment()).toEqual(before);
  });

  it('is refused beside another prune', async () => {
    await plan();
    await heldBy('somebody@elsewhere pid 1', 0);
    const before = await services.moment();
    const terminal = open(['apply', 'plan.json', '--yes']);
    expect(await terminal.ended()).toBe(EXIT.alreadyRunning);
    await expectRecording(terminal, 'apply-already-running');
    expect(await services.moment()).toEqual(before);
  });

  it('is not made before the first reindex', async () => {
    await table().remove({ pk: 'INDEX', sk: 'reindex' });
    const terminal = open(['plan', '-o', 'plan.json']);
    expect(await terminal.ended()).toBe(EXIT.refused);
    await expectRecording(terminal, 'plan-refused');
    await expect(readFile(join(folder, 'plan.json'))).rejects.toThrow(/ENOENT/);
  });
});

describe('the brake', () => {
  it('refuses with the figure, and lets pass what is confirmed', async () => {
    for (let at = 0; at < 30; at++)
      await services.registry.push('team/many', image([layer(`l${at}`, 100)]), 'v1');
    await runCli(['reindex'], services.env);
    const before = registryOf(await services.moment());
    const refused = open(['prune', '--mode', 'offline', '--yes']);
    expect(await refused.ended()).toBe(EXIT.refused);
    await expectRecording(refused, 'prune-braked');
    expect(registryOf(await services.moment())).toEqual(before);
    const confirmed = open(['prune', '--mode', 'offline', '--yes', '--confirm', '97%']);
    expect(await confirmed.ended()).toBe(EXIT.done);
    await expectRecording(confirmed, 'prune-confirmed');
  });
});

describe('why', () => {
  it('tells of a tag', async () => {
    const terminal = open(['why', 'team/app:v1']);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'why-tag');
  });

  it('tells of what is gone, from the journal', async () => {
    await plan();
    const { manifests } = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8'));
    await runCli(['prune', '--mode', 'offline'], services.env);
    const terminal = open(['why', `team/app@${manifests[0].digest}`]);
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'why-deleted');
  });

  it.each(['nothing', 'team/app@sha256:12', 'Team:v1'])('does not know what %s could be', async (what) => {
    const { code, stderr } = await runCli(['why', what], services.env);
    expect(code).toBe(EXIT.usage);
    expect(stderr).toMatch(
      /^registry-prune: ".*" names nothing: allowed are <repository>@<digest>, <repository>:<tag> and <digest>/,
    );
  });
});

describe('the lock', () => {
  it('is watched', async () => {
    await heldBy('somebody@elsewhere pid 1', 0);
    const terminal = open(['watch']);
    await terminal.shows(RUN);
    await table().update(lockKey, { set: { expiresAt: 0 } });
    // What is no prune has no item to tell of.
    expect(await terminal.ended()).toBe(EXIT.done);
    expect(terminal.screen()).toContain('It has ended.');
    const idle = open(['watch']);
    expect(await idle.ended()).toBe(EXIT.done);
    await expectRecording(idle, 'watch-idle');
  });

  it('stays with a run that was at work a moment ago', async () => {
    await heldBy('somebody@elsewhere pid 1', 5_000);
    const terminal = open(['unlock', '--force', '--yes']);
    expect(await terminal.ended()).toBe(EXIT.refused);
    await expectRecording(terminal, 'unlock-at-work');
    expect(await table().get(lockKey)).toMatchObject({ runId: RUN, fence: 1 });
  });

  it('stays with a process that lives', async () => {
    const { hostname } = await import('node:os');
    await heldBy(`somebody@${hostname()} pid ${process.pid}`, 600_000);
    const { code, stderr } = await runCli(['unlock', '--force', '--run', RUN], services.env);
    expect(code).toBe(EXIT.refused);
    expect(stderr).toContain(`process ${process.pid} is alive on this machine`);
  });

  it('stays without --force, and where another run is meant', async () => {
    await heldBy('somebody@elsewhere pid 1', 600_000);
    const unforced = await runCli(['unlock'], services.env);
    expect(unforced).toMatchObject({ code: EXIT.refused, stdout: '' });
    expect(unforced.stderr).toContain('if its process is certainly over: unlock --force');
    const other = await runCli(['unlock', '--force', '--run', 'other'], services.env);
    expect(other).toMatchObject({ code: EXIT.refused, stdout: '' });
    const unnamed = await runCli(['unlock', '--force'], services.env);
    expect(unnamed).toMatchObject({ code: EXIT.usage, stdout: '' });
    expect(await table().get(lockKey)).toMatchObject({ runId: RUN, fence: 1 });
  });

  it('is taken from a run that was killed elsewhere, and free when nothing of it can arrive any more', async () => {
    await heldBy('somebody@elsewhere pid 1', 600_000);
    const terminal = open(['unlock', '--force']);
    await terminal.shows('[y/N]');
    terminal.type('y');
    terminal.press('enter');
    expect(await terminal.ended()).toBe(EXIT.done);
    await expectRecording(terminal, 'unlock');
    const lock = await table().get(lockKey);
    expect(lock).toMatchObject({ fence: 2 });
    expect(Number(lock?.['expiresAt'])).toBeLessThanOrEqual(Date.now() + SKEW + UNLOCK_REST);
    const soon = await runCli(['prune', '--mode', 'offline'], services.env);
    expect(soon.code).toBe(EXIT.alreadyRunning);
  });

  it('needs no question once the deadline has passed', async () => {
    await heldBy('somebody@elsewhere pid 1', 1_000, -SKEW / 2);
    const { code, stdout } = await runCli(['unlock', '--force', '--run', RUN, '--json'], services.env);
    expect(code).toBe(EXIT.done);
    expect(JSON.parse(stdout)).toMatchObject({ unlocked: true });
    const none = await runCli(['unlock', '--json'], { ...services.env });
    expect(none.code).toBe(EXIT.refused);
  });
});
