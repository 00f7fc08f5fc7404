import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { historyText, restoreText, runsText, runText } from '../../cli/undo-output.ts';
import { historyOf } from '../../lambdas/restore/history.ts';
import { readRun } from '../../lambdas/store/runs.ts';
import { image } from '../support/images.ts';
import { JOURNAL, World } from '../support/world.ts';
import { adopt, pushTwo, runCli, type Services, startServices } from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let services: Services;
/** Two runs: one that deleted, and one after it that found nothing. */
let runs: string[];

/** The bucket of these services keeps no versions; test/e2e undoes runs from the command line. */
beforeAll(async () => {
  services = await startServices();
  adopt(services.env);
  await pushTwo(services.registry);
  await cli('init');
  await cli('reindex');
  runs = [];
  for (let run = 0; run < 2; run++) {
    const { stdout } = await cli('prune', '--mode', 'offline', '--json');
    runs.push(JSON.parse(stdout).runId);
  }
});

afterAll(() => services?.stop());

const cli = (...args: string[]) => runCli(args, services.env);

describe('runs', () => {
  it('lists the newest first', async () => {
    const { code, stdout, stderr } = await cli('runs', '--json');
    expect({ code, stderr }).toEqual({ code: EXIT.done, stderr: '' });
    const listed = JSON.parse(stdout);
    expect(listed.map(({ runId }: { runId: string }) => runId)).toEqual(runs.toReversed());
    expect(listed[1]).toMatchObject({
      status: 'completed',
      mode: 'offline',
      trigger: 'cli',
      recoverable: false,
    });
    expect(JSON.parse((await cli('runs', 'list', '--limit', '1', '--json')).stdout)).toEqual([listed[0]]);
    const text = (await cli('runs')).stdout;
    for (const run of runs) expect(text).toContain(run);
    expect(text).toContain('not possible');
  });

  it('shows one', async () => {
    const [run = ''] = runs;
    const { code, stdout } = await cli('runs', 'show', run);
    expect(code).toBe(EXIT.done);
    expect(stdout).toMatch(new RegExp(`^run +${run}\n`));
    expect(stdout).toMatch(/^manifests +\d+ \w+, /m);
    expect(stdout).toMatch(/^journal +s3:\/\//m);
    expect(JSON.parse((await cli('runs', 'show', run, '--json')).stdout)).toMatchObject({ runId: run });
  });

  it.each(['0', '-1', '1.5', 'many', '', '5001'])('refuses the limit %j', async (limit) => {
    const ended = await cli('runs', `--limit=${limit}`);
    expect(ended).toMatchObject({ code: EXIT.usage, stdout: '' });
    expect(ended.stderr).toBe(`registry-prune: --limit is "${limit}": allowed are 1 to 5000\n`);
  });

  it('knows no other run', async () => {
    const ended = await cli('runs', 'show', 'other');
    expect(ended).toMatchObject({ code: EXIT.error, stdout: '' });
    expect(ended.stderr).toMatch(/^registry-prune: no run "other" is known: [^\n]+\n$/);
  });

  it('needs to know which', async () => {
    expect(await cli('runs', 'show')).toMatchObject({ code: EXIT.usage, stdout: '' });
  });
});

describe('restore', () => {
  it.each([[], ['--dry-run'], ['--json', '--yes']])(
    'is refused where nothing can come back %j',
    async (...options) => {
      const before = await services.moment();
      const [run = ''] = runs;
      const ended = await cli('restore', run, ...options);
      expect(ended).toMatchObject({ code: EXIT.refused, stdout: '' });
      expect(ended.stderr).toMatch(
        /^registry-prune: run \w+ cannot be undone: the bucket was not versioned [^\n]+\n$/,
      );
      expect(await services.moment()).toEqual(before);
    },
  );

  it('knows no other run', async () => {
    const ended = await cli('restore', 'other', '--yes');
    expect(ended).toMatchObject({ code: EXIT.error, stdout: '' });
    expect(ended.stderr).toContain('no run "other" is known');
  });

  it('needs to know which', async () => {
    expect(await cli('restore')).toMatchObject({ code: EXIT.usage, stdout: '' });
  });

  it('asks on a terminal', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    stdin.end('n\n');
    const ended = await runCli(['restore', 'any'], services.env, stdin);
    expect(ended).toMatchObject({ code: EXIT.done, stdout: '' });
    expect(ended.stderr).toContain('This will bring back what run any deleted from bucket registry');
    expect(ended.stderr).toContain('Nothing was restored.\n');
  });
});

describe('history', () => {
  it('tells when and why a manifest went', async () => {
    const listed = JSON.parse((await cli('runs', '--json')).stdout);
    expect(listed[1].manifests.deleted).toBe(1);
    const deleted = [...(await services.moment()).items.values()].find(
      (item) =>
        Reflect.get(item, 'state') === 'deleted' && String(Reflect.get(item, 'sk')).startsWith('MANIFEST#'),
    );
    const digest = String(Reflect.get(Object(deleted), 'sk')).slice('MANIFEST#'.length);
    const { code, stdout } = await cli('history', digest);
    expect(code).toBe(EXIT.done);
    expect(stdout).toContain(runs[0]);
    expect(stdout).toContain('delete-manifest');
    expect(stdout).toContain('Now: the manifest is deleted in team/app\n');
    const { lines, now } = JSON.parse((await cli('history', digest, '--json')).stdout);
    expect(lines.map(({ action }: { action: string }) => action)).toEqual(['delete-manifest', 'delete-blob']);
    expect(now).toMatchObject({ blob: 'deleted', manifests: [{ repository: 'team/app', state: 'deleted' }] });
  });

  it('says that nothing is known', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    expect((await cli('history', digest)).stdout).toBe(
      `No journal tells of ${digest}.\nNow: the blob is unknown\n`,
    );
  });

  it.each(['latest', 'sha256:abc', `sha256:${'A'.repeat(64)}`, 'team/app:v1'])(
    'takes no %s',
    async (value) => {
      const ended = await cli('history', value);
      expect(ended).toMatchObject({ code: EXIT.usage, stdout: '' });
      expect(ended.stderr).toContain(`"${value}" is no digest: allowed is one such as sha256:`);
    },
  );
});

describe('what a person reads', () => {
  it('of an undo, of the run after it, and of what came back', async () => {
    const world = new World();
    const [one, two] = [image('one'), image('two')];
    await world.registry.push('app', one, 'v1');
    await world.registry.push('app', two, 'v2');
    const { runId } = await world.reindexAndPrune({ mode: 'offline', filters: { dangling: ['false'] } });
    const before = await readRun(world.table, runId);
    if (before === undefined) throw new Error('the run has no item');
    expect(runsText([before])).toContain(`until ${before.recoverableUntil}`);
    await world.registry.push('app', two, 'v1');

    const planned = restoreText(await world.restore(runId, { dryRun: true }));
    expect(planned).toContain('would come back');
    expect(planned).toMatch(/^Dry run of the undo of run \S+: restored in 0\.0 s$/m);
    const text = restoreText(await world.restore(runId));
    expect(text).toMatch(/│ manifests +│ 2 +│ 0 +│ 0 +│/);
    expect(text).toMatch(/│ tags +│ 1 +│ 0 +│ 1 +│/);
    expect(text).toContain(`newer-tag: app:v1: a newer tag stands: it names ${two.digest}\n`);
    expect(text).not.toContain('\u001b');

    const after = await readRun(world.table, runId);
    expect(after && runText(after)).toContain(`undone ${after?.restoredAt}`);
    expect(runsText([])).toBe('No run is known.\n');
    await world.reindex();
    const stores = { objects: world.bucket, metadata: world.metadata };
    const history = historyText(await historyOf(stores, JOURNAL, one.digest));
    expect(history).toContain('Now: the manifest is live in app\n');
    expect(history).toContain(`Now: app:v1 names ${two.digest}\n`);
  });
});
