import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { STANDARD } from '../../lambdas/configuration.ts';
import { s3Client } from '../../lambdas/store/aws-clients.ts';
import { S3Bucket } from '../../lambdas/store/s3-bucket.ts';
import { writeInventory } from '../support/inventories.ts';
import {
  adopt,
  BUCKET,
  type Moment,
  pushTwo,
  runCli,
  type Services,
  spawnCli,
  startServices,
} from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

/** Of docs/interfaces; `journal` where there is one. */
const REPORT_FIELDS = [
  ...['runId', 'status', 'dryRun', 'mode', 'trigger', 'imagesDeleted', 'spaceReclaimed'],
  ...['manifests', 'blobs', 'links', 'uploads', 'refusals', 'startedAt', 'durationMs'],
];
const COUNTS = {
  manifests: ['examined', 'deleted', 'kept', 'skipped'],
  blobs: ['examined', 'condemned', 'condemnedBytes', 'deleted', 'rescued', 'failed'],
  links: ['deleted'],
  uploads: ['deleted', 'bytes'],
};

let services: Services;

beforeEach(async () => {
  services = await startServices();
  adopt(services.env);
  await pushTwo(services.registry);
});

afterEach(() => services.stop());

const cli = (...args: string[]) => runCli(args, services.env);

async function ready(): Promise<void> {
  expect((await cli('init')).code).toBe(EXIT.done);
  expect((await cli('reindex')).code).toBe(EXIT.done);
}

/** What stdout holds if it is one line of JSON. */
function json(stdout: string): Record<string, unknown> {
  expect(stdout.endsWith('\n')).toBe(true);
  expect(stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(stdout);
}

function dataIn({ objects }: Moment): Set<string> {
  return new Set([...objects.keys()].filter((key) => key.endsWith('/data')));
}

describe('init', () => {
  it('creates the table, and finds it as it should be the second time', async () => {
    const first = await cli('init');
    expect(first).toMatchObject({ code: EXIT.done, stderr: '' });
    expect(first.stdout).toContain('Table metadata created.\n');
    const between = await services.moment();
    const second = await cli('init');
    expect(second).toMatchObject({ code: EXIT.done, stderr: '' });
    expect(second.stdout).toContain('Table metadata is there and as it should be.\n');
    expect(await services.moment()).toEqual(between);
  });

  it('says the same as JSON', async () => {
    const answers = [json((await cli('init', '--json')).stdout), json((await cli('init', '--json')).stdout)];
    expect(answers.map(({ table, created }) => ({ table, created }))).toEqual([
      { table: 'metadata', created: true },
      { table: 'metadata', created: false },
    ]);
  });
});

describe('reindex', () => {
  it('changes nothing in the bucket, and nothing in the table the second time', async () => {
    await cli('init');
    const { objects } = await services.moment();
    const first = json((await cli('reindex', '--json')).stdout);
    expect(first).toMatchObject({ added: { manifests: 2, tags: 1 }, removed: { manifests: 0 }, lost: [] });
    const second = json((await cli('reindex', '--json')).stdout);
    expect(second['added']).toEqual({
      ...{ repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 },
    });
    expect((await services.moment()).objects).toEqual(objects);
  });

  it.each(['CSV', 'Parquet'] as const)('says the same from an inventory of %s', async (format) => {
    await cli('init');
    const objects = new S3Bucket({ client: s3Client(), bucket: BUCKET });
    const prefix = 'elsewhere/inventory';
    await writeInventory(objects, (await objects.list('')).objects, {
      ...{ format, createdAt: new Date(), files: 2, prefix },
    });
    const before = (await services.moment()).objects;
    const place = `s3://${BUCKET}/${prefix}/2026-03-01T00-00Z/manifest.json`;
    const { durationMs: _, ...first } = json((await cli('reindex', '--inventory', place, '--json')).stdout);
    expect((await services.moment()).objects).toEqual(before);
    const { durationMs: __, ...second } = json((await cli('reindex', '--json')).stdout);
    expect(first).toMatchObject({ added: { manifests: 2, tags: 1 } });
    expect(second).toEqual({ ...first, added: second['added'] });
    expect(second['added']).toMatchObject({ manifests: 0, links: 0, blobs: 0 });
  });

  it('refuses what is no inventory', async () => {
    await cli('init');
    expect(await cli('reindex', '--inventory', 'manifest.json')).toMatchObject({
      ...{ code: EXIT.usage, stdout: '' },
      stderr: expect.stringContaining(
        '"manifest.json" is no place of an inventory: allowed is one such as s3:',
      ),
    });
  });
});

/** A run writes one at its start, whatever comes of it. */
function withoutHeartbeats({ objects }: Moment): Map<string, string> {
  return new Map([...objects].filter(([key]) => !key.startsWith(STANDARD.HEARTBEAT_PREFIX)));
}

describe('prune', () => {
  it('is refused before the first reindex, and says what to do', async () => {
    await cli('init');
    const { objects } = await services.moment();
    const ended = await cli('prune');
    expect(ended).toMatchObject({ code: EXIT.refused, stderr: '' });
    expect(ended.stdout).toContain(
      'stale-index: the metadata has never been built: run `registry-prune reindex`\n',
    );
    expect(withoutHeartbeats(await services.moment())).toEqual(objects);
    expect(services.published).toHaveLength(1);
  });

  it('is refused when the metadata is older than allowed', async () => {
    await ready();
    const { objects } = await services.moment();
    const { code, stdout } = await runCli(['prune'], { ...services.env, MAX_INDEX_LAG: '0s' });
    expect(code).toBe(EXIT.refused);
    expect(stdout).toMatch(
      /stale-index: the metadata was last in line with the bucket \d+ s ago; allowed are 0 s/,
    );
    expect(withoutHeartbeats(await services.moment())).toEqual(objects);
  });

  it('foretells in words and changes nothing', async () => {
    await ready();
    const before = await services.moment();
    const { code, stdout, stderr } = await cli('prune', '--mode', 'offline', '--dry-run');
    expect({ code, stderr }).toEqual({ code: EXIT.done, stderr: '' });
    expect(stdout).toMatch(/^deleted: sha256:[0-9a-f]{64}$/m);
    expect(stdout).toMatch(/│ manifests +│ 2 +│ 1 +│ 1 kept, 0 skipped │/);
    expect(stdout).toContain('would be deleted');
    expect(stdout).toMatch(/^Reclaimable space: .+ \(\d+ bytes\)$/m);
    expect(stdout).toMatch(/^Dry run \w+ completed in \d+\.\d s$/m);
    expect(stdout).not.toContain('Journal');
    expect(stdout).not.toContain('\u001b');
    expect(await services.moment()).toEqual(before);
    expect(services.published).toEqual([]);
  });

  it('prints the report as one line of JSON, the same but for the journal in a dry run', async () => {
    await ready();
    const before = await services.moment();
    const dryRun = json((await cli('prune', '--mode', 'offline', '--dry-run', '--json')).stdout);
    const ended = await spawnCli(['prune', '--mode', 'offline', '--json'], services.env);
    expect(ended).toMatchObject({ code: EXIT.done, stderr: '' });
    const report = json(ended.stdout);
    expect(new Set(Object.keys(dryRun))).toEqual(new Set(REPORT_FIELDS));
    expect(new Set(Object.keys(report))).toEqual(new Set([...REPORT_FIELDS, 'journal']));
    for (const [name, fields] of Object.entries(COUNTS)) {
      expect(new Set(Object.keys(Object(report[name])))).toEqual(new Set(fields));
      expect(report[name]).toEqual(dryRun[name]);
    }
    expect(report).toMatchObject({ status: 'completed', dryRun: false, mode: 'offline', trigger: 'cli' });
    expect(report['spaceReclaimed']).toBe(dryRun['spaceReclaimed']);
    expect(report['imagesDeleted']).toEqual(
      expect.arrayContaining(Array.from(Object(dryRun['imagesDeleted']))),
    );

    const after = await services.moment();
    expect(dataIn(before).difference(dataIn(after)).size).toBe(Object(report['blobs']).deleted);
    const [event] = services.published;
    expect(services.published).toHaveLength(1);
    expect(event).toMatchObject({ Source: 'registry-prune', DetailType: 'Registry Prune' });
    expect(JSON.parse(String(event?.['Detail']))).toMatchObject({
      runId: report['runId'],
      reclaimedBytes: report['spaceReclaimed'],
      journal: report['journal'],
    });
  });

  it('condemns and deletes no data online where nothing could be brought back', async () => {
    const env = { ...services.env, GRACE: '0s', QUARANTINE: '0s' };
    await cli('init');
    await runCli(['reindex'], env);
    const before = await services.moment();
    const { code, stdout } = await runCli(['prune'], env);
    expect(code).toBe(EXIT.done);
    expect(stdout).toContain('unversioned-bucket: the bucket is not versioned');
    expect(stdout).toMatch(/3 condemned/);
    expect(dataIn(await services.moment())).toEqual(dataIn(before));
  });

  it('ends with 5 when its event could not be published', async () => {
    await ready();
    // A port that nobody listens on.
    process.env['AWS_ENDPOINT_URL_EVENTBRIDGE'] = 'http://127.0.0.1:9';
    const { code, stdout } = await cli('prune', '--json');
    expect(code).toBe(EXIT.partial);
    const report = json(stdout);
    expect(report['status']).toBe('partial');
    expect(report['refusals']).toContainEqual(
      expect.objectContaining({
        code: 'event-not-published',
        message: expect.stringContaining('ECONNREFUSED'),
      }),
    );
  });

  it.each(['n', '', 'nonsense'])('deletes nothing when the answer is "%s"', async (answer) => {
    const before = await services.moment();
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    stdin.end(`${answer}\n`);
    const ended = await runCli(['prune', '--all', '--repository', 'team/*'], services.env, stdin);
    expect(ended).toMatchObject({ code: EXIT.done, stdout: '' });
    expect(ended.stderr).toContain(
      'WARNING! This will delete all manifests, tagged or not, that match {"dangling":["false"]} in team/*',
    );
    expect(ended.stderr).toContain('Nothing was deleted.\n');
    expect(await services.moment()).toEqual(before);
  });
});
