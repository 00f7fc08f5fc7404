import { Duration } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../lambdas/prune/report.ts';
import type { FunctionName } from '../support/deployed/assembly.ts';
import { callsOf } from '../support/deployed/calls.ts';
import { allows, type Call, type Grant, grantsOf } from '../support/deployed/policy.ts';
import { resolve } from '../support/deployed/template.ts';
import { listVersions } from './support/bucket.ts';
import { type Deployment, deploy } from './support/deployment.ts';
import { type Image, image, layer, pushArtifact } from './support/images.ts';
import { failureLines, pullEverything } from './support/pulls.ts';

const BUCKET = 'deployed-registry';

/** The bundles and policies of the stack, moto, and the real registry. Nothing has to rest. */
let stack: Deployment;

beforeAll(async () => {
  stack = await deploy(BUCKET, {
    grace: Duration.seconds(0),
    quarantine: Duration.seconds(0),
    eventBus: 'own',
  });
});
afterAll(() => stack?.stop());

const picture = (seed: string): Image => image({ layers: [layer(`${seed} one`), layer(`${seed} two`)] });
const prune = async (event: unknown): Promise<Report> => (await stack.invoke('Prune', event)) as Report;
const failures = async () => failureLines((await pullEverything(stack.client)).failures);

/** Pushed under a tag that then goes to another image: nothing holds it any more. */
async function pushGarbage(repo: string, artifact: Image): Promise<void> {
  await pushArtifact(stack.client, repo, artifact, 'moving');
  await pushArtifact(stack.client, repo, picture(`in the stead of ${artifact.digest}`), 'moving');
}

/** Each kind of thing is due when the one before it went. */
async function pruneUntilQuiet(event: unknown): Promise<Report[]> {
  const reports: Report[] = [];
  do {
    await stack.index();
    reports.push(await prune(event));
  } while ((reports.at(-1)?.imagesDeleted.length ?? 0) > 0 || (reports.at(-1)?.blobs.condemned ?? 0) > 0);
  return reports;
}

describe('the deployed functions', () => {
  it('refuse before the index was built, and say so on the bus', async () => {
    expect(await prune(stack.schedulePayload('PruneSchedule'))).toMatchObject({
      status: 'refused',
      refusals: [{ code: 'stale-index' }],
    });
    expect(await stack.bus.receive()).toMatchObject([{ detail: { status: 'refused', trigger: 'schedule' } }]);
    await stack.cli('reindex');
  });

  it('prune what was pushed and lost its tag, by schedule', async () => {
    const garbage = picture('garbage');
    await pushGarbage('team/app', garbage);
    await stack.invoke('Heartbeat', stack.schedulePayload('HeartbeatSchedule'));
    const reports = await pruneUntilQuiet(stack.schedulePayload('PruneSchedule'));
    const deleted = reports.flatMap(({ imagesDeleted }) => imagesDeleted.map((one) => Object.values(one)[0]));
    expect(new Set(deleted)).toEqual(
      new Set([garbage.digest, ...garbage.layerDigests, garbage.configDigest]),
    );
    const events = (await stack.bus.receive()).filter(({ detailType }) => detailType === 'Registry Prune');
    expect(events).toHaveLength(reports.length);
    expect(events.map(({ detail }) => detail['reclaimedBytes'])).toEqual(
      reports.map(({ spaceReclaimed }) => spaceReclaimed),
    );
    expect(reports.at(-1)).toMatchObject({ status: 'completed', refusals: [] });
    expect(await failures()).toEqual([]);
  });

  it('leave nothing of finished uploads', async () => {
    const left = await listVersions(stack.account.url, BUCKET);
    expect(left.filter(({ key, isMarker }) => key.includes('/_uploads/') && !isMarker)).toEqual([]);
  });

  it('bring back what a late push needs, by the restore function', async () => {
    const late = picture('late');
    await pushGarbage('team/late', late);
    await stack.index();
    // Pushed again, and nobody has told the index yet.
    await pushArtifact(stack.client, 'other/late', late, 'v1');
    await pushArtifact(stack.client, 'team/late', late, 'again');
    for (let at = 0; at < 4; at++) await prune({});
    expect(await failures()).not.toEqual([]);
    await stack.index();
    expect(await failures()).toEqual([]);
    const restored = (await stack.bus.receive()).filter(({ detailType }) => detailType === 'Blob Restored');
    expect(restored.map(({ detail }) => detail['digest'])).toContain(late.digest);
  });

  it('prune tagged images when asked by hand', async () => {
    const old = picture('old');
    await pushArtifact(stack.client, 'team/tagged', old, 'v1');
    await pushArtifact(stack.client, 'team/tagged', picture('deleted by a client'), 'v2');
    await stack.index();
    await stack.client.deleteManifest('team/tagged', picture('deleted by a client').digest);
    await stack.index();
    const reports = await pruneUntilQuiet({
      filters: { dangling: ['false'] },
      repositories: ['team/tagged'],
    });
    expect(reports.flatMap(({ imagesDeleted }) => imagesDeleted)).toContainEqual({
      untagged: 'team/tagged:v1',
    });
    await stack.bus.receive();
  });

  it('refuse while a change could not be indexed', async () => {
    await stack.sendDeadLetter('poison');
    expect(await prune({})).toMatchObject({ status: 'refused', refusals: [{ code: 'dead-letters' }] });
    await stack.purgeDeadLetters();
    expect(await prune({})).toMatchObject({ status: 'completed', refusals: [] });
  });

  it('record when an image was pulled', async () => {
    // Every check above has pulled everything.
    const updates = () =>
      stack.account.recorded.filter(
        ({ role, headers }) =>
          role === 'Notification' && String(headers['x-amz-target']).endsWith('.UpdateItem'),
      );
    await expect.poll(() => updates().length, { timeout: 10_000 }).toBeGreaterThan(1);
  });
});

const BY_LAMBDA = 'Lambda itself does it, in the name of the role.';
const AFTER_A_CRASH = 'Only to repair what a run left that did not live to its end: test/prune, crash tests.';
const DUE_LATER = 'Only for what was left a week ago: test/e2e/uploads.test.ts.';

/** Allowed, and not asked for here: role, action, end of the resource. What is here and asked for after all fails. */
const UNUSED: readonly (readonly [role: string, action: string, end: string, reason: string])[] = [
  ['', 'logs:CreateLogStream', '', BY_LAMBDA],
  ['', 'logs:PutLogEvents', '', BY_LAMBDA],
  ['Index', 'sqs:ReceiveMessage', '', BY_LAMBDA],
  ['Index', 'sqs:DeleteMessage', '', BY_LAMBDA],
  ['Index', 'sqs:GetQueueAttributes', '', BY_LAMBDA],
  ['Index', 'sqs:SendMessage', '', 'Only for a key that waits for a run that is just deleting: test/index.'],
  ['Prune', 'sqs:SendMessage', '', BY_LAMBDA],
  ['Prune', 's3:PutObject', '/link', AFTER_A_CRASH],
  ['Prune', 'lambda:InvokeFunction', '', AFTER_A_CRASH],
  ['Prune', 'dynamodb:PutItem', '', AFTER_A_CRASH],
  ['Prune', 's3:AbortMultipartUpload', '', DUE_LATER],
  ['Prune', 's3:ListMultipartUploadParts', '', DUE_LATER],
  [
    'Heartbeat',
    's3:DeleteObject',
    '',
    'Only for heartbeats of the day before: test/index/heartbeat.test.ts.',
  ],
];

describe('the roles', () => {
  let asked: (readonly [FunctionName, Call])[];
  let granted: ReadonlyMap<FunctionName, Grant[]>;
  const grants = (role: FunctionName): Grant[] => granted.get(role) ?? [];

  beforeAll(() => {
    asked = stack.account.recorded.flatMap((request) =>
      request.role === 'testing'
        ? []
        : callsOf(request).map((call) => [request.role as FunctionName, call] as const),
    );
    const { functions } = stack.assembly;
    granted = new Map(
      [...functions].map(([role, { statements }]) => [role, grantsOf(resolve(statements, stack.deployed))]),
    );
  });

  it('may do all that the functions have asked for', () => {
    const denied = asked.filter(([role, call]) => !grants(role).some((grant) => allows(grant, call)));
    expect(asked.length).toBeGreaterThan(500);
    expect([...new Set(denied.map(([role, call]) => `${role} ${call.action} ${call.resource}`))]).toEqual([]);
    expect(new Set(asked.map(([role]) => role))).toEqual(new Set(stack.assembly.functions.keys()));
  });

  it('may do nothing that none of them has asked for, but for what has a reason', () => {
    const unused = [...stack.assembly.functions.keys()].flatMap((role) =>
      grants(role)
        .filter((grant) => !asked.some(([of, call]) => of === role && allows(grant, call)))
        .map((grant) => ({ role, ...grant })),
    );
    const reasonsOf = (one: (typeof unused)[number]) =>
      UNUSED.filter(
        ([role, action, end]) =>
          (role === '' || role === one.role) && action === one.action && one.resource.endsWith(end),
      );
    expect(
      unused
        .filter((one) => reasonsOf(one).length === 0)
        .map(({ role, action, resource }) => `${role} ${action} ${resource}`),
    ).toEqual([]);
    const needed = new Set(unused.flatMap(reasonsOf));
    expect(UNUSED.filter((reason) => !needed.has(reason))).toEqual([]);
  });

  it.each<[FunctionName, string, string]>([
    ['Prune', 's3:DeleteObjectVersion', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Index', 's3:DeleteObjectVersion', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Index', 's3:DeleteObject', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Prune', 's3:DeleteObject', 'registry-prune/journal/run/1.ndjson'],
    ['Prune', 's3:PutObject', 'registry-prune/journal/run/1.ndjson'],
    ['Prune', 's3:DeleteObject', 'something/of/others'],
    ['Prune', 's3:PutObject', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Heartbeat', 's3:DeleteObject', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Restore', 's3:DeleteObject', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
    ['Notification', 's3:GetObject', 'docker/registry/v2/blobs/sha256/ab/abc/data'],
  ])('%s may not %s %s', (role, action, key) => {
    const call = { action, resource: `arn:aws:s3:::${BUCKET}/${key}` };
    expect(grants(role).filter((grant) => allows(grant, call))).toEqual([]);
  });

  it('would not pass with a statement less', () => {
    const calls = asked.filter(([role]) => role === 'Prune');
    const all = grants('Prune').filter((grant) => calls.some(([, call]) => allows(grant, call)));
    const needless = all.filter((one) =>
      calls.every(([, call]) => all.some((grant) => grant !== one && allows(grant, call))),
    );
    expect(needless).toEqual([]);
  });
});
