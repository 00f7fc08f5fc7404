import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleSize, MAX_BUNDLE_BYTES } from '../../infra/bundle-size.ts';
import { RegistryPruneStack } from '../../infra/stack.ts';
import { CDK_JSON, ROOT, templateOf, temporaryApp } from './temporary-app.ts';

const run = promisify(execFile);
let outdir: string;

beforeAll(async () => {
  outdir = await mkdtemp(join(tmpdir(), 'registry-prune-synth-'));
});

afterAll(() => rm(outdir, { recursive: true, force: true }));

/** As `npx cdk` does in a checkout: without credentials, a region, or anything else of the machine's. */
async function cdk(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { CDK_DEBUG: _, ...environment } = process.env;
  const env = {
    PATH: environment['PATH'],
    HOME: outdir,
    AWS_EC2_METADATA_DISABLED: 'true',
    // Of the environment of the tests' own runner nothing may decide what is synthesized.
    CI: 'true',
  };
  const command = [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), ...args, '--output', outdir, '--no-notices'];
  try {
    return { code: 0, ...(await run(process.execPath, command, { cwd: ROOT, env, maxBuffer: 1e8 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const templateFile = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(outdir, 'RegistryPrune.template.json'), 'utf8'));

describe('cdk synth', () => {
  let told = '';

  // With all functions. Of the other stacks, templates alone are made (nag.test.ts).
  test('with a bucket that exists, offline: the rules of cdk-nag pass, and it is the stack of the tests', async () => {
    const props = { bucketName: 'my-registry', pullTimes: true };
    const { code, stderr } = await cdk(
      'synth',
      '--quiet',
      '-c',
      'bucket=my-registry',
      '-c',
      'pullTimes=true',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).not.toMatch(/ERROR|WARN/);
    const { Description, ...rest } = await templateFile();
    expect(Description).toMatch(/^registry-prune: /);
    expect(withoutCode(rest)).toEqual(withoutCode(templateOf(props).toJSON()));
    told = stderr;
  });

  test('prints what each bundle weighs, and none is over a megabyte', async () => {
    const printed = [...told.matchAll(/^(\S+handler\.ts): (\d+) kB$/gm)].map(([, name]) => name);
    expect(printed.sort()).toEqual([
      'distributed/decide-handler.ts',
      'distributed/finish-handler.ts',
      'distributed/start-handler.ts',
      'distributed/worker-handler.ts',
      'index/handler.ts',
      'index/heartbeat-handler.ts',
      'notifications/handler.ts',
      'prune/handler.ts',
      'rebuild/next-handler.ts',
      'rebuild/slice-handler.ts',
      'restore/handler.ts',
    ]);
    const bundles = (await readdir(outdir)).filter((name) => name.startsWith('asset.'));
    expect(bundles.length).toBeGreaterThanOrEqual(printed.length);
    for (const bundle of bundles) expect(bundleSize(join(outdir, bundle))).toBeLessThan(MAX_BUNDLE_BYTES);
  });

  test('says in one line what is wrong with the settings', async () => {
    const { code, stderr } = await cdk('synth', '-c', 'bucket=my-registry', '-c', 'gracee=1h');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/^registry-prune: unknown context gracee: allowed are bucket, root, /m);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

test('the command of cdk.json installs what is missing first', () => {
  expect(CDK_JSON.app).toBe('node scripts/run.cjs node infra/app.ts');
});

test('the stack is tied to no account and no region, and asks nothing of AWS', () => {
  const app = temporaryApp();
  const { artifactId } = new RegistryPruneStack(app, 'RegistryPrune', { bucketName: 'my-registry' });
  const assembly = app.synth();
  const { environment } = assembly.getStackArtifact(artifactId);
  expect(environment).toMatchObject({ account: 'unknown-account', region: 'unknown-region' });
  expect(assembly.manifest.missing).toBeUndefined();
});

test('two registries fit into one app', () => {
  const app = temporaryApp();
  const stacks = ['one', 'two'].map(
    (name) => new RegistryPruneStack(app, `Prune-${name}`, { bucketName: `registry-${name}` }),
  );
  const [one, two] = stacks.map((stack) =>
    Object.keys(Template.fromStack(stack).toJSON()['Resources']).filter(
      (id) => !id.startsWith('BucketEvents'),
    ),
  );
  expect(one?.length).toBeGreaterThan(20);
  expect(two).toEqual(one);
});

/** The functions' code is bundled in one and not in the other. */
function withoutCode(template: Record<string, unknown>): unknown {
  return JSON.parse(
    JSON.stringify(template, (key, value) => (key === 'S3Key' || key === 'Metadata' ? undefined : value)),
  );
}
