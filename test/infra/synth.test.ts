import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RegistryPruneStack } from '../../infra/stack.ts';
import { temporaryApp } from './temporary-app.ts';

const ROOT = resolve(import.meta.dirname, '../..');
let outdir: string;

beforeAll(async () => {
  outdir = await mkdtemp(join(tmpdir(), 'registry-prune-synth-'));
});

afterAll(() => rm(outdir, { recursive: true, force: true }));

test('the stack has the metadata table, and says its name', () => {
  const template = Template.fromStack(new RegistryPruneStack(temporaryApp(), 'RegistryPrune'));
  const [table, ...others] = Object.keys(template.findResources('AWS::DynamoDB::GlobalTable'));
  expect(others).toEqual([]);
  template.hasOutput('MetadataTableName', { Value: { Ref: table } });
});

test('the stack hands the properties of the table on', () => {
  const stack = new RegistryPruneStack(temporaryApp(), 'RegistryPrune', {
    metadata: { tableName: 'metadata' },
  });
  Template.fromStack(stack).hasResourceProperties('AWS::DynamoDB::GlobalTable', { TableName: 'metadata' });
});

test('the stack is tied to no account and no region, and asks nothing of AWS', () => {
  const app = temporaryApp();
  const { artifactId } = new RegistryPruneStack(app, 'RegistryPrune');
  const assembly = app.synth();
  const { environment } = assembly.getStackArtifact(artifactId);
  expect(environment).toMatchObject({ account: 'unknown-account', region: 'unknown-region' });
  expect(assembly.manifest.missing).toBeUndefined();
});

test('the command of cdk.json synthesizes the same stack, without credentials', async () => {
  const { app } = JSON.parse(await readFile(join(ROOT, 'cdk.json'), 'utf8'));
  expect(app).toBe('node infra/app.ts');
  await promisify(execFile)(process.execPath, ['infra/app.ts'], {
    cwd: ROOT,
    env: { CDK_OUTDIR: outdir, HOME: outdir },
  });
  const template = JSON.parse(await readFile(join(outdir, 'RegistryPrune.template.json'), 'utf8'));
  const { Description, ...rest } = template;
  expect(Description).toMatch(/^registry-prune: /);
  expect(rest).toEqual(Template.fromStack(new RegistryPruneStack(temporaryApp(), 'RegistryPrune')).toJSON());
});
