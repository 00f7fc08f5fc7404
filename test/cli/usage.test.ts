import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import type { UsageReport } from '../../cli/usage/report.ts';
import { image, layer } from '../../local/demo-images.ts';
import { adopt, pushTwo, runCli, type Services, startServices, TABLE } from './support.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let services: Services;
let directory: string;

beforeAll(async () => {
  services = await startServices();
  adopt(services.env);
  directory = mkdtempSync(join(tmpdir(), 'usage-'));
  await pushTwo(services.registry);
  await services.registry.push('other', image([layer('base', 2000), layer('else', 500)]), 'v1');
  for (const command of ['init', 'reindex']) await runCli([command], services.env);
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await services.stop();
});

const cli = (...args: string[]) => runCli(['usage', ...args], services.env);

async function json(...args: string[]): Promise<UsageReport> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect([code, stderr]).toEqual([EXIT.done, '']);
  expect(stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(stdout);
}

describe('usage', () => {
  it('prints a table, the most unique bytes first, and the totals', async () => {
    const { code, stdout, stderr } = await cli();
    expect([code, stderr]).toEqual([EXIT.done, '']);
    const { rows, total } = await json();
    expect(rows.map(({ repository }) => repository)).toEqual(['team/app', 'other']);
    expect(stdout.indexOf('team/app')).toBeLessThan(stdout.indexOf('other'));
    expect(stdout).toMatch(/│ repository\s+│ unique\s+│ shared\s+│ physical\s+│/);
    expect(stdout).toContain(`(${total.bytes} bytes) in ${total.blobs} blobs: live`);
    expect(stdout).toContain('No tag leads to: 1 manifest; ');
  });

  it.each(['repository', 'tag', 'image'])('follows the schema by %s', async (by) => {
    const text = readFileSync(join(import.meta.dirname, '../../schemas/usage.schema.json'), 'utf8');
    const validate = new Ajv2020({ strict: true, allErrors: true }).compile(JSON.parse(text));
    const report = await json('--by', by);
    expect(report.rows.length).toBeGreaterThan(1);
    validate(report);
    expect(validate.errors).toBeNull();
  });

  it('knows what is shared: the base layer of both repositories', async () => {
    const { rows } = await json();
    for (const { physicalBytes, uniqueBytes, sharedBytes } of rows) {
      expect(sharedBytes).toBe(physicalBytes - uniqueBytes);
      expect(sharedBytes).toBeGreaterThanOrEqual(2000);
    }
  });

  it('lists tags and images', async () => {
    const tags = (await json('--by', 'tag')).rows.map(({ repository, tag }) => `${repository}:${tag}`);
    expect(tags).toEqual(['team/app:v1', 'other:v1']);
    const images = (await json('--by', 'image')).rows;
    expect(images.map(({ tags }) => tags)).toEqual([['v1'], [], ['v1']]);
    expect((await cli('--by', 'image')).stdout).toMatch(/│ team\/app@sha256:[0-9a-f]{12} +│ v1 /);
    expect((await cli('--by', 'tag')).stdout).toMatch(/│ other:v1 +│ sha256:[0-9a-f]{12} /);
  });

  it('leaves out what is over --top, and says how many', async () => {
    expect(await json('--by', 'image', '--top', '1')).toMatchObject({ rows: [{}], omitted: 2 });
    expect((await cli('--by', 'image', '--top', '1')).stdout).toContain('… and 2 more; --top shows more');
  });

  it('prints CSV with a header and plain integers', async () => {
    for (const by of ['repository', 'tag', 'image'] as const) {
      const { stdout } = await cli('--by', by, '--csv');
      const [head, ...lines] = stdout.trimEnd().split('\n');
      const names = {
        repository: 'repository',
        tag: 'repository,tag,digest',
        image: 'repository,digest,tags',
      };
      expect(head).toBe(`${names[by]},unique_bytes,shared_bytes,physical_bytes`);
      const { rows } = await json('--by', by);
      expect(lines).toEqual(
        rows.map(({ repository, tag, digest, tags, ...sizes }) =>
          [
            repository,
            ...(by === 'repository' ? [] : by === 'tag' ? [tag, digest] : [digest, tags?.join(' ')]),
            ...[sizes.uniqueBytes, sizes.sharedBytes, sizes.physicalBytes],
          ].join(','),
        ),
      );
    }
  });

  it.each(['0', '-1', '1.5', 'all', '', '1000001'])('refuses --top %j', async (top) => {
    const { code, stdout, stderr } = await cli(`--top=${top}`);
    expect([code, stdout]).toEqual([EXIT.usage, '']);
    expect(stderr).toBe(`registry-prune: --top is "${top}": allowed are 1 to 1000000\n`);
  });

  it('takes the largest --top', async () => {
    expect(await json('--top', '1000000')).toMatchObject({ omitted: 0 });
  });

  it('refuses to list what it does not know, and two formats at once', async () => {
    const unknown = await cli('--by', 'layer');
    expect([unknown.code, unknown.stdout]).toEqual([EXIT.usage, '']);
    expect(unknown.stderr).toContain('Allowed choices are repository, tag, image');
    const both = await cli('--json', '--csv');
    expect([both.code, both.stdout]).toEqual([EXIT.usage, '']);
  });

  it('changes nothing', async () => {
    const before = await services.moment();
    for (const by of ['repository', 'tag', 'image']) await cli('--by', by);
    expect(await services.moment()).toEqual(before);
  });
});

describe('usage --html', () => {
  it('writes the page in place of an older one, and prints as without it', async () => {
    const path = join(directory, 'page.html');
    writeFileSync(path, 'old');
    const { code, stdout } = await cli('--html', path);
    expect([code, stdout]).toEqual([EXIT.done, (await cli()).stdout]);
    const page = readFileSync(path, 'utf8');
    expect(page).toMatch(/^<!doctype html>\n[\s\S]*<\/html>\n$/);
    expect(page).toContain('<title>Registry usage: registry</title>');
    expect(page).toContain('No run is known.');
    expect(readdirSync(directory)).toEqual(['page.html']);
  });

  it.each([
    { title: 'a directory that is not there', place: 'missing/page.html', code: 'ENOENT' },
    { title: 'a directory in its place', place: '.', code: 'EISDIR|EBUSY|ENOTEMPTY|EINVAL|EEXIST' },
  ])('says in one line what cannot be written: $title', async ({ place, code }) => {
    const path = `${directory}/${place}`;
    const before = readdirSync(directory);
    const failed = await cli('--html', path);
    expect([failed.code, failed.stdout]).toEqual([EXIT.error, '']);
    expect(failed.stderr.startsWith(`registry-prune: cannot write ${path}: `)).toBe(true);
    expect(failed.stderr).toMatch(new RegExp(`(?:${code})[^\n]*\n$`));
    expect(readdirSync(directory)).toEqual(before);
  });
});

it('ends with 5 and names the rows it does not understand', async () => {
  const client = new DynamoDBClient({});
  for (const pk of ['REPO#team/app', 'RUNS']) {
    const Item = { pk: { S: pk }, sk: { S: 'TAG#strange' }, digest: { S: 'nothing' } };
    await client.send(new PutItemCommand({ TableName: TABLE, Item }));
  }
  client.destroy();
  const text = await cli();
  expect(text.code).toBe(EXIT.partial);
  expect(text.stdout).toContain('Not counted: 1 row of the table');
  expect(text.stdout).toContain('unreadable: REPO#team/app / TAG#strange');
  const path = join(directory, 'strange.html');
  const { code, stdout } = await cli('--json', '--html', path);
  expect([code, JSON.parse(stdout).unreadable]).toEqual([
    EXIT.partial,
    { rows: 1, first: ['REPO#team/app / TAG#strange'] },
  ]);
  const page = readFileSync(path, 'utf8');
  expect(page).toContain('REPO#team/app / TAG#strange');
  expect(page).toContain('the item RUNS / TAG#strange is in a shape');
});
