import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answers } from '../../lambdas/operations/operate.ts';
import type { Action } from '../../lambdas/operations/payload.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import type { Next } from '../../lambdas/rebuild/next.ts';
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

  it('rebuild the index in units, with what the index has not been told', async () => {
    const [old, unseen] = [picture('deleted before the rebuild'), picture('pushed before the rebuild')];
    await pushArtifact(stack.client, 'team/rebuilt', old, 'v1');
    await stack.index();
    await stack.client.deleteManifest('team/rebuilt', old.digest);
    await pushArtifact(stack.client, 'team/rebuilt', unseen, 'v2');
    let step = (await stack.invoke('ReindexNext', {})) as Next;
    while (!step.finished) {
      const { id, phase, units } = step;
      for (const unit of units) await stack.invoke('ReindexSlice', { id, phase, unit });
      step = (await stack.invoke('ReindexNext', { id })) as Next;
    }
    expect(step.report).toMatchObject({ postponed: 0, unreadable: { count: 0 }, lost: { count: 0 } });
    const { added, removed } = step.report;
    expect(added).toMatchObject({ manifests: 1, tags: 1 });
    expect(removed.manifests + removed.tags + removed.edges).toBeGreaterThan(1);
    const reports = await pruneUntilQuiet({});
    expect(reports.flatMap(({ imagesDeleted }) => imagesDeleted)).toContainEqual({
      deleted: old.configDigest,
    });
    expect(await failures()).toEqual([]);
    await stack.bus.receive();
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

describe('the prune function, by action,', () => {
  const call = async <A extends Action>(action: A, fields: object = {}): Promise<Answers[A]> =>
    (await stack.invoke('Prune', { action, ...fields })) as Answers[A];
  const REPO = 'team/planned';
  const garbage = picture('planned');
  const lost = [...garbage.layerDigests, garbage.configDigest];
  let made: Answers['plan'];
  let reports: Report[];

  beforeAll(async () => {
    await pushGarbage(REPO, garbage);
    await stack.index();
    made = await call('plan', { repositories: [REPO] });
  });

  it('plans, and keeps the plan in the bucket', () => {
    const { plan, location, hash, totals, report } = made;
    expect(report).toMatchObject({ status: 'completed', dryRun: true });
    expect(plan?.manifests.map(({ digest }) => digest)).toEqual([garbage.digest]);
    expect(new Set(plan?.blobs.map(({ digest }) => digest))).toEqual(new Set([garbage.digest, ...lost]));
    expect(location).toBe(`s3://${BUCKET}/registry-prune/plans/${plan?.id}.json`);
    expect({ hash, totals }).toEqual({ hash: plan?.hash, totals: plan?.totals });
  });

  it.each<[string, () => object | string, RegExp]>([
    ['that was edited', () => ({ ...made.plan, manifests: [] }), /^the plan was edited/],
    ['of another bucket', () => 's3://other/registry-prune/plans/x.json', /is no place for plans/],
    ['of another place', () => `s3://${BUCKET}/docker/plan.json`, /is no place for plans/],
    ['that is not there', () => `s3://${BUCKET}/registry-prune/plans/none.json`, /^there is no plan at/],
  ])('does not apply a plan %s', async (_, plan, message) => {
    await expect(call('apply', { plan: plan() })).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: expect.stringMatching(message),
    });
  });

  it('applies a plan by its location, and again, to no end', async () => {
    const { location = '' } = made;
    expect(await call('apply', { plan: location, dryRun: true })).toMatchObject({
      dryRun: true,
      plan: { hash: made.hash, manifests: { planned: 1 } },
    });
    reports = [];
    for (let at = 0; at < 2; at++) {
      await stack.index();
      reports.push(await call('apply', { plan: location }));
    }
    expect(reports.map(({ manifests, blobs }) => [manifests.deleted, blobs.deleted])).toEqual([
      [1, 1 + lost.length],
      [0, 0],
    ]);
    expect(reports.at(-1)?.plan).toMatchObject({
      hash: made.hash,
      manifests: { planned: 1, gone: 1, pending: 0, dropped: 0 },
      blobs: { planned: 1 + lost.length, gone: 1 + lost.length, pending: 0, dropped: 0 },
      nextAt: null,
      dropped: [],
    });
    expect(await failures()).toEqual([]);
  });

  it('tells what keeps something, and by the journal why something went', async () => {
    const kept = await call('why', { subject: `${REPO}:moving` });
    expect(kept.manifests).toMatchObject([
      { verdict: 'kept', because: 'tag', path: [{ what: `${REPO}:moving` }, { by: 'named' }] },
    ]);
    const [gone] = (await call('why', { subject: `${REPO}@${garbage.digest}` })).manifests;
    const [{ runId = '', journal = '' } = {}] = reports;
    expect(gone).toMatchObject({ verdict: 'deleted', deletion: { by: 'run', runId, journal } });
    expect(gone?.deletion?.reason).toMatch(/./);
    expect((await call('why', { subject: garbage.configDigest })).blob).toMatchObject({
      verdict: 'deleted',
      deletion: { by: 'run' },
    });
  });

  it('tells of the runs, of one, and of none', async () => {
    const latest = await call('runs', { limit: reports.length });
    expect(latest.map(({ runId }) => runId)).toEqual(reports.map(({ runId }) => runId).reverse());
    const [{ runId = '', spaceReclaimed = 0 } = {}] = reports;
    expect(await call('run', { runId })).toMatchObject({ runId, spaceReclaimed, plan: made.hash });
    await expect(call('run', { runId: 'none' })).rejects.toMatchObject({ name: 'UnknownRunError' });
    expect(await call('status')).toMatchObject({ lock: null, run: null });
  });

  it('brings back what a run has deleted, tags too', async () => {
    const tagged = picture('undone');
    await pushArtifact(stack.client, 'team/undone', tagged, 'v1');
    await stack.index();
    const request = { filters: { dangling: ['false'] }, repositories: ['team/undone'] };
    const gone = (await pruneUntilQuiet(request)).filter(({ journal }) => journal !== undefined);
    const served = () => stack.client.getManifest('team/undone', 'v1');
    await expect(served()).rejects.toMatchObject({ status: 404 });
    const [first, ...later] = gone;
    const runId = first?.runId ?? '';
    expect(await call('restore', { runId, dryRun: true })).toMatchObject({
      dryRun: true,
      tags: { restored: 1 },
    });
    await expect(served()).rejects.toMatchObject({ status: 404 });
    for (const report of [...later.reverse(), first])
      expect(await call('restore', { runId: report?.runId })).toMatchObject({
        status: 'restored',
        skipped: [],
      });
    expect((await served()).digest).toBe(tagged.digest);
    expect(await failures()).toEqual([]);
    await stack.index();
    expect(await call('why', { subject: 'team/undone:v1' })).toMatchObject({
      tag: { digest: tagged.digest },
    });
  });

  it('does it all for the command line, which needs its name and nothing else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'registry-prune-'));
    const file = join(directory, 'plan.json');
    const cli = (...args: string[]) => stack.cliByFunction(...args);
    try {
      await pushGarbage('team/remote', picture('remote'));
      await stack.index();
      expect(await cli('plan', '--repository', 'team/remote', '-o', file)).toMatchObject({
        code: 0,
        stderr: '',
      });
      const plan = JSON.parse(await readFile(file, 'utf8'));
      const applied = await cli('apply', file, '--json');
      expect(applied).toMatchObject({ code: 0, stderr: '' });
      const { runId, trigger } = JSON.parse(applied.stdout);
      expect(trigger).toBe('cli');
      const location = `s3://${BUCKET}/registry-prune/plans/${plan.id}.json`;
      expect((await cli('apply', location, '--dry-run')).code).toBe(0);
      await writeFile(file, JSON.stringify({ ...plan, blobs: [] }));
      expect(await cli('apply', file)).toMatchObject({ code: 4, stderr: expect.stringContaining('edited') });
      expect(await cli('prune', '--filter', 'colour=red', '--dry-run')).toMatchObject({ code: 2 });
      expect((await cli('why', 'team/remote:moving')).stdout).toContain('team/remote:moving');
      expect((await cli('runs', '--limit', '1')).stdout).toContain(runId);
      expect((await cli('runs', 'show', runId)).stdout).toContain(runId);
      expect(await cli('restore', runId)).toMatchObject({ code: 0 });
      expect(await cli('watch', '--once')).toMatchObject({ code: 0, stdout: 'No prune is running.\n' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

const BY_LAMBDA = 'Lambda itself does it, in the name of the role.';
const LINKS_LOST = 'Only for a link that is missing: test/index/live.property.test.ts.';
const HIDDEN = 'Only for data that was deleted and is needed: test/index/reindex.test.ts.';
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
  ['ReindexSlice', 's3:PutObject', '/link', LINKS_LOST],
  ['ReindexSlice', 'lambda:InvokeFunction', '', HIDDEN],
  ['ReindexSlice', 'events:PutEvents', '', HIDDEN],
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
    ['Prune', 's3:PutObject', 'registry-prune/plans/1.json'],
    ['Prune', 's3:DeleteObject', 'registry-prune/plans/1.json'],
    ['Prune', 's3:PutObject', 'docker/registry/v2/repositories/a/_manifests/tags/v1/current/link'],
    ['Prune', 's3:GetObject', 'something/of/others'],
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
